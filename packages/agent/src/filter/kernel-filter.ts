import { STAGE } from "@tcptracker/events";
import {
  encode,
  generate,
  SHARED_MAPS,
  type BpfProgramCode,
  type KernelExpression,
} from "@tcptracker/filter";
import { loadProgram, type BpfMap, type BpfObject, type RawBpfProgram } from "@tcptracker/libbpf";
import { MAPS } from "@tcptracker/probes";
import { TapError } from "../errors.ts";
import { FilterMaps } from "./filter-maps.ts";
import { parametersLike, type LoadParameters } from "./load-parameters.ts";

/** A program array that a filter belongs into. */
export interface StageArray {
  /** Its name in the object. */
  readonly map: string;
  /** The name of the emit program that belongs there. */
  readonly emit: string;
}

/** The programs of a filter for one array. */
interface Loaded {
  readonly stages: BpfMap;
  readonly emit: { readonly fd: number };
  readonly filter: RawBpfProgram;
  readonly payload: RawBpfProgram | undefined;
}

/** What the kernel decides of a filter: loaded, and put into its slots by {@link install}. */
export class KernelFilter implements Disposable {
  /** As records name it; see `generate` of @tcptracker/filter. */
  readonly generation: number;
  readonly #maps: FilterMaps;
  readonly #loaded: Loaded[] = [];

  /**
   * Loads the programs, one or two for each array. Calls are not filtered by them yet.
   *
   * @throws {@link TapError} ERR_TAP_KERNEL for an expression that is too large; BpfError when the kernel refuses them
   */
  constructor(
    object: BpfObject,
    arrays: readonly StageArray[],
    expression: KernelExpression,
    generation: number,
  ) {
    const generated = generate(expression, generation);
    if (!generated.fits)
      throw new TapError("ERR_TAP_KERNEL", `the filter does not fit into the kernel: ${generated.reason}`);
    this.generation = generation;
    const { filter, payload, maps } = generated.programs;
    this.#maps = new FilterMaps(maps);
    try {
      for (const { map, emit } of arrays) {
        const like = object.program(emit);
        const parameters = parametersLike(like);
        const descriptors = descriptorsOf(object, map, this.#maps.descriptors);
        this.#loaded.push({
          stages: object.map(map),
          emit: like,
          filter: load(filter, parameters, descriptors, "filter"),
          payload:
            payload === undefined ? undefined : load(payload, parameters, descriptors, "filter_payload"),
        });
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** From now on calls go through it: each slot changes at once, and nothing is detached. */
  install(): void {
    for (const { stages, filter, payload } of this.#loaded) {
      if (payload !== undefined) stages.setFd(STAGE.filter_payload, payload);
      stages.setFd(STAGE.filter, filter);
    }
    // A call that the filter before has sent to the payload stage is then for user space to judge.
    for (const { stages, emit, payload } of this.#loaded)
      if (payload === undefined) stages.setFd(STAGE.filter_payload, emit);
  }

  /** Makes these cgroups the members of one of the filter's sets. */
  setMembers(set: string, cgroups: Iterable<bigint>): void {
    this.#maps.setMembers(set, cgroups);
  }

  /** Lets go of programs and maps; those in slots stay until the slots change. */
  close(): void {
    for (const { filter, payload } of this.#loaded) {
      filter.close();
      payload?.close();
    }
    this.#maps.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Puts the programs that let everything through back into the slots of filters. */
export function removeFilter(object: BpfObject, arrays: readonly StageArray[]): void {
  for (const slot of [STAGE.filter, STAGE.filter_payload])
    for (const { map, emit } of arrays) object.map(map).setFd(slot, object.program(emit));
}

/** The maps of the programs around the filter, by the names that its instructions have for them. */
function descriptorsOf(
  object: BpfObject,
  stages: string,
  own: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const names: Readonly<Record<(typeof SHARED_MAPS)[number], string>> = {
    calls: MAPS.calls,
    connections: MAPS.connections,
    counters: MAPS.counters,
    stages,
  };
  return new Map([...own, ...SHARED_MAPS.map((name) => [name, object.map(names[name]).fd] as const)]);
}

function load(
  code: BpfProgramCode,
  parameters: LoadParameters,
  descriptors: ReadonlyMap<string, number>,
  name: string,
): RawBpfProgram {
  return loadProgram({
    ...parameters,
    instructions: encode(code, descriptors),
    license: "Dual BSD/GPL",
    name,
  });
}
