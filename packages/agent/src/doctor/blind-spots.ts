import type { IoUringSupport } from "../kernel/io-uring.ts";
import type { PageCacheSupport } from "../kernel/page-cache.ts";
import type { BlindSpot, CallHook, WayReport } from "./diagnosis.ts";
import { setting, type Facts } from "./facts.ts";

/** What decides what is not seen: the machine, and the way that `auto` chose (absent when nothing works). */
export interface Situation {
  readonly facts: Facts;
  readonly chosen: WayReport | undefined;
  /** What the tap said of io_uring; absent when none could be started. */
  readonly ioUring?: IoUringSupport | undefined;
  /** Likewise, of the pages of files. */
  readonly pageCache?: PageCacheSupport | undefined;
}

type Look = (situation: Situation) => BlindSpot | undefined;

/** What a tap on this machine does not see; each entry stands for itself. */
export function blindSpots(situation: Situation): BlindSpot[] {
  return LOOKS.map((look) => look(situation)).filter((spot) => spot !== undefined);
}

const NOT_DECLARED = "Nothing in the records says so.";
/** TCP's own count of a connection, compared at its end (bpf-programs/lib/unseen.bpf.h). */
const UNSEEN_GAP =
  "A gap of cause unseen at the end of a connection has the sum, if the tap saw any other call on it.";

const tls: Look = () => ({
  code: "tls",
  state: "warning",
  title: "what TLS encrypts",
  text: "Payloads are seen as they are at the system call: encrypted, unless the kernel does it (kTLS).",
  declared: "nothing",
});

const ioUring: Look = ({ facts, ioUring: support }) => {
  const base = { code: "io_uring", title: "sends and receives through io_uring" } as const;
  const disabled = setting(facts, "kernel.io_uring_disabled");
  if (facts.kernel.config["IO_URING"] === "n" || disabled === 2)
    return { ...base, state: "ok", text: "This kernel has it switched off.", declared: "impossible" };
  const some =
    disabled === 1 ? " Only processes of kernel.io_uring_group can (kernel.io_uring_disabled is 1)." : "";
  if (support?.seen === true) {
    const but = support.reason ?? "operations that tell nobody of their end (IOSQE_CQE_SKIP_SUCCESS)";
    const text = `Recorded like system calls, but for ${but}.${some} ${UNSEEN_GAP}`;
    return {
      ...base,
      state: "info",
      title: "some sends and receives through io_uring",
      text,
      declared: "gap",
    };
  }
  const why = support?.reason === undefined ? "" : ` Not recorded: ${support.reason}.`;
  const text = `They make no system call per operation.${why}${some} ${UNSEEN_GAP}`;
  return { ...base, state: "warning", text, declared: "gap" };
};

const posixAio: Look = ({ facts }) => {
  const base = { code: "posix_aio", title: "sends and receives through io_submit (AIO)" } as const;
  if (facts.kernel.config["AIO"] === "n")
    return { ...base, state: "ok", text: "This kernel is built without it.", declared: "impossible" };
  const text = `The calls that carry them are not hooked; they are rare with sockets. ${UNSEEN_GAP}`;
  return { ...base, state: "warning", text, declared: "gap" };
};

const compat32: Look = ({ facts, chosen }) => {
  const base = { code: "compat32", title: "32-bit programs" } as const;
  const option = facts.kernel.architecture === "arm64" ? "COMPAT" : "IA32_EMULATION";
  if (facts.kernel.config[option] === "n")
    return { ...base, state: "ok", text: "This kernel does not run them.", declared: "impossible" };
  if (chosen?.compat !== false) return undefined;
  const text =
    "The functions of this kernel by which they make calls were not found. What the calls move is declared when their " +
    "connections end; --attach tracepoint sees them.";
  return { ...base, state: "warning", text, declared: "gap" };
};

const mptcp: Look = ({ facts }) => {
  const base = { code: "mptcp", title: "MPTCP sockets" } as const;
  if (facts.kernel.config["MPTCP"] === "n" || setting(facts, "net.mptcp.enabled") === 0)
    return { ...base, state: "ok", text: "This kernel has it switched off.", declared: "impossible" };
  const text = "Their calls count as calls on sockets that are not TCP (counter not_tcp).";
  return { ...base, state: "warning", text, declared: "counter" };
};

const notTcp: Look = () => ({
  code: "not_tcp",
  state: "info",
  title: "UDP (and QUIC), Unix sockets, pipes, files",
  text: "A tap is for TCP (counters not_tcp, not_a_socket).",
  declared: "counter",
});

const sendfile: Look = ({ pageCache: support }) => {
  const base = { code: "sendfile", declared: "gap" } as const;
  const gap =
    "A gap of cause sendfile says how many; of cause splice, where it is from a socket into a pipe.";
  if (support?.seen === true) {
    const some =
      "files opened with O_DIRECT or without pages in memory (/proc, FUSE, DAX), files sent by 32-bit programs";
    return {
      ...base,
      state: "info",
      title: "some bytes of sendfile",
      text: `Recorded, but for ${some}. ${gap}`,
    };
  }
  const why = support?.reason === undefined ? "" : ` Not recorded: ${support.reason}.`;
  const text = `They are never in user memory.${why} ${gap}`;
  return { ...base, state: "warning", title: "the bytes of sendfile", text };
};

const splice: Look = () => ({
  code: "splice",
  state: "info",
  title: "the bytes of splice",
  text: "They are never in user memory. A gap of cause splice says how many.",
  declared: "gap",
});

const urgentData: Look = () => ({
  code: "urgent_data",
  state: "info",
  title: "the byte received with MSG_OOB",
  text: "It is outside the stream (counter urgent).",
  declared: "counter",
});

const zerocopyReceive: Look = () => ({
  code: "zerocopy_receive",
  state: "info",
  title: "bytes mapped by TCP_ZEROCOPY_RECEIVE",
  text: `A getsockopt moves them, which is not hooked; rare. ${UNSEEN_GAP}`,
  declared: "gap",
});

const kernelSockets: Look = () => ({
  code: "kernel_sockets",
  state: "info",
  title: "TCP of the kernel itself (NFS, iSCSI, ...) and of virtual machines",
  text: `No process of this host makes a call for it. ${NOT_DECLARED}`,
  declared: "nothing",
});

const missingHooks: Look = ({ chosen }) => {
  const missing = missingCalls(chosen?.hooks ?? []);
  if (missing.length === 0) return undefined;
  return {
    code: "missing_hooks",
    state: "warning",
    title: `the system calls ${missing.join(", ")}`,
    text: `This kernel does not have them, or refuses the programs on them. ${NOT_DECLARED}`,
    declared: "nothing",
  };
};

/** The kernel sets up the return when the call is entered. */
const blockedBefore: Look = ({ chosen }) => {
  if (chosen === undefined || chosen.strategy === "tracepoint") return undefined;
  return {
    code: "blocked_before",
    state: "info",
    title: "a call that was waiting already when the tap started",
    text: `Each waiting thread's first one; --attach tracepoint sees it. ${NOT_DECLARED}`,
    declared: "nothing",
  };
};

const waitingCalls: Look = ({ chosen }) => {
  const limited = (chosen?.hooks ?? []).filter(({ limitation }) => limitation !== undefined);
  if (limited.length === 0) return undefined;
  return {
    code: "waiting_calls",
    state: "warning",
    title: "calls while many others of the same kind wait",
    text:
      "The kernel lets few be under way for a probe at the same time unless it is made through tracefs, which this " +
      "process cannot have. The summary counts what was missed, where the kernel tells.",
    declared: "counter",
  };
};

const missedRuns: Look = ({ chosen }) => {
  const unpaired = (chosen?.hooks ?? []).filter((hook) => hook.unpaired !== undefined);
  const calls = unpaired.map(({ call }) => call).join(", ");
  const standIn = calls === "" ? "" : `No second program stands by for ${calls}: the kernel refuses it. `;
  return {
    code: "missed_runs",
    state: unpaired.length === 0 ? "info" : "warning",
    title: "a call that returns while another is being recorded on its CPU",
    text: `The kernel may skip the program then. ${standIn}The statistics say how often. ${UNSEEN_GAP}`,
    declared: "gap",
  };
};

const ownTraffic: Look = () => ({
  code: "own_traffic",
  state: "info",
  title: "the traffic of the tap itself",
  text: "It leaves itself out (counter own_call).",
  declared: "counter",
});

/** What matters most comes first. */
const LOOKS: readonly Look[] = [
  missingHooks,
  tls,
  ioUring,
  posixAio,
  compat32,
  mptcp,
  notTcp,
  sendfile,
  splice,
  urgentData,
  zerocopyReceive,
  kernelSockets,
  waitingCalls,
  blockedBefore,
  missedRuns,
  ownTraffic,
];

/** The calls that are not seen. */
export function missingCalls(hooks: readonly CallHook[]): string[] {
  return hooks.filter(({ reason }) => reason !== undefined).map(({ call }) => call);
}
