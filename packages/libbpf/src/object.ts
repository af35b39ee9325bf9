import { checkBytes, checkString, checkUint32 } from "./arguments.ts";
import { loadedAddon } from "./addon.ts";
import { BpfError, closedError, invalidArgument } from "./errors.ts";
import { invoke, invokeQuiet } from "./invoke.ts";
import type { BpfLink } from "./link.ts";
import { BpfMap } from "./map.ts";
import { applyMapOptions, type BpfMapOptions } from "./map-options.ts";
import { BpfProgram } from "./program.ts";
import { findTargets, type BpfTarget } from "./targets.ts";
import { suggest } from "./suggest.ts";
import { encodeVariable, type BpfVariable, type BpfVariableValue } from "./variables.ts";

/** Changes to a program before it is loaded. */
export interface BpfProgramOptions {
  /** Whether to load it (default: yes, unless its section begins with "?"). */
  autoload?: boolean;
  /** See {@link BpfProgram.setAttachTarget}. */
  attachTarget?: string;
}

/** How to open an object. */
export interface BpfObjectOptions {
  /** Overrides the object's name, which is otherwise the file's. */
  name?: string;
  /** Values of constants (`const volatile` globals), by variable name. */
  rodata?: Record<string, BpfVariableValue>;
  maps?: Record<string, BpfMapOptions>;
  programs?: Record<string, BpfProgramOptions>;
  /** The verifier's verbosity when loading: 0 none (default), 1 instructions, 2 with states, 4 figures only. */
  kernelLogLevel?: number;
  /** A BTF file to relocate against instead of the running kernel's. */
  btfPath?: string;
}

/** Kept apart from the object so that it survives it: the collector frees what an object forgot to close. */
const lost = new FinalizationRegistry<number>((handle) => loadedAddon()?.objectClose(handle));

/** A BPF object file: its programs, maps and global variables. Open, adjust, {@link load}, attach, {@link close}. */
export class BpfObject {
  readonly name: string;
  /** By name; in the order of the file. */
  readonly programs: ReadonlyMap<string, BpfProgram>;
  /** By name; global variables are in maps named like ".rodata" with the object's name in front. */
  readonly maps: ReadonlyMap<string, BpfMap>;
  /** The global variables; empty when the object has no BTF. */
  readonly variables: readonly BpfVariable[];
  /** @internal */
  readonly links: Set<BpfLink> = new Set();
  readonly #handle: number;
  #loaded = false;
  #failed = false;
  #closed = false;

  private constructor(handle: number, operation: string) {
    this.#handle = handle;
    const native = <T>(action: Parameters<typeof invokeQuiet<T>>[2]): T =>
      invokeQuiet(operation, "ERR_BPF_OPEN", action);
    this.name = native((addon) => addon.objectName(handle));
    this.variables = native((addon) => addon.objectVariables(handle));
    this.programs = new Map(
      native((addon) => addon.objectPrograms(handle)).map((info) => [info.name, new BpfProgram(info, this)]),
    );
    this.maps = new Map(
      native((addon) => addon.objectMaps(handle)).map((info) => [
        info.name,
        new BpfMap(info.handle, info.name, this),
      ]),
    );
    lost.register(this, handle, this);
  }

  /**
   * Opens an object file, or its bytes, without loading anything into the kernel yet. The file is trusted: libelf and
   * libbpf parse it in this process.
   */
  static open(source: string | Uint8Array, options: BpfObjectOptions = {}): BpfObject {
    const operation =
      typeof source === "string" ? `open ${source}` : `open ${options.name ?? "an object"} from memory`;
    if (typeof source === "string") checkString(operation, "the path", source);
    else checkBytes(operation, "the source", source);
    if (options.name !== undefined) checkString(operation, "name", options.name);
    if (options.btfPath !== undefined) checkString(operation, "btfPath", options.btfPath);
    const level = options.kernelLogLevel ?? 0;
    checkUint32(operation, "kernelLogLevel", level);
    const handle = invoke(operation, "ERR_BPF_OPEN", (native) =>
      native.objectOpen(source, options.name, level, options.btfPath),
    );
    const object = new BpfObject(handle, operation);
    try {
      object.#configure(options);
    } catch (error) {
      object.close();
      throw error;
    }
    return object;
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Loads programs and maps into the kernel. */
  load(): void {
    const operation = `load ${this.name}`;
    this.#open(operation);
    if (this.#loaded || this.#failed) {
      const reason = this.#loaded ? "it is already loaded" : "loading failed before; open it again";
      throw new BpfError("ERR_BPF_INVALID_STATE", { operation, reason });
    }
    try {
      invoke(operation, "ERR_BPF_LOAD", (native) => native.objectLoad(this.#handle));
      this.#loaded = true;
    } catch (error) {
      // libbpf has let go of half of it: a second attempt would work on closed descriptors.
      this.#failed = true;
      throw error;
    }
  }

  /** The program of that name; throws ERR_BPF_NOT_FOUND. */
  program(name: string): BpfProgram {
    return this.programs.get(name) ?? this.#notFound("program", name, this.programs.keys());
  }

  /** The map of that name, where ".rodata", ".data" and ".bss" stand for the maps of globals; throws ERR_BPF_NOT_FOUND. */
  map(name: string): BpfMap {
    const found = this.maps.get(name) ?? (name.startsWith(".") ? this.#section(name) : undefined);
    return found ?? this.#notFound("map", name, this.maps.keys());
  }

  /** What the programs are for, in the order of the file, and whether the running kernel has it. Before or after the load. */
  targets(): BpfTarget[] {
    return findTargets(this.programs.values());
  }

  /** The bytes of a variable: its initial value before the load, the current one after it. */
  readVariable(name: string): Uint8Array {
    const operation = `read variable ${name}`;
    this.#open(operation);
    const { section, offset, size } = this.#variable(name);
    return invokeQuiet(operation, "ERR_BPF_MAP", (native) =>
      native.variableRead(this.#handle, section, offset, size),
    );
  }

  /** Sets a variable: before the load any, afterwards those of .data and .bss, in the running programs. */
  writeVariable(name: string, value: BpfVariableValue): void {
    const operation = `set variable ${name}`;
    this.#open(operation);
    const variable = this.#variable(name);
    if (this.#loaded && variable.section.startsWith(".rodata")) {
      const reason = "the object is loaded, and its constants are fixed since";
      throw new BpfError("ERR_BPF_INVALID_STATE", { operation, reason });
    }
    const bytes = encodeVariable(operation, variable, value);
    invokeQuiet(operation, "ERR_BPF_MAP", (native) =>
      native.variableWrite(this.#handle, variable.section, variable.offset, bytes),
    );
  }

  /** Detaches and unloads everything of this object. Doing it again does nothing. */
  close(): void {
    if (this.#closed) return;
    for (const link of this.links) link.close();
    this.#closed = true;
    lost.unregister(this);
    loadedAddon()?.objectClose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #configure(options: BpfObjectOptions): void {
    for (const [name, value] of Object.entries(options.rodata ?? {})) {
      const { section } = this.#variable(name);
      if (!section.startsWith(".rodata")) {
        throw invalidArgument(
          `set constant ${name}`,
          `it is in ${section}, not a constant`,
          "Use writeVariable()",
        );
      }
      this.writeVariable(name, value);
    }
    for (const [name, changes] of Object.entries(options.maps ?? {}))
      applyMapOptions(this.map(name), changes);
    for (const [name, changes] of Object.entries(options.programs ?? {})) {
      const program = this.program(name);
      if (changes.autoload !== undefined) program.autoload = changes.autoload;
      if (changes.attachTarget !== undefined) program.setAttachTarget(changes.attachTarget);
    }
  }

  #section(section: string): BpfMap | undefined {
    for (const [name, map] of this.maps) if (name.endsWith(section)) return map;
    return undefined;
  }

  #variable(name: string): BpfVariable {
    const found = this.variables.find((variable) => variable.name === name);
    if (found !== undefined) return found;
    return this.#notFound(
      "variable",
      name,
      this.variables.map((variable) => variable.name),
    );
  }

  #notFound(what: string, name: string, available: Iterable<string>): never {
    throw new BpfError("ERR_BPF_NOT_FOUND", {
      operation: `use ${what} ${name} of ${this.name}`,
      reason: `there is no ${what} of that name`,
      hint: suggest(name, available),
    });
  }

  #open(operation: string): void {
    if (this.#closed) throw closedError(operation, "the object");
  }
}
