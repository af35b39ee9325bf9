import { features } from "@tcptracker/libbpf";
import { probeObject } from "@tcptracker/probes";
import type { Finding } from "./diagnosis.ts";

/** What the parts of the installation say of themselves; each throws its typed error when it is not there. */
export interface Installation {
  /** Loads the addon. */
  libbpfVersion(): string;
  /** Looks for the eBPF programs of this architecture. */
  findPrograms(): void;
}

const THIS_INSTALLATION: Installation = {
  libbpfVersion: () => features.libbpfVersion(),
  findPrograms: () => {
    probeObject({ strategy: "tracepoint", transport: "ringbuf", atomics: true });
  },
};

/** Whether everything is there that belongs to the command. */
export function installationFindings(installation: Installation = THIS_INSTALLATION): Finding[] {
  return [
    attempt("addon", () => `native addon, with libbpf ${installation.libbpfVersion().replace(/^v/, "")}`),
    attempt("programs", () => {
      installation.findPrograms();
      return "eBPF programs for this architecture";
    }),
  ];
}

function attempt(code: "addon" | "programs", action: () => string): Finding {
  try {
    return { code, area: "installation", state: "ok", text: action() };
  } catch (error) {
    return {
      code,
      area: "installation",
      state: "problem",
      text: error instanceof Error ? error.message : String(error),
    };
  }
}
