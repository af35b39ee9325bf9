/** Writes to standard output; a reader that is gone (`| head`) is no error. */
export function quietWriter(): (text: string) => void {
  let gone = false;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    gone = true;
  });
  return (text) => {
    if (!gone) process.stdout.write(text);
  };
}
