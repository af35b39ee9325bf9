// Stands in for vitest inside the virtual machines: the same test files, without a bundler to start under emulation. It has
// what the kernel tests use and no more, so that a test that needs more does not compile instead of passing silently.
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  customMatchers,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
  type ExpectStatic,
} from "@vitest/expect";

type Body = (context: TestContext) => unknown;
type Hook = () => unknown;
interface TestOptions {
  readonly timeout?: number;
}

/** What a test is given. */
export interface TestContext {
  /** Ends the test: it could not run here. */
  skip(reason?: string): never;
}

/** A test as its file registered it. */
export interface RegisteredTest {
  readonly name: string;
  readonly body: Body;
  /** Milliseconds; absent: the runner's. */
  readonly timeout: number | undefined;
}

/** What a file registered. Hooks of a `describe` are those of the whole file: no test here needs more. */
export interface Registered {
  readonly tests: RegisteredTest[];
  readonly beforeAll: Hook[];
  readonly afterAll: Hook[];
}

/** Thrown by {@link TestContext.skip}. */
export class Skipped extends Error {}

let registered: Registered = { tests: [], beforeAll: [], afterAll: [] };
let names: readonly string[] = [];

/** Gives what was registered since the last time. */
export function takeRegistered(): Registered {
  const taken = registered;
  registered = { tests: [], beforeAll: [], afterAll: [] };
  return taken;
}

export function describe(name: string, body: () => void): void {
  const outer = names;
  names = [...names, name];
  body();
  names = outer;
}

export function test(name: string, body: Body): void;
export function test(name: string, options: TestOptions, body: Body): void;
export function test(name: string, options: TestOptions | Body, body?: Body): void {
  const [{ timeout }, run] = typeof options === "function" ? [{} as TestOptions, options] : [options, body];
  if (run === undefined) throw new Error(`the test '${name}' has no body`);
  registered.tests.push({ name: [...names, name].join(" > "), body: run, timeout });
}

export function beforeAll(hook: Hook): void {
  registered.beforeAll.push(hook);
}

export function afterAll(hook: Hook): void {
  registered.afterAll.push(hook);
}

function createExpect(): ExpectStatic {
  chai.use(JestExtend);
  chai.use(JestChaiExpect);
  chai.use(JestAsymmetricMatchers);
  const made = ((value: unknown, message?: string) => chai.expect(value, message)) as unknown as ExpectStatic;
  const globals = globalThis as unknown as Record<symbol, object>;
  Object.assign(made, chai.expect, globals[ASYMMETRIC_MATCHERS_OBJECT]);
  globals[GLOBAL_EXPECT] = made;
  setState({ assertionCalls: 0, isExpectingAssertions: false, expectedAssertionsNumber: null }, made);
  const extend = (matchers: unknown): void => {
    (chai.expect as unknown as { extend(target: ExpectStatic, matchers: unknown): void }).extend(
      made,
      matchers,
    );
  };
  made.extend = extend;
  extend(customMatchers);
  return made;
}

export const expect: ExpectStatic = createExpect();
