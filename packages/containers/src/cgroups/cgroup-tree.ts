import { readdirSync, statSync, watch, type FSWatcher } from "node:fs";
import { join } from "node:path";
import { ContainersError } from "../errors.ts";

/** Directories that are followed at most; each takes an inotify watch. */
const MOST_DIRECTORIES = 32_768;

/** How often everything is looked at again, in milliseconds: the kernel drops notifications when its queue is full. */
const RESCAN_INTERVAL = 60_000;

/** The same, where directories cannot be watched. */
const POLL_INTERVAL = 500;

/** Told of cgroups as they come and go. `path` is from the root of the hierarchy, such as `/docker/<id>`. */
export interface CgroupTreeListener {
  /** `id` is what the kernel's records have: the inode of the directory. */
  onAppear(id: bigint, path: string): void;
  onVanish(id: bigint, path: string): void;
  /** Some cgroups may be noticed late, or not at all. */
  onProblem(problem: ContainersError): void;
}

interface Directory {
  readonly id: bigint;
  readonly watcher: FSWatcher | undefined;
  readonly children: Set<string>;
}

/** The directories of a cgroup version 2 hierarchy, watched by inotify. */
export class CgroupTree {
  readonly #root: string;
  readonly #listener: CgroupTreeListener;
  readonly #directories = new Map<string, Directory>();
  #timer: NodeJS.Timeout | undefined;
  #watching = true;
  #full = false;
  #closed = false;

  /** Reads the whole tree before it returns: some 50 µs for each cgroup. */
  constructor(root: string, listener: CgroupTreeListener) {
    this.#root = root;
    this.#listener = listener;
    this.#check("/");
    this.#rescanLater();
  }

  /** How many cgroups there are. */
  get size(): number {
    return this.#directories.size;
  }

  /** Looks at one path now, and at those that lead to it. Returns the id of the cgroup, if there is one. */
  look(path: string): bigint | undefined {
    const names = path.split("/").filter((name) => name !== "");
    const parents = names.map((_, depth) => `/${names.slice(0, depth + 1).join("/")}`);
    const unknown = parents.find((parent) => !this.#directories.has(parent));
    this.#check(unknown ?? path);
    return this.#directories.get(path)?.id;
  }

  /** Looks at all directories now. */
  rescan(): void {
    for (const [path, directory] of Array.from(this.#directories)) {
      // One that was removed meanwhile is in the copy of the list only.
      if (this.#directories.get(path) !== directory) continue;
      for (const name of directory.children) this.#check(join(path, name));
      for (const name of this.#namesIn(path))
        if (!directory.children.has(name)) this.#check(join(path, name));
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const { watcher } of this.#directories.values()) watcher?.close();
    this.#directories.clear();
  }

  #rescanLater(): void {
    clearTimeout(this.#timer);
    const interval = this.#watching ? RESCAN_INTERVAL : POLL_INTERVAL;
    this.#timer = setTimeout(() => {
      this.rescan();
      this.#rescanLater();
    }, interval).unref();
  }

  /** Makes what is known of a path true again, and finds what is below it if it is new. */
  #check(path: string): void {
    const pending = [path];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const id = this.#idOf(at);
      const known = this.#directories.get(at);
      if (known !== undefined) {
        if (known.id === id) continue;
        // Gone, or removed and made again under the same name.
        this.#remove(at);
      }
      if (id === undefined || !this.#add(at, id)) continue;
      for (const name of this.#namesIn(at)) pending.push(join(at, name));
    }
  }

  #add(path: string, id: bigint): boolean {
    if (this.#directories.size >= MOST_DIRECTORIES) {
      if (!this.#full)
        this.#tell(`there are more than ${MOST_DIRECTORIES} cgroups; those beyond are not attributed`);
      this.#full = true;
      return false;
    }
    // The watch comes before a look at the children: one that is made in between is seen twice rather than not at all.
    this.#directories.set(path, { id, watcher: this.#watch(path), children: new Set() });
    this.#parentOf(path)?.children.add(nameOf(path));
    this.#listener.onAppear(id, path);
    return true;
  }

  #remove(path: string): void {
    this.#parentOf(path)?.children.delete(nameOf(path));
    const pending = [path];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const directory = this.#directories.get(at);
      if (directory === undefined) continue;
      directory.watcher?.close();
      this.#directories.delete(at);
      for (const name of directory.children) pending.push(join(at, name));
      this.#listener.onVanish(directory.id, at);
    }
  }

  #watch(path: string): FSWatcher | undefined {
    if (!this.#watching) return undefined;
    try {
      const watcher = watch(join(this.#root, path), { persistent: false }, (event, name) => {
        // Anything else is a change of a file.
        if (event !== "rename" || this.#closed) return;
        if (name === null) this.rescan();
        else this.#check(join(path, name));
      });
      // A directory that goes away is no failure.
      watcher.on("error", () => {
        watcher.close();
      });
      return watcher;
    } catch (cause) {
      this.#onWatchFailure(cause as NodeJS.ErrnoException);
      return undefined;
    }
  }

  #onWatchFailure(cause: NodeJS.ErrnoException): void {
    const { code } = cause;
    // With any other the directory is gone.
    if (code !== "ENOSPC" && code !== "EMFILE") return;
    const limit = code === "ENOSPC" ? "fs.inotify.max_user_watches" : "fs.inotify.max_user_instances";
    this.#watching = false;
    this.#tell(
      `cannot watch more cgroups (${code}): looking twice a second, which may miss short-lived containers; raise the sysctl ${limit}`,
      cause,
    );
    this.#rescanLater();
  }

  #parentOf(path: string): Directory | undefined {
    if (path === "/") return undefined;
    return this.#directories.get(path.slice(0, path.lastIndexOf("/")) || "/");
  }

  #idOf(path: string): bigint | undefined {
    try {
      const stat = statSync(join(this.#root, path), { bigint: true, throwIfNoEntry: false });
      return stat?.isDirectory() === true ? stat.ino : undefined;
    } catch {
      // Being removed (ENODEV), or not for us to look at.
      return undefined;
    }
  }

  #namesIn(path: string): string[] {
    try {
      return readdirSync(join(this.#root, path), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name);
    } catch {
      return [];
    }
  }

  #tell(message: string, cause?: unknown): void {
    this.#listener.onProblem(new ContainersError("ERR_CONTAINERS_WATCH", message, { cause }));
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
