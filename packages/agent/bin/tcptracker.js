#!/usr/bin/env node
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`tcptracker: Node.js 22.18 or newer is needed; this is ${process.versions.node}`);
  process.exitCode = 1;
} else if (!existsSync(main)) {
  console.error("tcptracker: not built yet; run 'npm run build' in the checkout");
  process.exitCode = 1;
} else {
  process.exitCode = await (await import(main.href)).main(process.argv.slice(2));
}
