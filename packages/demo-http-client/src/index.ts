/**
 * A small, ordinary HTTP client: what the tcptracker demo taps.
 *
 * @module
 */
export { runClient, type ClientOptions, type ClientSummary, type RequestOutcome } from "./client.ts";
