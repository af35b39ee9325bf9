import nx from "@nx/eslint-plugin";
import tseslint from "typescript-eslint";

/** What each room may import: one way, from the agent down. */
const rooms = [
  {
    sourceTag: "scope:agent",
    onlyDependOnLibsWithTags: [
      "scope:containers",
      "scope:events",
      "scope:filter",
      "scope:grpc-exporter",
      "scope:libbpf",
      "scope:probes",
    ],
  },
  { sourceTag: "scope:grpc-exporter", onlyDependOnLibsWithTags: ["scope:events", "scope:proto"] },
  { sourceTag: "scope:proto", onlyDependOnLibsWithTags: [] },
  // Its kernel tests run what it generates; only they import libbpf (the lib's tsconfig has no reference to it).
  { sourceTag: "scope:filter", onlyDependOnLibsWithTags: ["scope:events", "scope:libbpf"] },
  { sourceTag: "scope:events", onlyDependOnLibsWithTags: [] },
  { sourceTag: "scope:containers", onlyDependOnLibsWithTags: ["scope:events"] },
  { sourceTag: "scope:libbpf", onlyDependOnLibsWithTags: [] },
  { sourceTag: "scope:probes", onlyDependOnLibsWithTags: [] },
  { sourceTag: "scope:demo", onlyDependOnLibsWithTags: [] },
];

export default tseslint.config(
  { ignores: ["**/dist/**", "**/node_modules/**", ".nx/**", "**/gen/**", "**/coverage/**"] },
  {
    files: ["**/*.ts", "**/*.js", "**/*.mjs"],
    plugins: { "@nx": nx },
    languageOptions: { parser: tseslint.parser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@nx/enforce-module-boundaries": [
        "error",
        { enforceBuildableLibDependency: true, allow: [], depConstraints: rooms },
      ],
    },
  },
  {
    files: ["**/*.ts"],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/consistent-type-exports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // Numbers in messages read well as they are.
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "ExportAllDeclaration", message: "Name what is exported: export * hides the surface." },
      ],
    },
  },
);
