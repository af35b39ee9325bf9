// Debian packages by a private apt: this machine's configuration (proxies, mirrors, keys) with its own sources, lists and cache, so
// that nothing is installed and nothing of the system's apt is touched. apt checks signatures and hashes.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findMirrors, sourcesList, type Mirrors } from "./apt-sources.ts";
import { cached, hashFile } from "./cache.ts";
import { ARCHITECTURES, type Architecture } from "./kernels.ts";
import { KernelsError, run } from "./run.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const DAY = 24 * 3600 * 1000;

/** A package as the signed lists describe it. */
export interface Package {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly sha256: string;
}

function machineMirrors(): Mirrors {
  const parts = "/etc/apt/sources.list.d";
  const paths = [
    "/etc/apt/sources.list",
    ...(existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : []),
  ];
  const files = paths
    .filter((path) => existsSync(path) && /\.(list|sources)$/.test(path))
    .map((name) => ({ name, text: readFileSync(name, "utf8") }));
  return findMirrors(files, process.env);
}

function readField(paragraph: string, field: string): string {
  const value = new RegExp(`^${field}: (.*)$`, "m").exec(paragraph)?.[1];
  if (value === undefined) throw new KernelsError(`apt-cache show gave no ${field}:\n${paragraph}`);
  return value;
}

/** A private apt below `directory`. */
export class Apt {
  readonly #directory: string;
  readonly #packages: string;
  readonly #options: readonly string[];
  readonly #suites: readonly string[];

  constructor(cache: string, suites: readonly string[]) {
    this.#suites = suites;
    this.#directory = join(cache, "apt");
    this.#packages = join(cache, "packages");
    const settings = {
      "Dir::Etc::sourcelist": join(this.#directory, "sources.list"),
      "Dir::Etc::sourceparts": "-",
      "Dir::State::lists": join(this.#directory, "lists"),
      "Dir::State::status": join(this.#directory, "status"),
      "Dir::Cache": join(this.#directory, "cache"),
      "Acquire::Languages": "none",
      // The lists lie below a home directory, which apt's own user may not read.
      "APT::Sandbox::User": "root",
      "APT::Get::List-Cleanup": "false",
    };
    this.#options = [
      ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
      ...ARCHITECTURES.map((architecture) => `APT::Architectures::=${architecture}`),
    ].flatMap((option) => ["-o", option]);
  }

  /** Fetches the lists of packages unless that has been done today. Old lists do where there is no network. */
  update(force: boolean): void {
    const stamp = join(this.#directory, "updated");
    const mirrors = machineMirrors();
    const sources = sourcesList(
      this.#suites,
      ARCHITECTURES,
      mirrors,
      existsSync(KEYRING) ? KEYRING : undefined,
    );
    const fresh =
      existsSync(stamp) &&
      readFileSync(stamp, "utf8") === sources &&
      Date.now() - statSync(stamp).mtimeMs < DAY;
    if (fresh && !force) return;
    for (const name of ["lists/partial", "cache/archives/partial"])
      mkdirSync(join(this.#directory, name), { recursive: true });
    writeFileSync(join(this.#directory, "status"), "");
    writeFileSync(join(this.#directory, "sources.list"), sources);
    try {
      // Without this option apt-get says with 0 that it could not fetch some lists.
      run("apt-get", [...this.#options, "-o", "APT::Update::Error-Mode=any", "-qq", "update"], {
        seconds: 600,
      });
      writeFileSync(stamp, sources);
    } catch (error) {
      if (!existsSync(stamp)) throw error;
      console.warn(
        `the lists of packages could not be updated; those of ${statSync(stamp).mtime.toISOString()} are used`,
      );
    }
  }

  /** Names of all packages. */
  names(): string[] {
    return run("apt-cache", [...this.#options, "pkgnames"])
      .split("\n")
      .filter(Boolean);
  }

  /** The candidate of a package. */
  describe(name: string, architecture: Architecture): Package {
    const shown = run("apt-cache", [
      ...this.#options,
      "--no-all-versions",
      "show",
      `${name}:${architecture}`,
    ]);
    const [paragraph = ""] = shown.split("\n\n");
    return {
      name,
      version: readField(paragraph, "Version"),
      architecture: readField(paragraph, "Architecture"),
      sha256: readField(paragraph, "SHA256"),
    };
  }

  /** Downloads a package, and gives to `use` the path of the file, whose hash is right. */
  async download(
    wanted: Package,
    directory: string,
    use: (path: string) => Promise<void> | void,
  ): Promise<void> {
    const before = new Set(readdirSync(directory));
    const what = `${wanted.name}:${wanted.architecture}=${wanted.version}`;
    run("apt-get", [...this.#options, "-qq", "download", what], { cwd: directory, seconds: 900 });
    const file = readdirSync(directory).find((name) => !before.has(name) && name.endsWith(".deb"));
    if (file === undefined) throw new KernelsError(`apt-get download ${what} brought no package`);
    const path = join(directory, file);
    if ((await hashFile(path)) !== wanted.sha256)
      throw new KernelsError(`${file} has another hash than its list says`);
    await use(path);
  }

  /** The directory of a package's files, unpacked once. */
  async unpacked(name: string, architecture: Architecture): Promise<string> {
    const wanted = this.describe(name, architecture);
    const { version, sha256 } = wanted;
    const place = `${name}_${version}_${wanted.architecture}-${sha256.slice(0, 16)}`.replaceAll(":", "%3a");
    return await cached(join(this.#packages, place), async (directory) => {
      await this.download(wanted, directory, (path) => {
        run("dpkg-deb", ["--extract", path, join(directory, "files")]);
        run("rm", [path]);
      });
    });
  }
}
