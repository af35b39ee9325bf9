import { constants } from "node:os";

/**
 * Errors of libbpf itself, ENOTSUPP, which the kernel's BPF code returns although user space has no name for it, and
 * the kernel's name where Node.js lists another one for the same number.
 */
const others: Record<number, string> = {
  11: "EAGAIN",
  95: "EOPNOTSUPP",
  524: "ENOTSUPP",
  4000: "LIBBPF_ERRNO__LIBELF",
  4001: "LIBBPF_ERRNO__FORMAT",
  4002: "LIBBPF_ERRNO__KVERSION",
  4003: "LIBBPF_ERRNO__ENDIAN",
  4004: "LIBBPF_ERRNO__INTERNAL",
  4005: "LIBBPF_ERRNO__RELOC",
  4006: "LIBBPF_ERRNO__LOAD",
  4007: "LIBBPF_ERRNO__VERIFY",
  4008: "LIBBPF_ERRNO__PROG2BIG",
  4009: "LIBBPF_ERRNO__KVER",
  4010: "LIBBPF_ERRNO__PROGTYPE",
  4011: "LIBBPF_ERRNO__WRNGPID",
  4012: "LIBBPF_ERRNO__INVSEQ",
  4013: "LIBBPF_ERRNO__NLPARSE",
};

const texts: Record<string, string> = {
  EPERM: "operation not permitted",
  ENOENT: "no such file or entry",
  ESRCH: "no such process or target",
  EINVAL: "invalid argument",
  EACCES: "permission denied",
  EEXIST: "already exists",
  EBUSY: "busy",
  E2BIG: "too large",
  ENOMEM: "not enough memory",
  ENOSPC: "no space left",
  EBADF: "bad file descriptor",
  EOPNOTSUPP: "not supported",
  ENOTSUPP: "not supported by this kernel",
  ENOSYS: "not implemented by this kernel",
  EPROTO: "protocol error",
  EMFILE: "too many open files",
  LIBBPF_ERRNO__LIBELF: "libelf cannot read it",
  LIBBPF_ERRNO__FORMAT: "not a valid BPF object file",
  LIBBPF_ERRNO__RELOC: "relocation failed",
  LIBBPF_ERRNO__ENDIAN: "built for the other byte order",
};

const names = new Map<number, string>(Object.entries(others).map(([number, name]) => [Number(number), name]));
// EWOULDBLOCK and EAGAIN (and others) share numbers; the first name listed for a number wins.
for (const [name, number] of Object.entries(constants.errno)) if (!names.has(number)) names.set(number, name);

/** "EPERM" for 1. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

export function errnoText(errno: number): string {
  return texts[errnoName(errno)] ?? "failed";
}

export const EPERM: number = constants.errno.EPERM;
export const ENOENT: number = constants.errno.ENOENT;
export const ENOMEM: number = constants.errno.ENOMEM;
export const EINVAL: number = constants.errno.EINVAL;
export const EACCES: number = constants.errno.EACCES;
export const ENOSPC: number = constants.errno.ENOSPC;
export const EBUSY: number = constants.errno.EBUSY;
export const ENOSYS: number = constants.errno.ENOSYS;
export const EOPNOTSUPP: number = constants.errno.EOPNOTSUPP;
export const ENOTSUPP = 524;
