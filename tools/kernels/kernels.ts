// Which kernels there are to test on, and where Debian keeps them.

export const ARCHITECTURES = ["amd64", "arm64"] as const;

/** A machine's architecture as Debian names it. */
export type Architecture = (typeof ARCHITECTURES)[number];

/** The name that Node.js and this project's build have for it. */
export const NODE_ARCHITECTURE: Readonly<Record<Architecture, "x64" | "arm64">> = {
  amd64: "x64",
  arm64: "arm64",
};

/** The architecture of this machine. */
export const HOST: Architecture = process.arch === "arm64" ? "arm64" : "amd64";

/** Where the kernels are, and what is needed to test them. */
export const SUITES: readonly string[] = [
  "bullseye-security",
  "bookworm",
  "bookworm-security",
  "trixie-backports",
];

/** One kernel that a user can name. */
export interface Kernel {
  readonly name: string;
  readonly architectures: readonly Architecture[];
  /** The releases it may be, as in `linux-image-RELEASE-cloud-amd64`; the newest that the suites have is taken. */
  readonly release: RegExp;
  readonly suites: readonly string[];
  readonly why: string;
  /** Built here from Debian's source, on a machine of the same architecture. */
  readonly build?: { readonly package: string };
}

/**
 * Cloud kernels, because NVMe and ext4 are built in to them: they boot from an image without an initramfs.
 *
 * In the order in which they are tested.
 */
export const KERNELS: readonly Kernel[] = [
  {
    name: "5.10",
    architectures: ["amd64"],
    release: /^5\.10\.0-\d+$/,
    suites: ["bullseye-security"],
    why: "the oldest that is supported: no atomic fetch instructions, no typed pt_regs",
  },
  {
    name: "6.1",
    architectures: ["amd64", "arm64"],
    release: /^6\.1\.0-\d+$/,
    suites: ["bookworm", "bookworm-security"],
    why: "Debian 12; on arm64 the last one without fentry and fexit",
  },
  {
    name: "6.12",
    architectures: ["amd64"],
    release: /^6\.12\.\d+\+deb12$/,
    suites: ["bookworm-security"],
    why: "Debian 13's series",
  },
  {
    name: "6.18",
    architectures: ["amd64"],
    release: /^6\.18\.\d+\+deb13$/,
    suites: ["trixie-backports"],
    why: "a long-term series",
  },
  {
    name: "newest",
    architectures: ["amd64", "arm64"],
    release: /^\d+\.\d+\.\d+\+deb13$/,
    suites: ["trixie-backports"],
    why: "the newest that Debian has",
  },
  {
    name: "5.10-noringbuf",
    architectures: ["amd64"],
    release: /^5\.10$/,
    suites: ["bullseye-security"],
    why: "Linux 5.10 built without BPF ring buffers: how a tap falls back to perf buffers",
    build: { package: "linux-source-5.10" },
  },
];

/** The numbers in a version, for comparing. */
function numbers(version: string): number[] {
  return (version.match(/\d+/g) ?? []).map(Number);
}

/** Compares releases of kernels as `sort` wants it: `6.9.1+deb13` is older than `6.12.3+deb13`. */
export function compareReleases(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? -1) - (right[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A kernel's newest package among `packages`. */
export interface FoundPackage {
  readonly package: string;
  /** `uname -r`. */
  readonly release: string;
}

/**
 * The package that has the kernel's image.
 *
 * From 6.19 on that is `linux-binary-…`; the `linux-image-…` of the same release is empty then.
 */
export function newestPackage(
  kernel: Kernel,
  architecture: Architecture,
  packages: readonly string[],
): FoundPackage | undefined {
  const found = packages.flatMap((name) => {
    const [, kind, release] = /^linux-(image|binary)-(.+)$/.exec(name) ?? [];
    const suffix = `-cloud-${architecture}`;
    if (release === undefined || !release.endsWith(suffix)) return [];
    const short = release.slice(0, -suffix.length);
    return kernel.release.test(short) ? [{ package: name, release, short, binary: kind === "binary" }] : [];
  });
  found.sort((a, b) => compareReleases(b.short, a.short) || Number(b.binary) - Number(a.binary));
  const [newest] = found;
  return newest && { package: newest.package, release: newest.release };
}
