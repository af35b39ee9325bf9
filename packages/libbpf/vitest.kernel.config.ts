import { defineConfig, type ViteUserConfig } from "vitest/config";

const conditions = ["@tcptracker/source", "node", "import", "module", "default"];

/** The tests that need root and load programs into the running kernel. */
const config: ViteUserConfig = defineConfig({
  root: import.meta.dirname,
  cacheDir: "../../node_modules/.vite/libbpf-kernel",
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: "libbpf-kernel",
    include: ["test/kernel/**/*.test.ts"],
    environment: "node",
    // nx forces colours upon its tasks, and so upon the programs that tests start.
    env: { FORCE_COLOR: "0" },
    globalSetup: "test/compile.ts",
    // The files count descriptors and system-wide hits: one at a time, each in a process of its own.
    pool: "forks",
    fileParallelism: false,
    testTimeout: 60_000,
  },
});

export default config;
