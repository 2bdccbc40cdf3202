import assert from "node:assert/strict";
import process from "node:process";
import type { HostFetch, HostRequest } from "../../lib/deps.ts";
import { systemTimer } from "../../lib/store/system.ts";
import { MAX_VALUES } from "../../lib/upstreams/foreign_json.ts";
import type { CallOutcome, Listed, NotListed, UpstreamPort } from "../../lib/upstreams/port.ts";
import { callEcho, connections, NEVER, portOf } from "../helpers/upstream_server.ts";

/**
 * How long one turn of the process takes at most while it reads what a hostile upstream sends: others
 * wait no longer than that.
 */

const MIB = 1024 * 1024;

/** No turn may take longer, milliseconds. */
const MOST_MS = 50;

/** The shortest of so many tries counts: a busy machine makes turns longer, and none shorter. */
const TRIES = 20;

/** What an upstream sends in answer to a method, in pieces as they come from the network. */
type Sends = (method: string, id: number) => { readonly type: string; readonly text: string };

function hostsOf(sends: Sends): HostFetch {
  const encoder = new TextEncoder();
  const made = new Map<
    string,
    { readonly type: string; readonly bytes: Uint8Array<ArrayBuffer> }
  >();
  return ({ body }: HostRequest) => {
    const { method, id = 0 } = JSON.parse(new TextDecoder().decode(body));
    const { type, bytes } = made.getOrInsertComputed(`${method} ${id}`, () => {
      const { type, text } = sends(method, id);
      return { type, bytes: encoder.encode(text) };
    });
    let at = 0;
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.slice(at, at + 16 * 1024));
        at += 16 * 1024;
      },
    }, { highWaterMark: 0 });
    const headers = new Headers({ "content-type": type });
    return Promise.resolve({ status: 200, headers, body: stream });
  };
}

/** Discovered as modern; anything else is answered as the case says. */
function upstream(answer: (id: number) => string, type = "application/json"): Sends {
  return (method, id) => {
    if (method !== "server/discover") return { type, text: answer(id) };
    const result = { resultType: "complete", supportedVersions: ["2026-07-28"] };
    return { type: "application/json", text: JSON.stringify({ jsonrpc: "2.0", id, result }) };
  };
}

/** What this process worked, milliseconds. */
function worked(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * The longest turn while something runs. What counts is time in which this process worked, or passed
 * at all: of both the shorter, for others use this computer too, and this process has other threads.
 */
async function longestTurn(run: () => Promise<unknown>): Promise<number> {
  let isOver = false;
  const running = run().finally(() => isOver = true);
  let longest = 0;
  let last = { passed: performance.now(), worked: worked() };
  while (!isOver) {
    await systemTimer(0).elapsed;
    const now = { passed: performance.now(), worked: worked() };
    longest = Math.max(longest, Math.min(now.passed - last.passed, now.worked - last.worked));
    last = now;
  }
  await running;
  return longest;
}

type Outcome = CallOutcome | Listed | NotListed;

async function paced(
  sends: Sends,
  is: Outcome["is"],
  act: (port: UpstreamPort) => Promise<Outcome> = (port) =>
    callEcho(port, {}, { max_bytes: 8 * MIB }),
): Promise<void> {
  const turns: number[] = [];
  await using ports = connections([], {
    keeping: () => ({ ask: hostsOf(sends), close: () => {} }),
  });
  const port = portOf(ports, { url: "http://stand-in.example/mcp" });
  await port.connect(NEVER);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    turns.push(
      await longestTurn(async () => {
        const outcome = await act(port);
        assert.equal(outcome.is, is);
      }),
    );
    if (Math.min(...turns) < MOST_MS) return;
  }
  assert.fail(`no try in which each turn took less than ${MOST_MS} ms: ${turns.join(", ")}`);
}

/** A result of nearly 8 MiB whose one value is this text of JSON. */
function result(value: string): (id: number) => string {
  return (id) =>
    `{"jsonrpc":"2.0","id":${id},"result":{"resultType":"complete","content":[],"structuredContent":${value}}}`;
}

const ROOM = 8 * MIB - 1000;

const VALUES: Readonly<Record<string, string>> = {
  "one long text": `"${"x".repeat(ROOM)}"`,
  "escapes of quotes": `"${'\\"'.repeat(ROOM / 2)}"`,
  "escapes of code points": `"${"\\u0041".repeat(ROOM / 6)}"`,
  "characters of three bytes": `"${"世".repeat(ROOM / 3)}"`,
  "many objects": `[${
    Array.from(
      { length: MAX_VALUES / 4 },
      (_, at) => `{"a${at}":{"b${at}":"${"y".repeat(400)}"}}`,
    ).join(",")
  }]`,
  "many names": `{${
    Array.from({ length: MAX_VALUES - 100 }, (_, at) => `"name ${at}":${at}`).join(",")
  }}`,
  "long numbers": `[${Array.from({ length: 40_000 }, () => "9".repeat(190)).join(",")}]`,
};

for (const [name, value] of Object.entries(VALUES)) {
  Deno.test(`pace: a result of ${name} holds nobody up`, async () => {
    await paced(upstream(result(value)), "result");
  });
}

Deno.test("pace: more values than may be, and nesting without end, hold nobody up", async () => {
  await paced(upstream(result(`[${"[],".repeat(ROOM / 3 - 10)}[]]`)), "too_large");
  await paced(upstream(result("[".repeat(ROOM))), "too_large");
});

Deno.test("pace: a stream of the smallest lines and events holds nobody up", async () => {
  const events = "text/event-stream";
  await paced(upstream(() => "data:\n".repeat(ROOM / 6), events), "unknown");
  await paced(upstream(() => ":\n\n".repeat(ROOM / 3), events), "unknown");
  const notice = '{"jsonrpc":"2.0","method":"x"}';
  const text = `data:${notice}\n\n`.repeat(Math.floor(ROOM / 40));
  await paced(upstream(() => text, events), "unknown");
});

Deno.test("pace: a long list of tools with slow patterns in their schemas holds nobody up", async () => {
  const schema = { type: "object", properties: { a: { type: "string", pattern: "^(a+)+$" } } };
  const tools = Array.from({ length: 1000 }, (_, at) => ({
    name: `tool-${at}`,
    description: "z".repeat(7000),
    inputSchema: schema,
    outputSchema: schema,
  }));
  const text = JSON.stringify({ resultType: "complete", tools });
  const list = upstream((id) => `{"jsonrpc":"2.0","id":${id},"result":${text}}`);
  await paced(list, "listed", (port) => port.list(NEVER));
});
