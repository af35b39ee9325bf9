import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { exchange, mix, type Answer, type Exchange } from "./exchange.ts";

/** What {@link runClient} does. */
export interface ClientOptions {
  /** Servers to ask, in turn; http URLs such as `http://127.0.0.1:8080` or `http://[::1]:8080`. */
  readonly urls: readonly string[];
  /** Requests per second, started one after another; default 4. A slow answer delays the next request. */
  readonly rate?: number;
  /** Stop after this many milliseconds, counted from the first answer; default: not by time. */
  readonly durationMs?: number;
  /** Stop after this many requests; default: not by count. */
  readonly requests?: number;
  /** Use a connection for more than one request; default true. */
  readonly keepAlive?: boolean;
  /** How long to wait for each server to come up, in milliseconds; default 15,000. */
  readonly startTimeoutMs?: number;
  /** Stops the client; the summary covers what was done. */
  readonly signal?: AbortSignal;
  /** Called after each request. */
  readonly onRequest?: (outcome: RequestOutcome) => void;
}

/** How one request went. */
export interface RequestOutcome {
  readonly method: string;
  readonly url: string;
  readonly path: string;
  /** HTTP status; absent when no answer came. */
  readonly status?: number;
  /** Bytes of the answer's body. */
  readonly bytes: number;
  readonly ms: number;
  /** What was wrong; absent when nothing was. */
  readonly failure?: string;
}

/** What was done in all. */
export interface ClientSummary {
  readonly requests: number;
  /** Requests by path. */
  readonly byPath: Readonly<Record<string, number>>;
  /** Requests without an answer or with a wrong one. */
  readonly failed: number;
}

/** Errors that a server which is about to come up may cause: nobody listens yet, the name is not known yet. */
const notUpYet: ReadonlySet<string | undefined> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ECONNRESET",
]);
const RETRY_MS = 100;
const DEFAULT_START_TIMEOUT_MS = 15_000;

interface Session {
  readonly agent: Agent;
  readonly signal: AbortSignal;
  /** Until when to try again, in terms of performance.now(). */
  readonly startLimit: number;
  /** Servers that have answered once: they are not waited for again. */
  readonly seen: Set<string>;
}

async function askOnceUp(
  session: Session,
  url: string,
  what: Exchange,
  body: string | undefined,
): Promise<Answer> {
  for (;;) {
    try {
      const answer = await exchange(new URL(url), what, body, session.agent, session.signal);
      session.seen.add(url);
      return answer;
    } catch (error) {
      const mayRetry = !session.seen.has(url) && performance.now() < session.startLimit;
      if (!mayRetry || !notUpYet.has((error as NodeJS.ErrnoException).code)) throw error;
      await delay(RETRY_MS, undefined, { signal: session.signal });
    }
  }
}

async function ask(session: Session, url: string, what: Exchange, number: number): Promise<RequestOutcome> {
  const body = what.body?.(number);
  const before = performance.now();
  const about = { method: what.method, url, path: what.path };
  try {
    const answer = await askOnceUp(session, url, what, body);
    const failure = answer.status === 200 ? what.check(answer, body) : "unexpected status";
    const outcome = {
      ...about,
      status: answer.status,
      bytes: answer.body.length,
      ms: performance.now() - before,
    };
    return failure === undefined ? outcome : { ...outcome, failure };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { ...about, bytes: 0, ms: performance.now() - before, failure: code ?? message };
  }
}

/**
 * Asks the servers for one thing after another and checks every answer. Ends after `requests`, after `durationMs`, or
 * when `signal` says so, whichever is first.
 *
 * @throws RangeError when there is no URL, or one that is not http
 * @throws TypeError (`ERR_INVALID_URL`) when a URL cannot be parsed
 */
export async function runClient(options: ClientOptions): Promise<ClientSummary> {
  const { urls, rate = 4, durationMs = Infinity, requests = Infinity, keepAlive = true } = options;
  if (urls.length === 0) throw new RangeError("there is no URL to ask");
  for (const url of urls) {
    if (new URL(url).protocol !== "http:") throw new RangeError(`${url} is no http URL`);
  }
  const session: Session = {
    agent: new Agent({ keepAlive, maxSockets: 1 }),
    signal: options.signal ?? new AbortController().signal,
    startLimit: performance.now() + (options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS),
    seen: new Set(),
  };
  const byPath: Record<string, number> = {};
  const stopped = (): boolean => session.signal.aborted;
  let failed = 0;
  let done = 0;
  let begin = performance.now();
  try {
    while (done < requests && !stopped()) {
      // Shifted by one in each round, so that every server gets every kind of request.
      const round = Math.floor(done / mix.length);
      const what = mix[done % mix.length] as Exchange;
      const url = urls[((done % mix.length) + round) % urls.length] as string;
      const outcome = await ask(session, url, what, done);
      // What the stop cut off is not a failure of the server.
      if (outcome.failure !== undefined && stopped()) break;
      if (done === 0) begin = performance.now();
      done += 1;
      byPath[what.path] = (byPath[what.path] ?? 0) + 1;
      if (outcome.failure !== undefined) failed += 1;
      options.onRequest?.(outcome);

      const next = (done * 1000) / rate;
      if (next >= durationMs || done >= requests) {
        // No request would start before the end: wait for the end itself, unless the count has been reached.
        if (done < requests) await pause(begin + durationMs - performance.now(), session.signal);
        break;
      }
      await pause(begin + next - performance.now(), session.signal);
      if (performance.now() - begin >= durationMs) break;
    }
  } finally {
    session.agent.destroy();
  }
  return { requests: done, byPath, failed };
}

/** Waits, but not beyond the signal. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
