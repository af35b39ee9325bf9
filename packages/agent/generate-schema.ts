// Writes config.schema.json, the JSON schema of configuration files, from the table of flags. A test compares them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { configSchema } from "./src/cli/config-schema.ts";
import { TAP_FLAGS } from "./src/cli/tap-options.ts";

const path = join(import.meta.dirname, "config.schema.json");
const style = await resolveConfig(path);
writeFileSync(path, await format(JSON.stringify(configSchema(TAP_FLAGS)), { ...style, parser: "json" }));
