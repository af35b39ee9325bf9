import { defineConfig, type ViteUserConfig } from "vitest/config";

const conditions = ["@tcptracker/source", "node", "import", "module", "default"];

const config: ViteUserConfig = defineConfig({
  root: import.meta.dirname,
  cacheDir: "../../node_modules/.vite/libbpf",
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { name: "libbpf", include: ["src/**/*.test.ts"], environment: "node" },
});

export default config;
