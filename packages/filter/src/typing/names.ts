import { didYouMean, meant, nearest } from "../names/nearest.ts";
import { FUNCTION_NAMES } from "../names/functions.ts";
import { attributeVariable, findVariable, VARIABLE_NAMES } from "../names/variables.ts";
import type { Variable } from "../names/variables.ts";
import type { IndexSyntax, NameSyntax } from "../syntax/syntax.ts";
import { fail } from "./context.ts";
import type { Context } from "./context.ts";

/** What people call things elsewhere. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["src", 'there is no source: it is "local" and "remote", and "direction" says who sent'],
  ["dst", 'there is no destination: it is "local" and "remote", and "direction" says who sent'],
  ["ip", 'write "remote.address", "local.address", or host("192.0.2.1") for either'],
  ["address", 'write "remote.address", "local.address", or host("192.0.2.1") for either'],
  ["pid", 'write "process.pid"'],
  ["tid", 'write "process.tid"'],
  ["uid", 'write "process.uid"'],
  ["comm", 'write "process.name"'],
  ["name", 'write "process.name"'],
  ["role", 'write "connection.role"'],
  ["id", 'write "connection.id"'],
  ["data", 'write "payload" for the bytes, type == "data" for the records'],
  ["len", 'write "size" for the bytes that a call moved, "payload.size()" for those that were captured'],
  ["length", 'write "size" for the bytes that a call moved, "payload.size()" for those that were captured'],
  ["tcp", "all records are of TCP"],
]);

/** Throws FilterError for a name that does not exist. */
export function resolveName(context: Context, { path, span }: NameSyntax): Variable {
  const variable = findVariable(path);
  if (variable !== undefined) return variable;
  const set = context.sets.find(({ name }) => name === path);
  if (set?.keyed === true)
    return fail(context, "ERR_FILTER_TYPE", `"${path}" has values by key: write ${path}["key"]`, span);
  if (set !== undefined) return attributeVariable(path, undefined);
  return unknownName(context, path, { from: span.from, to: span.to });
}

/** `pod.labels["app"]`. */
export function resolveIndex(context: Context, { target, key, span }: IndexSyntax): Variable {
  if (target.kind !== "name") return fail(context, "ERR_FILTER_UNSUPPORTED", "an index into this", span);
  const set = context.sets.find(({ name }) => name === target.path);
  if (set?.keyed === true) {
    if (key.kind === "literal" && key.type === "string") return attributeVariable(target.path, key.value);
    return fail(context, "ERR_FILTER_TYPE", 'the key is a text in quotes, such as "app"', key.span);
  }
  const variable = resolveName(context, target);
  return fail(
    context,
    "ERR_FILTER_UNSUPPORTED",
    `"${variable.name}" has no members to be had by index`,
    span,
  );
}

function unknownName(context: Context, path: string, span: NameSyntax["span"]): never {
  const [root = ""] = path.split(".");
  const declared = context.sets.map(({ name }) => name);
  if ((root === "container" || root === "pod") && !declared.some((name) => name.startsWith(`${root}.`)))
    return fail(
      context,
      "ERR_FILTER_UNAVAILABLE",
      `"${path}" is not known here: nothing looks up containers and pods; cgroup.id is there`,
      span,
    );
  const names = [...VARIABLE_NAMES, ...declared];
  const members = names.filter((name) => name.startsWith(`${path}.`));
  if (members.length > 0)
    return fail(context, "ERR_FILTER_NAME", `"${path}" is no value: write ${members.join(" or ")}`, span);
  const other = OTHER_NAMES.get(root);
  if (FUNCTION_NAMES.includes(path))
    return fail(context, "ERR_FILTER_NAME", `"${path}" is a function: write ${path}(…)`, span);
  const [, owner = "", method = ""] = /^(.+)\.([^.]+)$/.exec(path) ?? [];
  const variable = findVariable(owner);
  if (variable !== undefined) {
    const reason = FUNCTION_NAMES.includes(method)
      ? `"${method}" is a function: write ${path}(…)`
      : `"${owner}" is ${variable.type === "int" ? "an int" : variable.type}: it has no "${method}"`;
    return fail(context, "ERR_FILTER_NAME", reason, span);
  }
  const siblings = names.filter((name) => name.startsWith(`${root}.`));
  // Where the first part is right, the second one is judged for itself: host is not far from port.
  const close = nearest(
    path.slice(root.length),
    siblings.map((name) => name.slice(root.length)),
  );
  const guess =
    close === undefined ? (siblings.length > 0 ? "" : didYouMean(path, names)) : meant(root + close);
  const rest = siblings.length > 0 ? `; there is ${siblings.join(", ")}` : `; names are ${names.join(", ")}`;
  const advice = guess !== "" ? guess : other !== undefined ? `: ${other}` : rest;
  return fail(context, "ERR_FILTER_NAME", `there is no "${path}"${advice}`, span);
}
