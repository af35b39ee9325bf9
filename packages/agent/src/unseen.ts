import type { Tap } from "./tap.ts";

/**
 * What this kernel does not let a tap see, or not always: nothing for a tap that has all that it can have. `tcptracker doctor`
 * says more.
 */
export function unseenLines({
  hooks,
  missingHooks,
  ioUring,
  pageCache,
}: Pick<Tap, "hooks" | "missingHooks" | "ioUring" | "pageCache">): string[] {
  const lines = missingHooks.map(({ target, reason }) => `${target} is not seen: ${reason}`);
  if (!ioUring.seen && ioUring.absent !== true)
    lines.push(
      `io_uring is not recorded; what it moves on connections with other calls is declared${because(ioUring)}`,
    );
  if (!pageCache.seen) lines.push(`what sendfile sends is not recorded, but declared${because(pageCache)}`);
  const limited = hooks.find(({ limitation }) => limitation !== undefined);
  if (limited !== undefined)
    lines.push(
      `calls are missed while many others of the same kind wait${because({ reason: limited.limitation })}`,
    );
  for (const { target, unpaired } of hooks)
    if (unpaired !== undefined)
      lines.push(
        `${target} has no second program for when the kernel skips the first${because({ reason: unpaired })}`,
      );
  return lines;
}

function because({ reason }: { readonly reason?: string | undefined }): string {
  return reason === undefined ? "" : `: ${reason}`;
}
