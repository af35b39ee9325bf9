/** Why the Kubernetes API does not answer as it should, and what to do. */

function remedyFor(status: number, what: string): string {
  if (status === 401) return "its token or certificate is not accepted";
  if (status === 403) return `it needs a ClusterRole that may list and watch ${what}`;
  return "trying again";
}

/** The client's errors have the status in one of two members, and the system's code in the cause. */
export function explain(error: unknown, what: string): { reason: string; remedy: string } {
  const { code, statusCode, cause, message } = error as Partial<
    Record<"code" | "statusCode", unknown> & { cause: { code?: unknown }; message: string }
  >;
  const status = [statusCode, code].find((value) => typeof value === "number");
  if (status !== undefined) return { reason: `status ${status}`, remedy: remedyFor(status, what) };
  const system = [code, cause?.code].find((value) => typeof value === "string");
  return { reason: system ?? message?.split("\n")[0] ?? "no reason given", remedy: "trying again" };
}
