import { defineConfig } from "vitest/config";

const conditions = ["@tcptracker/source", "node", "import", "module", "default"];

export default defineConfig({
  root: import.meta.dirname,
  cacheDir: "../../node_modules/.vite/containers",
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: "containers",
    include: ["src/**/*.test.ts", "test/*.test.ts", "../../tools/test-support/readme.ts"],
    env: { README_PACKAGE: import.meta.dirname },
    environment: "node",
    testTimeout: 60_000,
  },
});
