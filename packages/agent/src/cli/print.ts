import { EXIT } from "./exit-codes.ts";
import { say } from "./say.ts";

let watched = false;
let gone = false;

/**
 * Writes to standard output; a reader that is gone (`| head`) is no error. Whatever else cannot be written is told, once, and the
 * process ends with a code that says so.
 */
export function print(text: string): void {
  if (!watched) process.stdout.on("error", onError);
  watched = true;
  if (!gone) process.stdout.write(text);
}

function onError(error: NodeJS.ErrnoException): void {
  if (gone) return;
  gone = true;
  if (error.code === "EPIPE") return;
  say(`cannot write to standard output: ${error.message}`);
  // The command may have ended by now, or may still set a code of its own.
  process.once("exit", () => {
    process.exitCode = EXIT.failed;
  });
}
