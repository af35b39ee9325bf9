import { defineConfig, type ViteUserConfig } from "vitest/config";

const conditions = ["@tcptracker/source", "module", "node", "import", "default"];

const config: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  cacheDir: "../../node_modules/.vite/demo-http-client",
  test: {
    name: "demo-http-client",
    include: ["src/**/*.test.ts"],
    testTimeout: 20_000,
    // nx forces colours upon its tasks, and so upon the programs that tests start.
    env: { FORCE_COLOR: "0" },
  },
});

export default config;
