// What the bundle runs: the command, with the files that cannot be inlined beside it. See bundle.ts.
import { fileURLToPath } from "node:url";
import { setAddonPath } from "@tcptracker/libbpf";
import { setObjectDirectory } from "@tcptracker/probes";
import { main } from "./cli/main.ts";

const beside = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

setAddonPath(beside(`native/linux-${process.arch}/libbpf.node`));
setObjectDirectory(beside("bpf"));
process.exitCode = await main(process.argv.slice(2), new URL("package.json", import.meta.url));
