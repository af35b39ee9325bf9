// Brings a fresh checkout to the point where everything runs. Plain JavaScript without dependencies, because
// it runs before any is installed and on whatever Node (>= 20) the machine has.
//
// What it looks at: npm packages (npm ci when package-lock.json changed), the Debian packages that the build
// needs, the build itself. Run again it finds nothing to do in well under a second.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What the build needs, by what proves that it is there and the Debian package that has it. */
const requirements = [
  { package: "clang-19", why: "compiles the eBPF programs", command: "clang-19" },
  { package: "llvm-19", why: "strips debug information from the eBPF objects", command: "llvm-strip-19" },
  { package: "g++", why: "compiles the native bridge", command: "g++" },
  { package: "libbpf-dev", why: "libbpf's headers and static library", file: "/usr/include/bpf/libbpf.h" },
  { package: "libelf-dev", why: "libbpf reads ELF objects with it", file: "/usr/include/libelf.h" },
  { package: "zlib1g-dev", why: "libelf needs it", file: "/usr/include/zlib.h" },
  { package: "bpftool", why: "prints the BTF that the record layout is made from", command: "bpftool" },
  { package: "curl", why: "the tests tap it", command: "curl" },
  { package: "libcap2-bin", why: "a test gives a program capabilities", command: "setcap" },
  { package: "openssl", why: "a test makes certificates as docs/kubernetes.md says", command: "openssl" },
  { package: "python3", why: "the tests tap its HTTP server", command: "python3" },
];

/** What else `npm run test:kernels` needs (`setup.mjs kernels`), and nothing else does. */
const kernelRequirements = [
  {
    package: "qemu-system-x86",
    why: "runs other kernels than this machine's",
    command: "qemu-system-x86_64",
  },
  { package: "qemu-system-arm", why: "runs arm64 kernels", command: "qemu-system-aarch64" },
  {
    package: "busybox-static",
    why: "the virtual machines' shell",
    file: "/usr/share/doc/busybox-static",
  },
  { package: "e2fsprogs", why: "makes the virtual machines' disks", command: "mkfs.ext4" },
  { package: "zstd", why: "unpacks kernels", command: "zstd" },
  { package: "xz-utils", why: "unpacks older kernels", command: "xz" },
  { package: "lld-19", why: "links for the other architecture", command: "ld.lld-19" },
  { package: "make", why: "builds a kernel without ring buffers", command: "make" },
  { package: "flex", why: "builds that kernel's configuration tool", command: "flex" },
  { package: "bison", why: "likewise", command: "bison" },
  { package: "bc", why: "makes that kernel's time constants", command: "bc" },
  { package: "dwarves", why: "makes that kernel's BTF", command: "pahole" },
];

const wanted = process.argv[2] === "kernels" ? [...requirements, ...kernelRequirements] : requirements;

function say(text) {
  console.error(`setup: ${text}`);
}

function fail(...lines) {
  for (const line of lines) say(line);
  process.exit(1);
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], ...options });
  if (error !== undefined) fail(`cannot run ${command}: ${error.message}`);
  if (status !== 0) fail(`'${[command, ...args].join(" ")}' failed with exit code ${status}`);
}

function onPath(command) {
  return `${process.env.PATH ?? ""}:/usr/sbin:/sbin`
    .split(":")
    .some((directory) => directory !== "" && existsSync(join(directory, command)));
}

function isMissing(requirement) {
  return requirement.command === undefined ? !existsSync(requirement.file) : !onPath(requirement.command);
}

function installDebianPackages() {
  const missing = wanted.filter(isMissing);
  if (missing.length === 0) return;
  const packages = missing.map((requirement) => requirement.package);
  say("this machine lacks:");
  for (const requirement of missing) say(`  ${requirement.package} (${requirement.why})`);
  const byHand = `apt-get install --no-install-recommends ${packages.join(" ")}`;
  if (!onPath("apt-get"))
    fail(
      "there is no apt-get here; install the equivalents of these packages with this system's package manager:",
      `  ${packages.join(" ")}`,
    );
  if (process.getuid() !== 0)
    fail("installing them needs root; run this, then try again:", `  sudo ${byHand}`);
  say(`installing them: ${byHand}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  run("apt-get", ["update", "-qq"], { env });
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], { env });
  const still = wanted.filter(isMissing);
  if (still.length > 0)
    fail(
      `apt-get installed ${packages.join(" ")}, but these are still not found:`,
      ...still.map((requirement) => `  ${requirement.command ?? requirement.file}`),
    );
}

function installNpmPackages() {
  const lock = readFileSync(join(root, "package-lock.json"));
  const fingerprint = createHash("sha256").update(lock).update(process.arch).digest("hex");
  const stamp = join(root, "node_modules", ".tcptracker-setup");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint) return;
  say(
    existsSync(join(root, "node_modules"))
      ? "package-lock.json changed: npm ci"
      : "installing npm packages: npm ci",
  );
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, fingerprint);
}

function checkPlatform() {
  const [major] = process.versions.node.split(".").map(Number);
  if (major < 20) fail(`Node ${process.versions.node} is too old for the setup; Node 20 or newer is needed`);
  if (process.platform !== "linux")
    fail(
      `tcptracker taps Linux kernels; this is ${process.platform}. Use a Linux machine or virtual machine`,
    );
  if (process.arch !== "x64" && process.arch !== "arm64")
    fail(`tcptracker runs on x86-64 and arm64; this is ${process.arch}`);
}

checkPlatform();
installDebianPackages();
installNpmPackages();
