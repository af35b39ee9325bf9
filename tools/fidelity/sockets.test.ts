import { expect, test } from "vitest";
import { statesOf } from "./sockets.ts";

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 2
   2: 0100007F:9C40 0100007F:1F90 06 00000000:00000000 00:00000000 00000000     0        0 3
   3: 0100007F:0050 0100007F:9C41 01 00000000:00000000 00:00000000 00000000     0        0 4
`;

test("the states of the sockets of a port, whichever end it is", () => {
  expect(statesOf(TABLE, 8080)).toEqual([0x0a, 0x01, 0x06]);
  expect(statesOf(TABLE, 80)).toEqual([0x01]);
  expect(statesOf(TABLE, 81)).toEqual([]);
});

test("IPv6 addresses have colons of no kind", () => {
  const line = "   0: 00000000000000000000000001000000:5BA0 00000000000000000000000000000000:0000 0A 0";
  expect(statesOf(`header\n${line}\n`, 0x5ba0)).toEqual([0x0a]);
});
