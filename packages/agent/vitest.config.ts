import { defineConfig, type ViteUserConfig } from "vitest/config";

const conditions = ["@tcptracker/source", "node", "import", "module", "default"];

/** What needs no root: vitest.kernel.config.ts has the rest. */
const config: ViteUserConfig = defineConfig({
  root: import.meta.dirname,
  cacheDir: "../../node_modules/.vite/agent",
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: "agent",
    include: ["src/**/*.test.ts", "test/traffic/*.test.ts"],
    environment: "node",
    // nx forces colours upon its tasks, and so upon the programs that tests start.
    env: { FORCE_COLOR: "0" },
    testTimeout: 20_000,
  },
});

export default config;
