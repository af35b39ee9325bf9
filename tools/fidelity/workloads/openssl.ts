/** TLS: what goes over the connection is encrypted, and the tap sees exactly that. */
import type { Stage, Workload } from "../workload.ts";

/** A certificate that nobody trusts; gives the paths of the key and the certificate. */
async function certify(stage: Stage): Promise<{ key: string; certificate: string }> {
  const [key, certificate] = [stage.path("key.pem"), stage.path("certificate.pem")];
  const subject = ["-subj", "/CN=localhost", "-days", "2"];
  const kind = ["-x509", "-newkey", "rsa:2048", "-nodes", ...subject];
  await stage.run("openssl", ["req", ...kind, "-keyout", key, "-out", certificate]);
  return { key, certificate };
}

async function startServer(stage: Stage, ...options: readonly string[]): Promise<number> {
  const { key, certificate } = await certify(stage);
  const port = await stage.port();
  const identity = ["-key", key, "-cert", certificate];
  const args = ["s_server", "-accept", `127.0.0.1:${port}`, ...identity, "-quiet", ...options];
  await stage.serve("openssl", args, { cwd: stage.directory });
  return port;
}

export const opensslWorkloads: readonly Workload[] = [
  {
    name: "openssl-files",
    what: "curl asks openssl s_server -WWW for files, with TLS 1.2 and 1.3",
    programs: ["openssl", "curl"],
    prepare: async (stage) => {
      const sizes = [10, 5000, 3_000_000];
      for (const size of sizes) stage.random(`${size}.bin`, size);
      const port = await startServer(stage, "-WWW");
      return async () => {
        const urls = sizes.flatMap((size) => [`https://127.0.0.1:${port}/${size}.bin`, "-o", "/dev/null"]);
        for (const version of ["1.2", "1.3"])
          // Responses have HTTP/1.0 without a length and end with the connection, not always in good order.
          await stage.run("curl", ["-sS", "-k", "--tls-max", version, ...urls], { codes: [0, 56] });
      };
    },
  },
  {
    name: "openssl-s_client",
    what: "openssl s_client sends lines to openssl s_server -rev, which sends them back reversed",
    programs: ["openssl"],
    prepare: async (stage) => {
      const lines = Array.from({ length: 3000 }, (_, i) => `line ${i} ${(i * 7919) % 10007}\n`);
      const input = stage.write("lines.txt", lines.join(""));
      const port = await startServer(stage, "-rev");
      return async () => {
        for (const version of ["-tls1_2", "-tls1_3"]) {
          // With -no_ign_eof it ends with its input, without waiting for answers: the input is held open a little longer.
          const talk = `(cat ${input}; sleep 1) | openssl s_client -quiet -no_ign_eof ${version} -connect 127.0.0.1:${port}`;
          await stage.run("bash", ["-c", talk]);
        }
      };
    },
  },
];
