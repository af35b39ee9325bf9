/** Tells the user something: standard output belongs to the records. */
export function say(text: string): void {
  process.stderr.write(`tcptracker: ${text}\n`);
}
