import { expect, test } from "vitest";
import { TapError } from "../errors.ts";
import { changeSlots, type Slot } from "./slots.ts";

/** Two program arrays of which one refuses a change, the so manieth or some program; and all that was put into them. */
class Bench {
  readonly slots = new Map<string, number>();
  readonly #refuses: (change: number, program: number) => boolean;
  readonly #arrays = new Map<string, Slot["array"]>();
  #changes = 0;

  constructor(refuses: (change: number, program: number) => boolean = () => false) {
    this.#refuses = refuses;
  }

  slot(name: string, index: number, fd: number): Slot {
    return { array: this.#array(name), index, program: { fd } };
  }

  /** Of both arrays, slots 0 and 1; the programs are numbered from `first` on. */
  filter(first: number): Slot[] {
    return [
      this.slot("a", 1, first),
      this.slot("a", 0, first + 1),
      this.slot("b", 1, first + 2),
      this.slot("b", 0, first + 3),
    ];
  }

  #array(name: string): Slot["array"] {
    const known = this.#arrays.get(name);
    if (known !== undefined) return known;
    const array: Slot["array"] = {
      setFd: (index, { fd }) => {
        if (this.#refuses(this.#changes++, fd)) throw new Error(`no room for ${fd}`);
        this.slots.set(`${name} ${String(index)}`, fd);
      },
    };
    this.#arrays.set(name, array);
    return array;
  }
}

const OLD = { "a 1": 10, "a 0": 11, "b 1": 12, "b 0": 13 };
const NEW = { "a 1": 20, "a 0": 21, "b 1": 22, "b 0": 23 };

/** A bench with the old filter in its slots, of which the changes from then on are numbered from 4. */
function withOld(refuses?: (change: number, program: number) => boolean): Bench {
  const bench = new Bench(refuses);
  changeSlots([], bench.filter(10), () => undefined);
  expect(Object.fromEntries(bench.slots)).toEqual(OLD);
  return bench;
}

test("all slots change, and then the rest does", () => {
  const bench = withOld();
  let seen: unknown;
  changeSlots(bench.filter(10), bench.filter(20), () => (seen = Object.fromEntries(bench.slots)));
  expect(seen).toEqual(NEW);
});

test.each([4, 5, 6, 7])("no slot has changed when change %i fails", (failing) => {
  const bench = withOld((change) => change === failing);
  let rest = 0;
  expect(() => changeSlots(bench.filter(10), bench.filter(20), () => rest++)).toThrow("no room for 2");
  expect(Object.fromEntries(bench.slots)).toEqual(OLD);
  expect(rest).toBe(0);
});

test("no slot has changed when the rest fails", () => {
  const bench = withOld();
  expect(() =>
    changeSlots(bench.filter(10), bench.filter(20), () => {
      throw new Error("no generation");
    }),
  ).toThrow("no generation");
  expect(Object.fromEntries(bench.slots)).toEqual(OLD);
});

test("a slot that cannot be put back is said, and the others are", () => {
  let late = false;
  const bench = withOld((_change, program) => program === 23 || (late && program === 11));
  late = true;
  let error: unknown;
  try {
    changeSlots(bench.filter(10), bench.filter(20), () => undefined);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(TapError);
  expect(error).toMatchObject({
    code: "ERR_TAP_KERNEL",
    cause: { errors: [{ message: "no room for 23" }, { message: "no room for 11" }] },
  });
  expect(Object.fromEntries(bench.slots)).toEqual({ ...OLD, "a 0": 21 });
});
