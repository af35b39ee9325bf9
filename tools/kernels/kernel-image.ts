// Kernel images as QEMU starts them, from Debian's packages.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Apt } from "./apt.ts";
import { cached, hashFile } from "./cache.ts";
import { buildKernel } from "./kernel-build.ts";
import { newestPackage, type Architecture, type Kernel } from "./kernels.ts";
import { KernelsError, run } from "./run.ts";

/** A kernel that is ready to be started. */
export interface KernelImage {
  /** `uname -r`. */
  readonly release: string;
  readonly path: string;
}

const COMPRESSIONS = [
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), command: "zstd" },
  { magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), command: "xz" },
  { magic: Buffer.from([0x02, 0x21, 0x4c, 0x18]), command: "lz4" },
  { magic: Buffer.from([0x1f, 0x8b, 0x08]), command: "gzip" },
] as const;

const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/** What a program unpacks from the start of `bytes`; what comes after the packed part makes it complain, and no matter. */
function unpack(command: string, bytes: Buffer): Buffer {
  const { stdout, error } = spawnSync(command, ["-dc"], {
    input: bytes,
    maxBuffer: 512 * 1024 * 1024,
    timeout: 120_000,
    stdio: ["pipe", "pipe", "ignore"],
  });
  // Bytes that only look like a packed part end it before it has read them (EPIPE).
  if (error !== undefined && "code" in error && error.code === "ENOENT")
    throw new KernelsError(`${command} is not installed, and the kernel is packed with it`);
  return stdout;
}

/** The ELF file inside a bzImage, which QEMU starts without the decompressor (that takes seconds under emulation). */
function extractElf(image: Buffer): Buffer {
  for (const { magic, command } of COMPRESSIONS)
    for (let at = image.indexOf(magic); at >= 0; at = image.indexOf(magic, at + 1)) {
      const unpacked = unpack(command, image.subarray(at));
      if (unpacked.subarray(0, 4).equals(ELF)) return unpacked;
    }
  throw new KernelsError("there is no ELF file in this kernel image");
}

/** The plain Image of an arm64 kernel, which may be packed as a whole (gzip) or as an EFI program (zboot). */
function extractImage(image: Buffer): Buffer {
  if (image.subarray(4, 8).toString("latin1") === "zimg") {
    const [offset, size] = [image.readUInt32LE(8), image.readUInt32LE(12)];
    const name = image.subarray(24, 56).toString("latin1").replace(/\0.*$/s, "");
    const packed = image.subarray(offset, offset + size);
    return name === "gzip" ? gunzipSync(packed) : unpack(name.replace(/^zstd.*/, "zstd"), packed);
  }
  return image[0] === 0x1f && image[1] === 0x8b ? unpack("gzip", image) : image;
}

/** Finds the image in an unpacked package: boot/vmlinuz-RELEASE, or usr/lib/modules/RELEASE/vmlinuz. */
function findVmlinuz(directory: string): string {
  const found = readdirSync(directory, { recursive: true, encoding: "utf8" }).find((name) =>
    /(^|\/)vmlinuz[^/]*$/.test(name),
  );
  if (found === undefined) throw new KernelsError("the package has no vmlinuz");
  return join(directory, found);
}

/** The newest package of a kernel, ready to be started. */
export async function kernelImage(
  apt: Apt,
  cache: string,
  kernel: Kernel,
  architecture: Architecture,
): Promise<KernelImage> {
  if (kernel.build !== undefined) return await buildKernel(apt, cache, kernel.build.package, architecture);
  const found = newestPackage(kernel, architecture, apt.names());
  if (found === undefined)
    throw new KernelsError(
      `the mirror has no cloud kernel ${kernel.name} for ${architecture} in ${kernel.suites.join(", ")}`,
    );
  const wanted = apt.describe(found.package, architecture);
  const place = join(cache, "images", `${found.release}-${wanted.sha256.slice(0, 16)}`);
  const path = join(place, "kernel");
  const make = async (directory: string): Promise<void> => {
    await apt.download(wanted, directory, (file) => {
      const script = 'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards "*/vmlinuz*"';
      run("sh", ["-c", script, "sh", file, directory]);
      rmSync(file);
    });
    const packed = readFileSync(findVmlinuz(directory));
    const image = architecture === "amd64" ? extractElf(packed) : extractImage(packed);
    for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
    writeFileSync(join(directory, "kernel"), image);
    writeFileSync(join(directory, "sha256"), await hashFile(join(directory, "kernel")));
  };
  await cached(place, make);
  // The package's hash is in the directory's name; the file's own tells whether it is still what was unpacked.
  if (readFileSync(join(place, "sha256"), "utf8") !== (await hashFile(path))) {
    console.warn(`kernels: ${path} is damaged and is made again`);
    rmSync(place, { recursive: true });
    await cached(place, make);
  }
  return { release: found.release, path };
}
