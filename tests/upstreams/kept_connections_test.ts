import assert from "node:assert/strict";
import { type JsonObject, type JsonValue, memberOf } from "../../lib/base/json.ts";
import type { CallOutcome, UpstreamPort } from "../../lib/upstreams/port.ts";
import {
  callEcho,
  connections,
  NEVER,
  portOf,
  UpstreamServer,
} from "../helpers/upstream_server.ts";
import { answerOf, type Said, type Wire, WireNetwork } from "../helpers/wire_network.ts";

/** Connections to an upstream that are kept, and what an upstream can make of that. */

const URL_ = "https://a.example/mcp";

interface Message {
  readonly id: number;
  readonly method: string;
  readonly params: JsonObject;
}

/** The HTTP answer with the result of a request. */
function resultOf(id: JsonValue, result: JsonObject, headers: readonly string[] = []): string {
  const body = JSON.stringify({ jsonrpc: "2.0", id, result });
  return answerOf(body, ["Content-Type: application/json", ...headers]);
}

const textResult = (text: string): JsonObject => ({ content: [{ type: "text", text }] });

/** What a server that does as it should answers. */
function usual({ id, method, params }: Message): string {
  switch (method) {
    case "server/discover":
      return resultOf(id, { supportedVersions: ["2026-07-28"] });
    case "tools/list":
      return resultOf(id, { tools: [] });
    default:
      return resultOf(id, textResult(String(memberOf(memberOf(params, "arguments"), "text"))));
  }
}

/** An upstream on a network in memory. */
async function withWires(
  answer: (message: Message, wire: Wire) => Said | null,
  run: (
    of: {
      readonly port: UpstreamPort;
      readonly network: WireNetwork;
      readonly asked: readonly Message[];
    },
  ) => Promise<void>,
): Promise<void> {
  const asked: Message[] = [];
  const network = new WireNetwork((request, wire) => {
    const message = JSON.parse(request.slice(request.indexOf("\r\n\r\n") + 4));
    asked.push(message);
    return answer(message, wire) ?? { pieces: [usual(message)] };
  });
  {
    await using ports = connections([], { network });
    await run({ port: portOf(ports, { url: URL_ }), network, asked });
  }
  assert(network.wires.every(({ isClosed }) => isClosed), "a connection outlives its upstream");
}

function textOf(outcome: CallOutcome): string {
  if (outcome.is !== "result") return outcome.is;
  return JSON.parse(new TextDecoder().decode(outcome.content))[0].text;
}

const echo = async (port: UpstreamPort, text: string) => textOf(await callEcho(port, { text }));

Deno.test("kept connections: handshake, list and calls go by one", async () => {
  await withWires(() => null, async ({ port, network }) => {
    await port.list(NEVER);
    for (const text of ["a", "b", "c"]) assert.equal(await echo(port, text), text);
    assert.deepEqual(network.counts, [5]);
  });
});

Deno.test("hostile upstream: an answer to the next call, sent along with that to this one, is nobody's", async () => {
  // Ids can be guessed: it says what the next call is told, before that is made.
  const split = (message: Message): Said | null =>
    message.method === "tools/call"
      ? { pieces: [usual(message) + resultOf(message.id + 1, textResult("forged"))] }
      : null;
  const apart = (message: Message): Said | null => {
    const [together] = split(message)?.pieces ?? [];
    const own = usual(message);
    return together === undefined ? null : { pieces: [own, together.slice(own.length)] };
  };
  for (const answer of [split, apart]) {
    await withWires(answer, async ({ port, network }) => {
      for (const text of ["a", "b", "c"]) assert.equal(await echo(port, text), text);
      assert.deepEqual(network.counts, [2, 1, 1]);
    });
  }
});

Deno.test("hostile upstream: an answer to the next call that comes while its connection rests is nobody's", async () => {
  await withWires(() => null, async ({ port, network, asked }) => {
    assert.equal(await echo(port, "a"), "a");
    const next = (asked.at(-1)?.id ?? 0) + 1;
    for (const wire of network.wires) wire.say(resultOf(next, textResult("forged")));
    assert.equal(await echo(port, "b"), "b");
  });
});

Deno.test("hostile upstream: an answer to the call before is none to this one", async () => {
  let before: JsonValue = 0;
  const late = (message: Message): Said | null => {
    if (message.method !== "tools/call") return null;
    const answer = resultOf(before, textResult("theirs"));
    before = message.id;
    return { pieces: [answer] };
  };
  await withWires(late, async ({ port }) => {
    for (const text of ["a", "b"]) assert.equal(await echo(port, text), "unknown");
  });
});

Deno.test("G2, G12: a call is not sent again where its connection ends as it arrives, and what asks is", async () => {
  const leaves: Said = { pieces: [], leaves: true };
  let isLeaving = true;
  await withWires(
    (_, wire) => isLeaving && wire.asked.length > 1 ? leaves : null,
    async ({ port, asked }) => {
      const methods = () => asked.map(({ method }) => method);
      const outcome = await callEcho(port);
      assert.deepEqual([outcome.is, "why" in outcome && outcome.why], ["unknown", "cut"]);
      assert.deepEqual(methods(), ["server/discover", "tools/call"]);
      isLeaving = false;
      assert.equal(await echo(port, "b"), "b");
      isLeaving = true;
      assert.equal((await port.list(NEVER)).is, "listed");
      assert.deepEqual(methods().slice(2), ["tools/call", "tools/list", "tools/list"]);
    },
  );
});

Deno.test("kept connections: sixty calls at once each get their own answer", async () => {
  for (const era of ["modern", "legacy"] as const) {
    await using server = new UpstreamServer({ era });
    await using ports = connections([server.host]);
    const port = portOf(ports, server);
    for (let round = 0; round < 3; round++) {
      const texts = Array.from({ length: 60 }, (_, n) => `${round} ${n}`);
      const told = await Promise.all(texts.map((text) => echo(port, text)));
      assert.deepEqual(told.map((text) => JSON.parse(text).text), texts);
    }
    assert.equal(server.ran, 180);
  }
});
