import { defineConfig } from "vitest/config";

const conditions = ["@tcptracker/source", "node", "import", "module", "default"];

export default defineConfig({
  root: import.meta.dirname,
  cacheDir: "../../node_modules/.vite/containers",
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: "containers",
    include: ["src/**/*.test.ts", "test/*.test.ts"],
    environment: "node",
    testTimeout: 60_000,
  },
});
