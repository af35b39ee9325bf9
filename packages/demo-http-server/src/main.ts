import { once } from "node:events";
import { help, parseOptions, UsageError } from "./options.ts";
import { startServer } from "./server.ts";

/**
 * The command: listens until SIGINT or SIGTERM.
 *
 * @returns the exit code: 0 ended as told, 1 could not listen, 2 wrong usage
 */
async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  // A reader that has gone (`| head`) is no reason to stop serving.
  process.stdout.on("error", () => undefined);
  const options = parseOptions(argv, env);
  if (options === "help") {
    process.stdout.write(help);
    return 0;
  }
  // Listened for from before the start, so that a signal in between is not lost.
  const stop = Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  const server = await startServer(options);
  for (const url of server.urls) process.stdout.write(`listening on ${url}\n`);
  await stop;
  await server.close();
  process.stdout.write(`served ${server.requests} requests\n`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2), process.env);
} catch (error) {
  const usage = error instanceof UsageError;
  process.stderr.write(`tcptracker-demo-http-server: ${(error as Error).message}\n`);
  if (usage) process.stderr.write("see --help\n");
  process.exitCode = usage ? 2 : 1;
}
