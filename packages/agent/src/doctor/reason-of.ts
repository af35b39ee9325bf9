import { BpfError } from "@tcptracker/libbpf";
import { ProbesError } from "@tcptracker/probes";
import { TapError } from "../errors.ts";
import type { RefusalReason } from "./diagnosis.ts";

/** What an error says, as it is explained and reported. */
export function reasonOf(error: unknown): RefusalReason {
  if (error instanceof BpfError) {
    const { code, operation, errnoName, message, verifier } = error;
    return {
      code,
      operation,
      ...(errnoName === undefined ? {} : { errno: errnoName }),
      message,
      ...(verifier === undefined || verifier.summary === "" ? {} : { verifier: verifier.summary }),
    };
  }
  if (error instanceof TapError || error instanceof ProbesError)
    return { code: error.code, message: error.message };
  return { code: "ERR_UNKNOWN", message: error instanceof Error ? error.message : String(error) };
}
