// Which mirrors of Debian this machine uses, from its own apt sources.

/** Where the packages of a suite come from. */
export interface Mirrors {
  readonly archive: string;
  readonly security: string;
}

interface Source {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
}

export const DEFAULT_MIRRORS: Mirrors = {
  archive: "http://deb.debian.org/debian",
  security: "http://deb.debian.org/debian-security",
};

const DEBIAN_SUITE =
  /^(bullseye|bookworm|trixie|forky|sid|stable|testing|unstable)(-updates|-backports|-security)?(\/updates)?$/;

function words(text: string | undefined): string[] {
  return text?.split(/\s+/).filter(Boolean) ?? [];
}

/** One-line sources: `deb [options] URI suite component…`. */
function parseList(text: string): Source[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/.exec(line);
    return match ? [{ uris: [match[1] ?? ""], suites: [match[2] ?? ""] }] : [];
  });
}

/** Sources in the deb822 style: paragraphs of `Field: value`. */
function parseParagraphs(text: string): Source[] {
  return text.split(/\n\s*\n/).flatMap((paragraph) => {
    const lines = paragraph.split("\n").filter((line) => !line.startsWith("#"));
    // A line that begins with a space goes on with the field above it.
    const fields = new Map(
      lines
        .join("\n")
        .replace(/\n[ \t]+/g, " ")
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1)]),
    );
    if (fields.get("enabled")?.trim().toLowerCase() === "no") return [];
    if (!words(fields.get("types")).includes("deb")) return [];
    return [{ uris: words(fields.get("uris")), suites: words(fields.get("suites")) }];
  });
}

/**
 * The mirrors that the sources name for suites of Debian; for what they do not name, the default.
 *
 * @param files - name and text of each sources file
 * @param environment - TCPTRACKER_DEBIAN_MIRROR and TCPTRACKER_DEBIAN_SECURITY_MIRROR win
 */
export function findMirrors(
  files: readonly { readonly name: string; readonly text: string }[],
  environment: NodeJS.ProcessEnv = {},
): Mirrors {
  const sources = files.flatMap(({ name, text }) =>
    name.endsWith(".sources") ? parseParagraphs(text) : parseList(text),
  );
  const find = (security: boolean): string | undefined =>
    sources
      .filter(({ suites }) =>
        suites.some((suite) => DEBIAN_SUITE.test(suite) && /security|\/updates/.test(suite) === security),
      )
      .flatMap(({ uris }) => uris)
      // Neither a disk nor a list of mirrors is a place where other suites can be.
      .find((uri) => /^https?:\/\//.test(uri))
      ?.replace(/\/+$/, "");
  return {
    archive: environment["TCPTRACKER_DEBIAN_MIRROR"] || find(false) || DEFAULT_MIRRORS.archive,
    security: environment["TCPTRACKER_DEBIAN_SECURITY_MIRROR"] || find(true) || DEFAULT_MIRRORS.security,
  };
}

/** The sources of these suites, as apt reads them. */
export function sourcesList(
  suites: readonly string[],
  architectures: readonly string[],
  mirrors: Mirrors,
  keyring: string | undefined,
): string {
  const options = [
    `arch=${architectures.join(",")}`,
    ...(keyring === undefined ? [] : [`signed-by=${keyring}`]),
  ];
  return suites
    .map((suite) => {
      const mirror = suite.endsWith("-security") ? mirrors.security : mirrors.archive;
      return `deb [${options.join(" ")}] ${mirror} ${suite} main\n`;
    })
    .join("");
}
