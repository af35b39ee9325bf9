import { describe, expect, test } from "vitest";
import { DEFAULT_MIRRORS, findMirrors, sourcesList } from "./apt-sources.ts";

const list = (text: string): { name: string; text: string }[] => [{ name: "sources.list", text }];
const paragraphs = (text: string): { name: string; text: string }[] => [{ name: "debian.sources", text }];

describe("the machine's own mirrors", () => {
  test("of one-line sources", () => {
    const text = `# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/x.gpg] http://mirror.example/debian/ bookworm main contrib
deb-src http://src.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main`;
    expect(findMirrors(list(text))).toEqual({
      archive: "http://mirror.example/debian",
      security: "http://security.example/debian-security",
    });
  });

  test("of sources in paragraphs, with lines that go on", () => {
    const text = `Types: deb
URIs: http://other.example/apt
Suites: nodistro

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie

# a comment
Types: deb deb-src
URIs:
 https://mirror.example/debian
Suites: trixie
 trixie-updates

Types: deb
URIs: https://mirror.example/security
Suites: trixie-security`;
    expect(findMirrors(paragraphs(text))).toEqual({
      archive: "https://mirror.example/debian",
      security: "https://mirror.example/security",
    });
  });

  test("neither a disk nor another distribution is one", () => {
    const text = "deb cdrom:[Debian] bookworm main\ndeb http://archive.example/ubuntu noble main";
    expect(findMirrors(list(text))).toEqual(DEFAULT_MIRRORS);
  });

  test("the environment wins", () => {
    const environment = { TCPTRACKER_DEBIAN_MIRROR: "http://env.example/debian" };
    expect(findMirrors(list("deb http://a.example/debian bookworm main"), environment)).toEqual({
      archive: "http://env.example/debian",
      security: DEFAULT_MIRRORS.security,
    });
  });
});

test("security suites come from the security mirror", () => {
  const mirrors = { archive: "http://a.example/debian", security: "http://s.example/sec" };
  expect(sourcesList(["bookworm", "bookworm-security"], ["amd64", "arm64"], mirrors, "/k.gpg")).toBe(
    "deb [arch=amd64,arm64 signed-by=/k.gpg] http://a.example/debian bookworm main\n" +
      "deb [arch=amd64,arm64 signed-by=/k.gpg] http://s.example/sec bookworm-security main\n",
  );
});
