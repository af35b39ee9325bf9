import { defineConfig, type ViteUserConfig } from "vitest/config";

const conditions = ["@tcptracker/source", "module", "node", "import", "default"];

const config: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: ["src/**/*.test.ts"], testTimeout: 20_000 },
});

export default config;
