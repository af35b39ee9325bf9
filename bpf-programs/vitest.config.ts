import { defineConfig, type ViteUserConfig } from "vitest/config";

const conditions = ["@tcptracker/source", "node", "import", "module", "default"];

const config: ViteUserConfig = defineConfig({
  root: import.meta.dirname,
  cacheDir: "../node_modules/.vite/probes",
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: "probes",
    include: ["ts/**/*.test.ts", "test/**/*.test.ts"],
    environment: "node",
    // nx forces colours upon its tasks, and so upon the programs that tests start.
    env: { FORCE_COLOR: "0" },
    testTimeout: 60_000,
  },
});

export default config;
