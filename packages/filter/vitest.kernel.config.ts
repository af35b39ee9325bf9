import { defineConfig, type ViteUserConfig } from "vitest/config";

const conditions = ["@tcptracker/source", "node", "import", "module", "default"];
const root = process.getuid?.() === 0;
if (!root) console.warn("SKIPPED: the kernel tests load eBPF programs, which needs root; run them with sudo");

/** What filters compile to, in the running kernel. */
const config: ViteUserConfig = defineConfig({
  root: import.meta.dirname,
  cacheDir: "../../node_modules/.vite/filter-kernel",
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: "filter-kernel",
    include: root ? ["test/kernel/**/*.test.ts"] : [],
    passWithNoTests: !root,
    environment: "node",
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

export default config;
