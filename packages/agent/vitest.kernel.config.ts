import { defineConfig, type ViteUserConfig } from "vitest/config";

const conditions = ["@tcptracker/source", "node", "import", "module", "default"];
const root = process.getuid?.() === 0;
if (!root) console.warn("SKIPPED: the kernel tests load eBPF programs, which needs root; run them with sudo");

/** The real programs on real sockets: one file at a time, since every tap sees the traffic of all of them. */
const config: ViteUserConfig = defineConfig({
  root: import.meta.dirname,
  cacheDir: "../../node_modules/.vite/agent-kernel",
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: "agent-kernel",
    include: root ? ["test/kernel/**/*.test.ts"] : [],
    passWithNoTests: !root,
    environment: "node",
    // nx forces colours upon its tasks, and so upon the programs that tests start.
    env: { FORCE_COLOR: "0" },
    fileParallelism: false,
    execArgv: ["--expose-gc"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

export default config;
