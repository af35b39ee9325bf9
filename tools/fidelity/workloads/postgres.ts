/** PostgreSQL, asked by psql and pgbench. */
import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync } from "node:fs";
import type { Stage, Workload } from "../workload.ts";

function idOf(option: "-u" | "-g"): number {
  return Number(execFileSync("id", [option, "postgres"], { encoding: "utf8" }));
}

/** Starts a server with a new cluster; gives what clients need as arguments. PostgreSQL refuses to run as root. */
async function startPostgres(stage: Stage, host: string): Promise<string[]> {
  const owner = { uid: idOf("-u"), gid: idOf("-g"), cwd: "/" };
  const port = String(await stage.port());
  const data = stage.path("data");
  const sockets = stage.path("sockets");
  for (const directory of [data, sockets]) {
    mkdirSync(directory);
    chownSync(directory, owner.uid, owner.gid);
  }
  const trust = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"];
  await stage.run("initdb", ["-D", data, ...trust], owner);
  const settings = [`listen_addresses=${host}`, `unix_socket_directories=${sockets}`, "fsync=off", "ssl=off"];
  const flags = settings.flatMap((setting) => ["-c", setting]);
  await stage.serve("postgres", ["-D", data, "-p", port, ...flags], owner);
  return ["-h", host, "-p", port, "-U", "postgres"];
}

const ROWS = 60_000;

/** All kinds of messages: errors, notices, large rows, COPY both ways, a cursor, prepared statements. */
const SCRIPT = `
CREATE TABLE t (id int PRIMARY KEY, name text, body bytea);
INSERT INTO t SELECT i, 'name ' || i, decode(md5(i::text), 'hex') FROM generate_series(1, ${ROWS}) i;
SELECT * FROM t ORDER BY id;
\\copy t TO 'copy.txt'
CREATE TABLE u (LIKE t);
\\copy u FROM 'copy.txt'
COPY t TO STDOUT (FORMAT binary);
SELECT 1/0;
DO $$ BEGIN RAISE NOTICE 'a notice'; END $$;
SELECT repeat('0123456789abcdef', 200000);
BEGIN; DECLARE c CURSOR FOR SELECT * FROM u; FETCH 1000 FROM c; FETCH 5 FROM c; COMMIT;
PREPARE p(int) AS SELECT name FROM t WHERE id = $1;
EXECUTE p(1); EXECUTE p(2);
LISTEN channel; NOTIFY channel, 'to myself';
`;

export const postgresWorkloads: readonly Workload[] = [
  {
    name: "postgres-psql",
    what: "psql asks PostgreSQL: COPY both ways, large rows, a cursor, errors, notices",
    programs: ["postgres"],
    prepare: async (stage) => {
      const address = await startPostgres(stage, "127.0.0.1");
      const script = stage.write("script.sql", SCRIPT);
      return async () => {
        await stage.run("psql", [...address, "-X", "-q", "-f", script, "postgres"], { cwd: stage.directory });
        for (let i = 0; i < 5; i++)
          await stage.run("psql", [...address, "-X", "-c", `SELECT name FROM t WHERE id = ${i}`, "postgres"]);
      };
    },
  },
  {
    name: "postgres-pgbench",
    what: "pgbench over ::1: bulk load, then transactions simple, prepared and on new connections",
    programs: ["postgres"],
    prepare: async (stage) => {
      const address = await startPostgres(stage, "::1");
      return async () => {
        const bench = async (...args: readonly string[]): Promise<unknown> =>
          await stage.run("pgbench", [...address, ...args, "postgres"]);
        await bench("-i", "-s", "2", "-q");
        await bench("-c", "8", "-j", "2", "-t", "200", "-n");
        await bench("-c", "8", "-t", "1000", "-n", "-S", "-M", "prepared");
        await bench("-c", "2", "-t", "50", "-n", "-S", "-C");
      };
    },
  },
];
