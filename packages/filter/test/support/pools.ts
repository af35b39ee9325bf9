/** What random expressions and random records have in common, so that they meet. */
export const PORTS: readonly number[] = [0, 1, 22, 80, 443, 8080, 40_000, 65_535];
export const IDS: readonly number[] = [0, 1, 1000, 4711, 0xffffffff];
export const SIZES: readonly bigint[] = [
  0n,
  1n,
  5n,
  255n,
  256n,
  257n,
  1024n,
  70_000n,
  2n ** 53n - 2n,
  2n ** 53n - 1n,
];
/** Above what the language has an int for. */
export const LARGE_SIZES: readonly bigint[] = [2n ** 53n + 2n, 2n ** 60n];
/** At most 15 bytes each. */
export const NAMES: readonly string[] = [
  "",
  "cur",
  "curl",
  "curly",
  "nginx",
  "containerd-shim",
  "é",
  "日本",
  "a b",
  "MainThread",
  "\ufffd",
  '"',
];
export const CONNECTIONS: readonly string[] = ["8f3c000000000001", "0000000000000000", "ffffffffffffffff"];
export const CONTAINERS: readonly string[] = ["", "8f3c", "web", "db-1"];
export const IPV4_ADDRESSES: readonly string[] = [
  "127.0.0.1",
  "10.0.0.1",
  "10.255.3.7",
  "192.168.1.9",
  "0.0.0.0",
];
export const IPV6_ADDRESSES: readonly string[] = ["::", "::1", "2001:db8::1", "2001:db8:0:1::7", "fe80::1"];
export const NETWORKS: readonly string[] = [
  "10.0.0.0/8",
  "10.0.0.0/30",
  "127.0.0.0/8",
  "192.168.0.0/16",
  "192.168.1.9/32",
  "0.0.0.0/0",
  "0.0.0.0/1",
  "::/0",
  "::/3",
  "::1",
  "2001:db8::/32",
  "2001:db8:0:1::/64",
  "10.0.0.1",
];
const LONG = "x".repeat(300);
/** Around the prefix that the kernel sees, and around snaplens. */
export const PAYLOADS: readonly string[] = [
  "",
  "G",
  "GET / HTTP/1.1\r\n",
  "GET /api",
  "POST",
  "\0\x01\xff",
  "é",
  ...[9, 10, 11, 254, 255, 256, 257, 300].map((length) => LONG.slice(0, length)),
  `${LONG.slice(0, 256)}GET`,
];
