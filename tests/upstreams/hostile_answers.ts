import type { HostFetch, HostRequest } from "../../lib/deps.ts";
import { MAX_VALUES } from "../../lib/upstreams/json_scanner.ts";
import type { CallOutcome, Listed, NotListed, UpstreamPort } from "../../lib/upstreams/port.ts";
import { callEcho, NEVER } from "../helpers/upstream_server.ts";

/**
 * What a hostile upstream sends so that whoever reads it has no time for anybody else: close to the
 * most that is taken, of the kinds that cost the most to read.
 */

const MIB = 1024 * 1024;

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

type Outcome = CallOutcome | Listed | NotListed;

/** One answer, and what is to come of it. */
export interface HostileAnswer {
  readonly name: string;
  readonly hosts: HostFetch;
  readonly is: Outcome["is"];
  readonly act: (port: UpstreamPort) => Promise<Outcome>;
}

const EVENTS = "text/event-stream";

function call(port: UpstreamPort): Promise<Outcome> {
  return callEcho(port, {}, { max_bytes: 8 * MIB });
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

const NOTICE = '{"jsonrpc":"2.0","method":"x"}';

/** A thousand tools, each with a long description and a pattern that others take for ever for. */
function longList(): Sends {
  const schema = { type: "object", properties: { a: { type: "string", pattern: "^(a+)+$" } } };
  const tools = Array.from({ length: 1000 }, (_, at) => ({
    name: `tool-${at}`,
    description: "z".repeat(7000),
    inputSchema: schema,
    outputSchema: schema,
  }));
  const text = JSON.stringify({ resultType: "complete", tools });
  return upstream((id) => `{"jsonrpc":"2.0","id":${id},"result":${text}}`);
}

export const HOSTILE_ANSWERS: readonly HostileAnswer[] = [
  ...Object.entries(VALUES).map(([name, value]) => ({
    name: `a result of ${name}`,
    hosts: hostsOf(upstream(result(value))),
    is: "result" as const,
    act: call,
  })),
  ...([
    [
      "more values than may be",
      "too_large",
      upstream(result(`[${"[],".repeat(ROOM / 3 - 10)}[]]`)),
    ],
    ["nesting without end", "too_large", upstream(result("[".repeat(ROOM)))],
    ["the smallest lines", "unknown", upstream(() => "data:\n".repeat(ROOM / 6), EVENTS)],
    ["the smallest events", "unknown", upstream(() => ":\n\n".repeat(ROOM / 3), EVENTS)],
    [
      "many notices",
      "unknown",
      upstream(() => `data:${NOTICE}\n\n`.repeat(Math.floor(ROOM / 40)), EVENTS),
    ],
  ] as const).map(([name, is, sends]) => ({ name, hosts: hostsOf(sends), is, act: call })),
  {
    name: "a long list of tools with slow patterns",
    hosts: hostsOf(longList()),
    is: "listed",
    act: (port) => port.list(NEVER),
  },
];
