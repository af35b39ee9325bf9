import { defineConfig, type ViteUserConfig } from "vitest/config";

const conditions = ["@tcptracker/source", "node", "import", "module", "default"];

/** The tests that need root: they make cgroups. */
const config: ViteUserConfig = defineConfig({
  root: import.meta.dirname,
  cacheDir: "../../node_modules/.vite/containers-kernel",
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: "containers-kernel",
    include: ["test/kernel/**/*.test.ts"],
    environment: "node",
    testTimeout: 60_000,
  },
});

export default config;
