/** The functions of the language, and how each is called: for messages and suggestions. */
export const FUNCTIONS: Readonly<Record<string, string>> = {
  port: "port(8080)",
  host: 'host("192.0.2.1")',
  net: 'net("10.0.0.0/8")',
  size: "size(payload)",
};

export const METHODS: Readonly<Record<string, string>> = {
  startsWith: 'payload.startsWith(b"GET ")',
  endsWith: 'process.name.endsWith("d")',
  contains: 'payload.contains("Host: ")',
  matches: 'payload.matches("[0-9]+")',
  size: "payload.size()",
  in: 'remote.address.in("10.0.0.0/8")',
};

export const FUNCTION_NAMES: readonly string[] = [
  ...new Set([...Object.keys(FUNCTIONS), ...Object.keys(METHODS)]),
];
