import { findKernelBtfId, type BpfProgram, type LoadProgramOptions } from "@tcptracker/libbpf";
import { TapError } from "../errors.ts";

/** What a program has to be loaded with so that a program array takes it beside others. */
export type LoadParameters = Pick<LoadProgramOptions, "type" | "expectedAttachType" | "attachBtfId">;

/**
 * The parameters of `program`: those of one array must agree in their type and, where they have one, in what they are for.
 *
 * @throws {@link TapError} for a type of program that is no stage; BpfError when the kernel does not know the function
 */
export function parametersLike(program: BpfProgram): LoadParameters {
  const [kind, target = ""] = program.section.split("/");
  switch (kind) {
    case "tp_btf":
      return tracing("trace_raw_tp", findKernelBtfId(`btf_trace_${target}`, "typedef"));
    case "fexit.id":
      if (program.attachId !== undefined) return tracing("trace_fexit", program.attachId);
      throw new TapError("ERR_TAP_KERNEL", `the program ${program.name} was loaded for no function`);
    case "raw_tp":
      return { type: "raw_tracepoint" };
    case "kretprobe":
      return { type: "kprobe" };
    default:
      throw new TapError("ERR_TAP_KERNEL", `the program ${program.name} (${program.section}) is no stage`);
  }
}

function tracing(expectedAttachType: "trace_raw_tp" | "trace_fexit", attachBtfId: number): LoadParameters {
  return { type: "tracing", expectedAttachType, attachBtfId };
}
