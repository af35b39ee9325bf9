/**
 * A small, ordinary HTTP server: what the tcptracker demo taps.
 *
 * @module
 */
export { startServer, type RunningServer, type ServerOptions } from "./server.ts";
