/** What the C++ side offers. Internal: everything in here takes handles and validated arguments. */

/** What native code throws; `invoke` turns it into a BpfError. */
export interface NativeFailure {
  errno: number;
  text: string;
  /** The handle belongs to something closed. */
  stale: boolean;
}

export interface NativeProgram {
  handle: number;
  name: string;
  section: string;
  type: number;
  attachType: number;
  autoload: boolean;
}

export interface NativeMapInfo {
  type: number;
  keySize: number;
  valueSize: number;
  valueBytes: number;
  maxEntries: number;
  flags: number;
  fd: number;
}

export interface NativeVariable {
  name: string;
  section: string;
  offset: number;
  size: number;
  kind: "signed" | "unsigned" | "bool" | "bytes";
}

export interface NativeBatch {
  count: number;
  keys: Uint8Array;
  values: Uint8Array;
  cursor: Uint8Array;
  done: boolean;
}

export interface NativeTestRun {
  returnValue: number;
  durationNs: number;
  data?: Uint8Array;
  context?: Uint8Array;
}

export interface NativeReaderStats {
  batches: number;
  records: number;
  bytes: number;
  pollWakeups: number;
  timerWakeups: number;
  timerTicks: number;
  outOfOrder: number;
  malformed: number;
  unreadable: number;
}

export type AttachKind =
  "auto" | "tracepoint" | "rawTracepoint" | "trace" | "kprobe" | "ksyscall" | "event" | "uprobe" | "cgroup";

type Bytes = Uint8Array;

export interface Native {
  setLogLevel(level: number): void;
  takeLog(): (number | string)[];

  objectOpen(
    source: string | Bytes,
    name: string | undefined,
    logLevel: number,
    btfPath: string | undefined,
  ): number;
  objectName(object: number): string;
  objectPrograms(object: number): NativeProgram[];
  objectMaps(object: number): { handle: number; name: string; internal: boolean }[];
  objectLoad(object: number): void;
  objectClose(object: number): boolean;
  objectVariables(object: number): NativeVariable[];
  variableRead(object: number, section: string, offset: number, size: number): Bytes;
  variableWrite(object: number, section: string, offset: number, bytes: Bytes): void;
  kernelBtfIds(names: string[], kinds: number[]): number[];
  /** For each name: id, prototype's id, id, ... */
  kernelFunctions(names: string[]): number[][];

  programSetAutoload(program: number, autoload: boolean): void;
  programSetAttachTarget(program: number, target: string): void;
  programSetAttachId(program: number, id: number): void;
  programFd(program: number): number;
  programInfo(program: number): {
    id: number;
    instructions: number;
    verifiedInstructions: number;
    recursionMisses: number;
  };
  programInstructions(program: number): number;
  programTestRun(
    program: number,
    data: Bytes | undefined,
    context: Bytes | undefined,
    repeat: number,
    flags: number,
    cpu: number,
    dataOutBytes: number,
    contextOutBytes: number,
  ): NativeTestRun;
  programLoad(
    type: number,
    name: string,
    license: string,
    instructions: Bytes,
    expectedAttachType: number,
    attachBtfId: number,
    flags: number,
    logLevel: number,
    logBytes: number,
  ): { handle?: number; errno?: number; log: string };
  programClose(program: number): boolean;
  programAttach(program: number, kind: AttachKind, options: object): number;
  linkFd(link: number): number;
  linkMissed(link: number): number | undefined;
  linkClose(link: number): boolean;
  tracefsMount(): number;

  mapInfo(map: number): NativeMapInfo;
  mapConfigure(map: number, what: "maxEntries" | "reuseFd" | "innerMapFd", value: number): void;
  mapConfigure(map: number, what: "pinPath", value: string): void;
  mapConfigure(map: number, what: "autocreate", value: boolean): void;
  mapGet(map: number, key: Bytes, flags: number, take: boolean): Bytes | undefined;
  mapSet(map: number, key: Bytes, value: Bytes, flags: number): void;
  mapDelete(map: number, key: Bytes): boolean;
  mapNextKey(map: number, key: Bytes | undefined): Bytes | undefined;
  mapFreeze(map: number): void;
  mapCreate(
    type: number,
    name: string | undefined,
    keySize: number,
    valueSize: number,
    maxEntries: number,
    flags: number,
    innerMapFd: number | undefined,
  ): number;
  mapClose(map: number): boolean;
  mapGetBatch(map: number, cursor: Bytes | undefined, count: number, take: boolean): NativeBatch;
  mapSetBatch(map: number, keys: Bytes, values: Bytes, flags: number): void;
  mapDeleteBatch(map: number, keys: Bytes): { count: number; missing: boolean };

  /**
   * `callback(batch, records)`; without a batch `callback(undefined, lost records, cpu)`, or `callback(undefined, errno)`
   * when polling failed.
   */
  ringReaderStart(
    maps: number[],
    batchBytes: number,
    flushMs: number,
    maxBatches: number,
    restAfterMs: number,
    callback: (batch: Bytes | undefined, number: number, cpu: number | undefined) => void,
  ): number;
  perfReaderStart(
    map: number,
    cpus: number[],
    bytesPerCpu: number,
    wakeupBytes: number,
    lengthAt: number,
    orderAt: number,
    batchBytes: number,
    flushMs: number,
    maxBatches: number,
    restAfterMs: number,
    callback: (batch: Bytes | undefined, number: number, cpu: number | undefined) => void,
  ): number;
  readerDetach(reader: number): void;
  readerPending(reader: number): number;
  readerBufferedBytes(reader: number): number;
  /** CPU, lost records, CPU, ... */
  readerLosses(reader: number): number[];
  readerPause(reader: number): void;
  readerResume(reader: number): void;
  readerSetRef(reader: number, ref: boolean): void;
  readerDrain(reader: number): void;
  readerStats(reader: number): NativeReaderStats;
  readerClose(reader: number): boolean;

  probeProgramType(type: number): boolean;
  probeMapType(type: number): boolean;
  probeHelper(programType: number, helper: number): boolean;
  possibleCpus(): number;
  libbpfVersion(): string;
  counts(): { objects: number; programs: number; maps: number; links: number; readers: number };
}
