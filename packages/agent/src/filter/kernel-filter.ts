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
import type { Slot } from "./slots.ts";

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
  payload: RawBpfProgram | undefined;
}

/** What the kernel decides of a filter: loaded, for {@link slots} of the program arrays. */
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
        const loaded: Loaded = {
          stages: object.map(map),
          emit: like,
          filter: load(filter, parameters, descriptors, "filter"),
          payload: undefined,
        };
        this.#loaded.push(loaded);
        if (payload !== undefined) loaded.payload = load(payload, parameters, descriptors, "filter_payload");
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** What has to be in which slots, in the order in which it may come there. */
  get slots(): readonly Slot[] {
    const own = this.#loaded.flatMap(({ stages, filter, payload }) => [
      ...(payload === undefined ? [] : [{ array: stages, index: STAGE.filter_payload, program: payload }]),
      { array: stages, index: STAGE.filter, program: filter },
    ]);
    // A call that the filter before has sent to the payload stage is then for user space to judge.
    const others = this.#loaded
      .filter(({ payload }) => payload === undefined)
      .map(({ stages, emit }) => ({ array: stages, index: STAGE.filter_payload, program: emit }));
    return [...own, ...others];
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

/** What is in the slots of filters without one: the programs that let everything through. */
export function slotsWithoutFilter(object: BpfObject, arrays: readonly StageArray[]): readonly Slot[] {
  return [STAGE.filter, STAGE.filter_payload].flatMap((index) =>
    arrays.map(({ map, emit }) => ({ array: object.map(map), index, program: object.program(emit) })),
  );
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
