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
/** Where the status begins in `HTTP/1.1 200 OK`, and the three bytes of a good one. */
const STATUS_AT = 9;
const STATUS_200 = 0x323030;

/** Runs one load and says what came of it. */
async function run(load: Load): Promise<Measured> {
  const requests = load.requests.map((text) => Buffer.from(text));
  const startsAt = performance.now() + load.warmUpSeconds * 1000;
  const endsAt = startsAt + load.seconds * 1000;
  const times: number[] = [];
  const failures: string[] = [];

  async function ask(number: number): Promise<void> {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: load.port });
    connection.setNoDelay(true);
    const buffer = Buffer.alloc(BUFFER_BYTES);
    let next = Math.floor(number * requests.length / load.connections);
    for (let before = performance.now(); before < endsAt;) {
      const request = requests[next++ % requests.length] ?? Buffer.alloc(0);
      await writeAll(connection, request);
      const length = await readAnswer(connection, buffer);
      if (buffer.readUIntBE(STATUS_AT, 3) !== STATUS_200) {
        failures.push(buffer.toString("latin1", 0, length));
      }
      const now = performance.now();
      if (before >= startsAt) times.push(now - before);
      before = now;
    }
  }

  const cpu = process.cpuUsage();
  await Promise.all(Array.from({ length: load.connections }, (_, number) => ask(number)));
  const { user, system } = process.cpuUsage(cpu);
  const ascending = Float64Array.from(times).sort();
  return {
    perSecond: times.length / load.seconds,
    p50: percentile(ascending, 0.5),
    p99: percentile(ascending, 0.99),
    failed: failures.length,
    ...(failures[0] === undefined ? {} : { firstFailure: failures[0] }),
    generatorBusy: (user + system) / 1e6 / (load.warmUpSeconds + load.seconds),
  };
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
