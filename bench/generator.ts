import { Buffer } from "node:buffer";
import process from "node:process";
import type { Load, Measured } from "./measure.ts";
import { percentile } from "./percentile.ts";

/**
 * Puts load on a server, in a process of its own: each line of JSON on standard input, a `Load`, is
 * answered by a line with a `Measured`. Every connection asks, waits for the answer, and asks
 * again. Requests are bytes made beforehand and answers are only measured, not parsed: what this
 * process does must not be what is measured.
 */

const BUFFER_BYTES = 64 * 1024;
const END_OF_HEAD = "\r\n\r\n";
const CONTENT_LENGTH = "\r\ncontent-length: ";
const DIGIT_0 = 48;
/** Where the status begins in `HTTP/1.1 200 OK`, and the three bytes of the good ones. */
const STATUS_AT = 9;
const STATUS_200 = 0x323030;
const STATUS_201 = 0x323031;

/** Runs one load and says what came of it. */
async function run(load: Load): Promise<Measured> {
  const requests = load.requests.map((text) => Buffer.from(text));
  const startsAt = performance.now() + load.warmUpSeconds * 1000;
  const endsAt = startsAt + load.seconds * 1000;
  const times: number[] = [];
  const failures: string[] = [];
  const kept: [number, string][] = [];
  const next = load.once === true ? eachOnce(requests.length) : inTurn(requests.length, load);
  let lastAt = startsAt;

  async function ask(connectionNumber: number): Promise<void> {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: load.port });
    connection.setNoDelay(true);
    const buffer = Buffer.alloc(BUFFER_BYTES);
    const places = next(connectionNumber);
    for (let before = performance.now(); before < endsAt;) {
      const place = places();
      const request = requests[place];
      if (request === undefined) break;
      await writeAll(connection, request);
      const length = await readAnswer(connection, buffer);
      const status = buffer.readUIntBE(STATUS_AT, 3);
      if (status !== STATUS_200 && status !== STATUS_201) {
        failures.push(buffer.toString("latin1", 0, length));
      } else if (load.keep !== undefined) {
        kept.push([place, member(buffer.subarray(0, length), load.keep)]);
      }
      const now = performance.now();
      if (before >= startsAt) times.push(now - before);
      before = lastAt = now;
    }
  }

  const cpu = process.cpuUsage();
  const beganAt = performance.now();
  await Promise.all(Array.from({ length: load.connections }, (_, number) => ask(number)));
  const { user, system } = process.cpuUsage(cpu);
  const ascending = Float64Array.from(times).sort();
  return {
    perSecond: times.length / (Math.min(lastAt, endsAt) - startsAt) * 1000,
    p50: percentile(ascending, 0.5),
    p99: percentile(ascending, 0.99),
    failed: failures.length,
    ...(failures[0] === undefined ? {} : { firstFailure: failures[0] }),
    generatorBusy: (user + system) / 1000 / (lastAt - beganAt),
    ...(load.keep === undefined ? {} : { kept }),
  };
}

/** Gives the connections the places of the requests in turn, and none beyond the last. */
function eachOnce(count: number): (connection: number) => () => number {
  let taken = 0;
  return () => () => taken < count ? taken++ : -1;
}

/** Has each connection ask its part of the requests in turn, beginning at a place of its own. */
function inTurn(
  count: number,
  { connections, parts = 1 }: Load,
): (connection: number) => () => number {
  const length = count / parts;
  return (connection) => {
    const from = (connection % parts) * length;
    let at = Math.floor(connection * length / connections);
    return () => from + at++ % length;
  };
}

/** The text of a member with a string that needs no escapes, in the JSON of an answer. */
function member(answer: Buffer, name: string): string {
  const before = `"${name}":"`;
  const from = answer.indexOf(before);
  if (from === -1) throw new Error(`An answer has no ${name}: ${answer.toString("latin1")}`);
  return answer.toString("latin1", from + before.length, answer.indexOf(34, from + before.length));
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}

/** Reads one answer into the buffer and returns its length. */
async function readAnswer(connection: Deno.Conn, buffer: Buffer): Promise<number> {
  let length = 0;
  let expected = Infinity;
  while (length < expected) {
    const read = await connection.read(buffer.subarray(length));
    if (read === null) throw new Error("The server closed a connection in the middle");
    length += read;
    if (expected === Infinity) expected = answerLength(buffer.subarray(0, length));
  }
  return length;
}

/** Bytes of head and body, as the head says; infinite while the head is not there. */
function answerLength(received: Buffer): number {
  const head = received.indexOf(END_OF_HEAD);
  if (head === -1) return Infinity;
  const field = received.indexOf(CONTENT_LENGTH);
  if (field === -1 || field > head) throw new Error("An answer has no content-length");
  let length = 0;
  for (let at = field + CONTENT_LENGTH.length;; at++) {
    const digit = (received[at] ?? 0) - DIGIT_0;
    if (digit < 0 || digit > 9) break;
    length = length * 10 + digit;
  }
  return head + END_OF_HEAD.length + length;
}

console.log(JSON.stringify({ ready: true }));
let rest = "";
for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) console.log(JSON.stringify(await run(JSON.parse(line) as Load)));
}
