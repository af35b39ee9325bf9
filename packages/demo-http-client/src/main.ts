import { runClient, type RequestOutcome } from "./client.ts";
import { help, parseOptions, UsageError } from "./options.ts";

function line({ method, url, path, status, bytes, ms, failure }: RequestOutcome): string {
  const what = `${method.padEnd(4)} ${path.padEnd(10)} ${status ?? "---"}`;
  const problem = failure === undefined ? "" : `  FAILED: ${failure}`;
  return `${what} ${String(bytes).padStart(8)} bytes ${ms.toFixed(1).padStart(7)} ms  ${url}${problem}\n`;
}

/**
 * The command: asks until the time, the count or a signal ends it.
 *
 * @returns the exit code: 0 every answer was right, 1 some were not, 2 wrong usage
 */
async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const options = parseOptions(argv, env);
  if (options === "help") {
    process.stdout.write(help);
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      stop.abort();
    });
  // A reader that has gone (`| head`) wants no more requests.
  process.stdout.on("error", () => {
    stop.abort();
  });
  const summary = await runClient({
    ...options,
    signal: stop.signal,
    onRequest: (outcome) => process.stdout.write(line(outcome)),
  });
  process.stdout.write(JSON.stringify(summary) + "\n");
  return summary.failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2), process.env);
} catch (error) {
  const usage = error instanceof UsageError;
  process.stderr.write(`tcptracker-demo-http-client: ${(error as Error).message}\n`);
  if (usage) process.stderr.write("see --help\n");
  process.exitCode = usage ? 2 : 1;
}
