// Writes the JSON schemas of configuration files from the tables of flags. A test compares them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { CONFIG_SCHEMAS } from "./src/cli/config-schema.ts";

for (const [name, schema] of Object.entries(CONFIG_SCHEMAS)) {
  const path = join(import.meta.dirname, name);
  const style = await resolveConfig(path);
  writeFileSync(path, await format(JSON.stringify(schema), { ...style, parser: "json" }));
}
