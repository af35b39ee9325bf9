// What is kept between runs, outside of the checkout. Everything is made beside its place and moved there when complete.
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

/** `$TCPTRACKER_CACHE/kernels`, by default in `$XDG_CACHE_HOME/tcptracker` or `~/.cache/tcptracker`. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const { TCPTRACKER_CACHE: own, XDG_CACHE_HOME: xdg } = environment;
  return join(own || join(xdg || join(homedir(), ".cache"), "tcptracker"), "kernels");
}

/**
 * The directory `path`, made by `make` unless it exists.
 *
 * Two processes may make it at the same time: the first one that is ready wins.
 */
export async function cached(path: string, make: (directory: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = mkdtempSync(join(dirname(path), `.${basename(path)}-`));
  try {
    await make(unfinished);
    renameSync(unfinished, path);
  } catch (error) {
    if (!existsSync(path)) throw error;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return path;
}

/** SHA-256 of a file, in hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
