const NS_PER_SECOND = 1_000_000_000n;

function pad(value: number, digits = 2): string {
  return String(value).padStart(digits, "0");
}

/** Local wall-clock time with microseconds, as tcpdump prints it; `time` in nanoseconds since the epoch. */
export function formatClockTime(time: bigint): string {
  const date = new Date(Number(time / 1_000_000n));
  const micros = Number((time % NS_PER_SECOND) / 1000n);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(micros, 6)}`;
}

/** `71 B`, `4.0 KiB`, `1.0 MiB`. */
export function formatBytes(bytes: bigint | number): string {
  let value = Number(bytes);
  if (value < 1024) return `${value} B`;
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  let unit = -1;
  do {
    value /= 1024;
    unit++;
  } while (value >= 1023.95 && unit < units.length - 1);
  return `${value.toFixed(1)} ${units[unit] ?? ""}`;
}

/** `340 us`, `12.3 ms`, `5.0 s`, `2 min 5 s`; from nanoseconds. */
export function formatDuration(nanoseconds: bigint): string {
  const seconds = Number(nanoseconds) / 1e9;
  if (seconds < 0.0009995) return `${(seconds * 1e6).toFixed(0)} us`;
  if (seconds < 0.99995) return `${(seconds * 1e3).toFixed(1)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** `1 record`, `2 records`. */
export function plural(count: bigint | number, noun: string): string {
  return `${count} ${noun}${BigInt(count) === 1n ? "" : "s"}`;
}
