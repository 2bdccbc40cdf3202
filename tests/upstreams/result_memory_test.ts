import assert from "node:assert/strict";
import v8 from "node:v8";
import vm from "node:vm";
import type { HostFetch } from "../../lib/deps.ts";
import { systemTimer, type Timer } from "../../lib/store/system.ts";
import { callEcho, connections, NEVER, portOf } from "../helpers/upstream_server.ts";

/**
 * How much memory lives while a result is read: what no collection can free, looked at in turns
 * that others get, and while it comes.
 */

const MIB = 1024 * 1024;

const LIMIT = 8 * MIB;

v8.setFlagsFromString("--expose-gc");
const collect: () => void = vm.runInNewContext("gc");

/** What lives, of scripts and of buffers. */
function living(): number {
  collect();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** The id of the first call, after the handshake. */
const CALL_ID = 2;

/** The most that lived while a call was under way, beside what lived before. @param answer to it */
async function peak(type: string, text: string): Promise<number> {
  let most = 0;
  let turns = 0;
  let waits = 0;
  const look = () => {
    turns++;
    most = Math.max(most, living());
  };
  const timer = (milliseconds: number): Timer => {
    // Not each time: a collection takes longer than all else here.
    if (milliseconds === 0 && waits++ % 6 === 0) look();
    return systemTimer(milliseconds);
  };
  const encoder = new TextEncoder();
  const ask: HostFetch = ({ body }) => {
    const { method, id } = JSON.parse(new TextDecoder().decode(body));
    const isCall = method === "tools/call";
    const result = { resultType: "complete", supportedVersions: ["2026-07-28"] };
    const answer = isCall ? text : JSON.stringify({ jsonrpc: "2.0", id, result });
    async function* pieces() {
      // Each is made of a text that lived before, so that no copy of it counts for what is read.
      const size = 16 * 1024;
      for (let at = 0; at < answer.length; at += size) {
        yield await Promise.resolve(encoder.encode(answer.slice(at, at + size)));
        if (isCall && at % (256 * size) === 0) look();
      }
    }
    const headers = new Headers({ "content-type": isCall ? type : "application/json" });
    const stream = { [Symbol.asyncIterator]: pieces, cancel: () => Promise.resolve() };
    return Promise.resolve({ status: 200, headers, body: stream });
  };
  await using ports = connections([], { keeping: () => ({ ask, close: () => {} }), timer });
  const port = portOf(ports, { url: "http://stand-in.example/mcp" });
  await port.connect(NEVER);
  const before = living();
  const outcome = await callEcho(port, {}, { max_bytes: LIMIT });
  look();
  assert.equal(outcome.is, "result");
  assert(turns > 5, `looked ${turns} times`);
  return most - before;
}

const around = (content: string) =>
  `{"jsonrpc":"2.0","id":${CALL_ID},"result":{"resultType":"complete",${content}}}`;

const ROOM = LIMIT - 1024;

const ONE_TEXT = () => around(`"content":[{"type":"text","text":"${"x".repeat(ROOM)}"}]`);

const BODIES: Readonly<Record<string, () => string>> = {
  "one text": ONE_TEXT,
  "one text, a letter of which is wide": () =>
    around(`"content":[{"type":"text","text":"€${"x".repeat(ROOM)}"}]`),
  "escapes": () => around(`"content":[{"type":"text","text":"${'\\"'.repeat(ROOM / 2)}"}]`),
  "structured": () => around(`"content":[],"structuredContent":{"rows":["${"y".repeat(ROOM)}"]}`),
  "another member": () => around(`"content":[],"more":"${"y".repeat(ROOM)}"`),
  "_meta": () => around(`"content":[],"_meta":{"a":"${"y".repeat(ROOM)}"}`),
  "as many values as may be": () =>
    around(`"content":[],"structuredContent":[${`"${"1".repeat(150)}",`.repeat(49_000)}0]`),
};

async function assertBounded(type: string, text: string): Promise<void> {
  // In one piece of memory, before anything is measured.
  text.charCodeAt(1);
  const most = await peak(type, text);
  assert(most < 2 * LIMIT, `${(most / MIB).toFixed(1)} MiB more lived than before`);
}

for (const [name, body] of Object.entries(BODIES)) {
  Deno.test(`G11: no more lives than twice the limit while a result is read: ${name}`, () =>
    assertBounded("application/json", body()));
}

Deno.test("G11: no more lives than twice the limit while a result is read out of events", () =>
  assertBounded("text/event-stream", `data: ${ONE_TEXT()}\n\n`));
