import { EXIT } from "./exit-codes.ts";
import { say } from "./say.ts";

/**
 * Writes to standard output; a reader that is gone (`| head`) is no error. Whatever else cannot be written is told, once, and the
 * process ends with a code that says so.
 */
export function quietWriter(): (text: string) => void {
  let gone = false;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (gone) return;
    gone = true;
    if (error.code === "EPIPE") return;
    say(`cannot write to standard output: ${error.message}`);
    // The command may have ended by now, or may still set a code of its own.
    process.once("exit", () => {
      process.exitCode = EXIT.failed;
    });
  });
  return (text) => {
    if (!gone) process.stdout.write(text);
  };
}
