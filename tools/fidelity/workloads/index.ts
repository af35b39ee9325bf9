import type { Workload } from "../workload.ts";
import { bulkWorkloads } from "./bulk.ts";
import { goWorkloads } from "./go.ts";
import { javaWorkloads } from "./java.ts";
import { nginxWorkloads } from "./nginx.ts";
import { nodeWorkloads } from "./node.ts";
import { opensslWorkloads } from "./openssl.ts";
import { postgresWorkloads } from "./postgres.ts";
import { pythonWorkloads } from "./python.ts";
import { redisWorkloads } from "./redis.ts";
import { socatWorkloads } from "./socat.ts";
import { webServerWorkloads } from "./web-servers.ts";

/** Every workload, in the order in which they run. */
export const WORKLOADS: readonly Workload[] = [
  ...nginxWorkloads,
  ...webServerWorkloads,
  ...redisWorkloads,
  ...postgresWorkloads,
  ...pythonWorkloads,
  ...nodeWorkloads,
  ...javaWorkloads,
  ...goWorkloads,
  ...socatWorkloads,
  ...opensslWorkloads,
  ...bulkWorkloads,
];
