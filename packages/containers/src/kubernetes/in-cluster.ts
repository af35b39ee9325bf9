import { existsSync } from "node:fs";

const TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** Whether this process is in a pod with a service account. */
export function isInCluster(environment: NodeJS.ProcessEnv = process.env): boolean {
  return environment["KUBERNETES_SERVICE_HOST"] !== undefined && existsSync(TOKEN);
}
