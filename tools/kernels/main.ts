// `npm run test:kernels`: the kernel tests on other kernels. See README.md.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Apt } from "./apt.ts";
import { parseArguments, USAGE, UsageError, type Arguments } from "./arguments.ts";
import { cacheDirectory } from "./cache.ts";
import { crossBuild } from "./cross.ts";
import { whyUnsupported } from "./expectations.ts";
import { kernelImage, type KernelImage } from "./kernel-image.ts";
import { HOST, KERNELS, SUITES, type Architecture, type Kernel } from "./kernels.ts";
import { runMachine } from "./machine.ts";
import { hostToolchain, makePayload } from "./payload.ts";
import { ALL_FILES, combinations, label, planScript, stepFor, type Step } from "./plan.ts";
import { formatFailures, formatTable, isGood, withProblems, type Row } from "./report.ts";
import { parseOutcome } from "./results.ts";
import { baseImage, hostLibraries, readOutput, writeRoot, type RootParts } from "./root-image.ts";
import { KernelsError } from "./run.ts";
import {
  findGrowth,
  findSilence,
  mergeVerified,
  parseVerified,
  readVerified,
  writeVerified,
  type VerifiedLine,
} from "./verified.ts";

/** How long one combination may take, in seconds; all together have their sum. */
const STEP_SECONDS = 3600;

/** How long a machine may take to boot and to power off. */
const BOOT_SECONDS = 300;

/** An emulated boot crashes now and then, before anything of ours runs. */
const ATTEMPTS = 2;

/** What all machines of an architecture share. */
interface Prepared {
  readonly base: string;
  readonly payload: string;
}

function say(text: string): void {
  console.error(`kernels: ${text}`);
}

async function prepare(apt: Apt, cache: string, architecture: Architecture, work: string): Promise<Prepared> {
  const payload = join(work, `payload-${architecture}`);
  mkdirSync(payload, { recursive: true });
  const native = (): { toolchain: ReturnType<typeof hostToolchain>; parts: RootParts } => {
    const toolchain = hostToolchain();
    const libraries = hostLibraries([process.execPath, toolchain.addon]);
    return { toolchain, parts: { architecture, node: process.execPath, busybox: "/bin/busybox", libraries } };
  };
  const { toolchain, parts } =
    architecture === HOST ? native() : await crossBuild(apt, cache, architecture, work);
  await makePayload(architecture, toolchain, ALL_FILES, payload);
  return { base: await baseImage(cache, parts), payload };
}

/** What one machine brought back. */
interface Tested {
  readonly rows: readonly Row[];
  readonly verified: readonly VerifiedLine[];
}

function readRow(row: Row, { files }: Step, output: ReadonlyMap<string, string>): Row {
  const name = label(row);
  const lines = output.get(`${name}.jsonl`);
  if (lines === undefined) return row;
  const attachedAs = /^tapped by (.*)$/m.exec(output.get(`${name}.log`) ?? "")?.[1];
  const outcome = parseOutcome(lines);
  const problems = findSilence(row.release, files, parseVerified(output.get(`${name}.verified`) ?? ""));
  return {
    ...row,
    outcome,
    ...(attachedAs === undefined ? {} : { attachedAs }),
    ...(problems.length === 0 ? {} : { problems }),
  };
}

/** One kernel on one architecture. */
interface Target {
  readonly kernel: Kernel;
  readonly architecture: Architecture;
}

function rowsOf({ kernel, architecture }: Target, release: string, args: Arguments): Row[] {
  return combinations(args.strategies, args.transports).map((combination) => {
    const unsupported = whyUnsupported(kernel.name, architecture, combination);
    const row = { ...combination, kernel: kernel.name, release, architecture };
    return unsupported === undefined ? row : { ...row, unsupported };
  });
}

async function testTarget(
  target: Target,
  image: KernelImage,
  { base, payload }: Prepared,
  args: Arguments,
  work: string,
): Promise<Tested> {
  const name = `${target.kernel.name} ${target.architecture}`;
  const planned = rowsOf(target, image.release, args).map((row) => ({
    row,
    step: stepFor(row, row.unsupported === undefined, args),
  }));
  const steps = planned.map(({ step }) => step);
  let output = new Map<string, string>();
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const directory = join(work, `${name.replace(" ", "-")}-${attempt}`);
    mkdirSync(directory);
    const [plan, root] = [join(directory, "plan"), join(directory, "root.ext4")];
    writeFileSync(plan, planScript(target.kernel.name, steps, STEP_SECONDS));
    writeRoot(base, payload, plan, root);
    const { ended, seconds, problem } = await runMachine({
      architecture: target.architecture,
      kernel: image.path,
      root,
      console: join(directory, "console.log"),
      seconds: BOOT_SECONDS + steps.length * STEP_SECONDS,
      onProgress: (line) => {
        say(`${name}: ${line}`);
      },
    });
    output = readOutput(root, directory);
    if (!args.keep) rmSync(root);
    say(`${name}: ${ended ? "done" : `stopped (${problem ?? ""})`} after ${seconds.toFixed(0)} s`);
    if (ended) break;
    if (attempt < ATTEMPTS) say(`${name}: did not come to its end; trying once more`);
  }
  const verified = Array.from(output)
    .filter(([file]) => file.endsWith(".verified"))
    .flatMap(([, text]) => parseVerified(text));
  return { rows: planned.map(({ row, step }) => readRow(row, step, output)), verified };
}

async function testAll(args: Arguments, work: string): Promise<readonly Row[]> {
  const cache = cacheDirectory();
  const apt = new Apt(cache, SUITES);
  apt.update(args.update);
  const targets = args.kernels.flatMap((kernel) =>
    kernel.architectures
      .filter((one) => args.architectures.includes(one))
      .map((architecture): Target => ({ kernel, architecture })),
  );
  const prepared = new Map<Architecture, Prepared>();
  for (const architecture of new Set(targets.map((target) => target.architecture)))
    prepared.set(architecture, await prepare(apt, cache, architecture, work));
  let verified = readVerified();
  const results = new Map<Target, readonly Row[]>();
  const queue = [...targets];
  const worker = async (): Promise<void> => {
    for (let target = queue.shift(); target !== undefined; target = queue.shift()) {
      const { kernel, architecture } = target;
      const parts = prepared.get(architecture);
      if (parts === undefined) throw new Error(architecture);
      const image = await kernelImage(apt, cache, kernel, architecture);
      say(`${kernel.name} ${architecture}: starting ${image.release}`);
      const tested = await testTarget(target, image, parts, args, work);
      const key = `${kernel.name} ${architecture}`;
      const growth = args.record ? [] : [...new Set(findGrowth(verified, key, tested.verified))];
      if (args.record) verified = mergeVerified(verified, key, tested.verified);
      const rows = withProblems(tested.rows, growth);
      results.set(target, rows);
      for (const row of rows) if (!isGood(row)) console.log(formatFailures(row));
    }
  };
  await Promise.all(Array.from({ length: args.jobs }, worker));
  if (args.record) writeVerified(verified);
  return targets.flatMap((target) => results.get(target) ?? []);
}

function list(): void {
  for (const { name, architectures, suites, why } of KERNELS)
    console.log(
      `${name.padEnd(16)} ${architectures.join(", ").padEnd(14)} ${suites.join(", ").padEnd(30)} ${why}`,
    );
}

async function main(): Promise<number> {
  const args = parseArguments(process.argv.slice(2));
  if (args.help) console.log(USAGE);
  else if (args.list) list();
  if (args.help || args.list) return 0;
  const work = mkdtempSync(join(tmpdir(), "tcptracker-kernels-"));
  try {
    const rows = await testAll(args, work);
    console.log(`\n${formatTable(rows)}`);
    const bad = rows.filter((row) => !isGood(row));
    console.log(
      bad.length === 0 ? "\nall as expected" : `\n${bad.length} of ${rows.length} are not as expected`,
    );
    return bad.length === 0 ? 0 : 1;
  } finally {
    if (args.keep) say(`the machines' images and consoles are in ${work}`);
    else rmSync(work, { recursive: true, force: true });
  }
}

// So that exit handlers run, which end the machine that is running.
for (const [signal, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
] as const)
  process.once(signal, () => process.exit(128 + number));

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError || error instanceof KernelsError)) throw error;
  say(error.message);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
