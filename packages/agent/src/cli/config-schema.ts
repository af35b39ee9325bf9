import { COLLECT_FLAGS } from "./collect-options.ts";
import { settingsOf } from "./settings.ts";
import type { Flag } from "./flags.ts";
import { TAP_FLAGS } from "./tap-options.ts";

/** The JSON schemas that are shipped, by the names of their files. */
export const CONFIG_SCHEMAS: Readonly<Record<string, object>> = {
  "config.schema.json": configSchema("tap", TAP_FLAGS),
  "collect.schema.json": configSchema("collect", COLLECT_FLAGS),
};

/** The JSON schema (draft-07) of a configuration file, for editors: what {@link parseConfig} accepts, by the table of flags. */
export function configSchema(command: string, flags: Readonly<Record<string, Flag>>): object {
  const settings = settingsOf(flags).filter(([name, { planned }]) => name !== "config" && planned !== true);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: `tcptracker ${command} --config`,
    description: "Every member is the flag of the same name.",
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(settings.map(([name, flag]) => [name, propertyOf(flag)])),
  };
}

function propertyOf({ type, value = "", help, multiple }: Flag): object {
  if (type === "boolean") return { type: "boolean", description: help };
  const choices = value.split("|");
  if (choices.length > 1) return { type: "string", enum: choices, description: help };
  const one = { type: ["string", "integer"], minLength: 1 };
  const description = `${value}: ${help}`;
  if (multiple !== true) return { ...one, description };
  return { anyOf: [one, { type: "array", items: one, minItems: 1 }], description };
}
