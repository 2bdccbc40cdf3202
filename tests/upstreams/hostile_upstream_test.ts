import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { systemTimer } from "../../lib/store/system.ts";
import type { CallOutcome, UpstreamPort } from "../../lib/upstreams/port.ts";
import {
  type Asked,
  callEcho,
  connections,
  ERAS,
  events,
  NEVER,
  portOf,
  rpcError,
  rpcResult,
  UpstreamServer,
  type UpstreamServerOptions,
  withUpstream,
} from "../helpers/upstream_server.ts";

/** What upstreams do that they should not, over real HTTP: each must be told as what it is. */

const MIB = 1024 * 1024;

/** The time of a call that a test says is over. */
const LATE_MS = 4321;

/** What came of one call of `echo`, in short, and how often the tool was called. */
interface Told {
  readonly told: string;
  readonly calls: number;
}

async function toldOf(
  options: UpstreamServerOptions,
  call: (port: UpstreamPort) => Promise<CallOutcome> = (port) => callEcho(port),
): Promise<Told> {
  let outcome: CallOutcome | null = null;
  let calls = 0;
  await withUpstream(options, async (port, server) => {
    outcome = await call(port);
    calls = server.named("tools/call").length;
  });
  return { told: inShort(outcome), calls };
}

function inShort(outcome: CallOutcome | null): string {
  if (outcome === null) return "nothing";
  return "why" in outcome ? `${outcome.is}: ${outcome.why}` : outcome.is;
}

/** A server that answers calls so, and else does as it should. */
function answering(
  era: "modern" | "legacy",
  answer: (asked: Asked) => Response | Promise<Response>,
): UpstreamServerOptions {
  return { era, answer: (asked) => asked.method === "tools/call" ? answer(asked) : null };
}

const STATUSES: readonly (readonly [number, boolean, string])[] = [
  [400, false, "failed"],
  [401, false, "not_sent: unauthorized"],
  [402, false, "failed"],
  [403, true, "failed"],
  [408, false, "failed"],
  [409, false, "failed"],
  [422, false, "failed"],
  [429, false, "not_sent: busy"],
  [429, true, "not_sent: busy"],
  [500, true, "unknown: status"],
  [502, false, "unknown: status"],
  [503, false, "unknown: status"],
  [503, true, "not_sent: busy"],
  [504, true, "unknown: status"],
  [307, true, "unknown: status"],
  [302, false, "unknown: status"],
  [202, false, "unknown: malformed"],
  [204, false, "unknown: malformed"],
];

for (const era of ERAS) {
  Deno.test(`attack, G12, ${era}: each status is told as what it says of the run`, async () => {
    for (const [status, repeatable, told] of STATUSES) {
      const headers = { "location": "http://127.0.0.1:9/mcp", "retry-after": "7" };
      const got = await toldOf(
        answering(era, () => new Response(null, { status, headers })),
        async (port) => {
          const outcome = await callEcho(port, {}, { repeatable });
          if (outcome.is === "not_sent" && outcome.why === "busy") {
            assert.equal(outcome.retry_after_seconds, 7);
          }
          if (outcome.is === "failed") assert.equal(outcome.status, status);
          return outcome;
        },
      );
      assert.deepEqual(got, { told, calls: 1 }, `${status} ${repeatable}`);
    }
  });

  Deno.test(`hostile upstream, ${era}: answers that are none leave unknown what ran, and nothing is sent again`, async () => {
    const json = (text: string, type = "application/json") =>
      new Response(text, { headers: { "content-type": type } });
    const foreign = { jsonrpc: "2.0", id: 987654, result: { content: [] } };
    const answers: Readonly<Record<string, (asked: Asked) => Response>> = {
      "unknown: cut": () => events([]),
      "unknown: cut, after progress": () =>
        events([{ jsonrpc: "2.0", method: "notifications/progress", params: {} }]),
      "unknown: cut, by a foreign id": () => events([foreign]),
      "unknown: cut, by an error of no request": () =>
        events([{ jsonrpc: "2.0", id: null, error: { code: -32603, message: "x" } }]),
      "unknown: cut, in the middle of an event": ({ id }) =>
        events([`data: {"jsonrpc":"2.0","id":${id},"result":{"content":[]}}`]),
      "unknown: cut, by a broken connection": () => events([": alive\n\n"], "cut"),
      "unknown: malformed": () => Response.json(foreign),
      "unknown: malformed, an id of another type": ({ id }) =>
        Response.json({ ...foreign, id: String(id) }),
      "unknown: malformed, no JSON": () => json("{"),
      "unknown: malformed, nothing": () => json(""),
      "unknown: malformed, a list": ({ id }) => Response.json([{ ...foreign, id }]),
      "unknown: malformed, a page": () => json("<html>", "text/html"),
      "unknown: malformed, no UTF-8": ({ id }) =>
        new Response(
          new Uint8Array([
            ...new TextEncoder().encode(`{"jsonrpc":"2.0","id":${id},"result":{"content":"`),
            0xff,
            ...new TextEncoder().encode('"}}'),
          ]),
          { headers: { "content-type": "application/json" } },
        ),
      "unknown: malformed, two ids": ({ id }) =>
        json(`{"jsonrpc":"2.0","id":987,"id":${id},"result":{"content":[]}}`),
      "unknown: malformed, two contents": ({ id }) =>
        json(
          `{"jsonrpc":"2.0","id":${id},"result":{"content":[],"c\\u006fntent":[{"type":"x"}]}}`,
        ),
      "unknown: malformed, result and error": ({ id }) =>
        Response.json({ ...foreign, id, error: { code: 1, message: "" } }),
      "unknown: malformed, no blocks": ({ id }) =>
        Response.json({ jsonrpc: "2.0", id, result: { content: ["text"] } }),
      "unknown: malformed, a task that was not agreed on": ({ id }) =>
        Response.json({ jsonrpc: "2.0", id, result: { resultType: "task", taskId: "1" } }),
      "unknown: malformed, in an event": () => events(["data: {\n\n"], "hang"),
    };
    for (const [name, answer] of Object.entries(answers)) {
      const got = await toldOf(answering(era, answer));
      assert.deepEqual(got, { told: name.split(",")[0], calls: 1 }, name);
    }
  });

  Deno.test(`hostile upstream, ${era}: no answer within its time is unknown, and the upstream is left`, async () => {
    const left = Promise.withResolvers<void>();
    const received = Promise.withResolvers<void>();
    await using server = new UpstreamServer(answering(era, (asked) => {
      asked.left.addEventListener("abort", () => left.resolve(), { once: true });
      received.resolve();
      return events([": alive\n\n"], "hang");
    }));
    // Its time is over when the upstream has the call, and no sooner.
    const timer = (milliseconds: number) =>
      milliseconds === LATE_MS
        ? { elapsed: received.promise, cancel: () => {} }
        : systemTimer(milliseconds);
    await using ports = connections([server.host], { timer });
    const port = portOf(ports, server);
    assert.equal((await port.connect(NEVER)).is, "connected");
    assert.equal(
      inShort(await callEcho(port, {}, { timeout_ms: LATE_MS })),
      "unknown: timed_out",
    );
    await left.promise;
    assert.equal(server.named("tools/call").length, 1);
  });

  Deno.test(`attack, G11, ${era}: of 120 MB no more is read than may be kept`, async () => {
    for (const way of ["declared", "chunked", "events", "one line", "error"] as const) {
      let sent = 0;
      const options = answering(era, ({ id }) => {
        const begin = `{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"`;
        const piece = new TextEncoder().encode("x".repeat(64 * 1024));
        const body = new ReadableStream<Uint8Array>({
          start: (controller) => {
            const prefix = way === "events" || way === "one line" ? `data: ${begin}` : begin;
            controller.enqueue(new TextEncoder().encode(prefix));
          },
          pull: (controller) => {
            if (sent >= 120 * MIB) return controller.close();
            sent += piece.length;
            controller.enqueue(piece);
            if (way === "events") controller.enqueue(new TextEncoder().encode("\ndata: "));
          },
        });
        const type = way === "events" || way === "one line"
          ? "text/event-stream"
          : "application/json";
        const headers: Record<string, string> = { "content-type": type };
        if (way === "declared") headers["content-length"] = String(120 * MIB);
        return new Response(body, { headers, status: way === "error" ? 400 : 200 });
      });
      const told = way === "error" ? "failed" : "too_large";
      assert.deepEqual(await toldOf(options), { told, calls: 1 }, way);
      // What lies in buffers of the system is written, but not read.
      assert(sent < 16 * MIB, `${way}: ${sent}`);
    }
  });

  Deno.test(`attack, G11, ${era}: a result of too many values, or too deep, is too large`, async () => {
    const texts = [
      `[${"[],".repeat(60_000)}[]]`,
      `{${Array.from({ length: 60_000 }, (_, at) => `"k${at}":0`).join(",")}}`,
      "[".repeat(100_000) + "]".repeat(100_000),
    ];
    for (const text of texts) {
      const options = answering(
        era,
        ({ id }) =>
          new Response(
            `{"jsonrpc":"2.0","id":${id},"result":{"content":[],"structuredContent":${text}}}`,
            { headers: { "content-type": "application/json" } },
          ),
      );
      assert.deepEqual(await toldOf(options), { told: "too_large", calls: 1 }, text.slice(0, 20));
    }
  });

  Deno.test(`attack, G11, ${era}: endless events beside an answer end the reading`, async () => {
    const noise = `: ${"x".repeat(64 * 1024)}\n\n`;
    const options = answering(era, () => {
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new TextEncoder().encode(noise)),
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    });
    assert.deepEqual(await toldOf(options), { told: "unknown: malformed", calls: 1 });
  });

  Deno.test(`hostile upstream, ${era}: errors and refusals are told in its own words, made visible`, async () => {
    const words = `No\u202e such ${"tool ".repeat(500)}`;
    for (const status of [200, 400]) {
      await withUpstream(
        answering(era, (asked) => rpcError(asked, -32602, words, { status })),
        async (port) => {
          const outcome = await callEcho(port);
          assert(outcome.is === "failed");
          assert.deepEqual([outcome.code, outcome.status], [-32602, status === 200 ? null : 400]);
          assert.match(outcome.says, /^No⟨U\+202E⟩ such tool/);
          assert.equal([...outcome.says].length, 300);
        },
      );
    }
  });

  Deno.test(`hostile upstream, ${era}: endless pages and a list that is none are no list`, async () => {
    const listing = (result: (asked: Asked) => JsonObject): UpstreamServerOptions => ({
      era,
      answer: (asked) => asked.method === "tools/list" ? rpcResult(asked, result(asked)) : null,
    });
    const many = Array.from({ length: 1001 }, (_, at) => ({ name: `t${at}`, inputSchema: {} }));
    const lists: readonly (readonly [string, (asked: Asked) => JsonObject])[] = [
      ["too_large", () => ({ tools: [], nextCursor: crypto.randomUUID() })],
      ["too_large", () => ({ tools: many })],
      ["malformed", () => ({ tools: {} })],
      ["malformed", () => ({})],
    ];
    for (const [why, result] of lists) {
      await withUpstream(listing(result), async (port, server) => {
        const listed = await port.list(NEVER);
        assert(listed.is === "not_listed");
        assert.equal(listed.why, why);
        assert(server.named("tools/list").length <= 20);
      });
    }
  });

  Deno.test(`hostile upstream, ${era}: names that are not for people are refused, the others taken`, async () => {
    const schema = { type: "object" };
    const slow = { type: "object", properties: { a: { type: "string", pattern: "^(a+)+$" } } };
    const tools = [
      { name: "good", inputSchema: schema, outputSchema: slow },
      { name: "good", inputSchema: schema, description: "another" },
      { name: "go\u200bod", inputSchema: schema },
      { name: "x".repeat(300), inputSchema: schema },
      { name: "../good", inputSchema: schema },
      { name: "..", inputSchema: schema },
      { name: "", inputSchema: schema },
      { inputSchema: schema },
      "tool",
      { name: "none" },
      { name: "big", inputSchema: { ...schema, description: "x".repeat(50_000) } },
      { name: "half", inputSchema: schema, description: "\ud800" },
      { name: "header", inputSchema: { ...schema, "x-mcp-header": "A" } },
    ];
    await withUpstream({ era, tools }, async (port) => {
      const listed = await port.list(NEVER);
      assert(listed.is === "listed");
      assert.deepEqual(listed.tools, [{ name: "good", definition: tools[0] }]);
      assert.deepEqual(listed.refused.map(({ name, why }) => `${name.slice(0, 12)} ${why}`), [
        "good has the name of another tool before it",
        "go⟨U+200B⟩od has a name with characters that cannot be seen",
        "xxxxxxxxxxxx has a name of more than 128 characters",
        "../good has a name like a path",
        ".. has a name like a path",
        " has an empty name",
        "tool 8 has no name",
        "tool 9 has no name",
        "none has no inputSchema that is an object",
        "big has a definition of 50063 bytes, at most 49152 are taken",
        "half has a definition with text that is no Unicode, or numbers that are none",
        "header has x-mcp-header where it may not stand",
      ]);
    });
  });

  Deno.test(`hostile upstream, ${era}: one that is out of reach, or no MCP server, costs no call`, async () => {
    const answers: Readonly<Record<string, () => Response>> = {
      unauthorized: () => new Response(null, { status: 401 }),
      busy: () => new Response(null, { status: 503 }),
      unreachable: () => new Response("<html>", { headers: { "content-type": "text/html" } }),
    };
    for (const [why, answer] of Object.entries(answers)) {
      await withUpstream({ era, answer }, async (port, server) => {
        const connected = await port.connect(NEVER);
        assert(connected.is === "not_sent");
        assert.equal(connected.why, why);
        const outcome = await callEcho(port);
        assert(outcome.is === "not_sent");
        assert.equal(outcome.why, why);
        assert.deepEqual(server.named("tools/call"), []);
      });
    }
  });
}

Deno.test("hostile upstream, legacy: a lost session is made again once, and the call sent once more", async () => {
  await withUpstream({ era: "legacy" }, async (port, server) => {
    assert.equal((await callEcho(port)).is, "result");
    server.sessions.clear();
    assert.equal((await callEcho(port)).is, "result");
    assert.equal(server.named("tools/call").length, 3);
    assert.equal(server.named("initialize").length, 2);
    // What it speaks is known by then.
    assert.equal(server.named("server/discover").length, 1);
    server.sessions.clear();
    assert.equal((await port.list(NEVER)).is, "listed");
    // Many at once begin one session, not many.
    server.sessions.clear();
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => callEcho(port)));
    assert.deepEqual(new Set(outcomes.map(({ is }) => is)), new Set(["result"]));
    assert.equal(server.named("initialize").length, 4);
  });
});

Deno.test("hostile upstream, legacy: one that loses each session at once is told so", async () => {
  const options: UpstreamServerOptions = {
    era: "legacy",
    answer: (asked) => {
      if (asked.method !== "tools/call" && asked.method !== "tools/list") return null;
      return rpcError(asked, -32001, "Session not found", { status: 404 });
    },
  };
  assert.deepEqual(await toldOf(options), { told: "not_sent: session_lost", calls: 2 });
  await withUpstream(options, async (port) => {
    const listed = await port.list(NEVER);
    assert(listed.is === "not_listed");
    assert.equal(listed.why, "session_lost");
  });
  // Without a session of ours 404 says nothing of it.
  const told = await toldOf({ ...options, sessions: false });
  assert.deepEqual(told, { told: "failed", calls: 1 });
});

Deno.test("hostile upstream, legacy: one that says 400 of a lost session may have run it; the next call begins anew", async () => {
  let isLost = true;
  const options = answering("legacy", (asked) => {
    if (!isLost) return rpcResult(asked, { content: [] });
    isLost = false;
    return rpcError(asked, -32000, "Bad Request: No valid session ID provided", { status: 400 });
  });
  await withUpstream(options, async (port, server) => {
    assert.equal((await callEcho(port)).is, "failed");
    assert.equal((await callEcho(port)).is, "result");
    assert.equal(server.named("initialize").length, 2);
  });
});

Deno.test("hostile upstream, legacy: what it asks us is answered that we do not, and the call goes on", async () => {
  const answered = Promise.withResolvers<void>();
  const answers: JsonObject[] = [];
  const options = answering("legacy", ({ id }) => {
    const asks = ["sampling/createMessage", "elicitation/create", "roots/list"];
    const body = new ReadableStream<string>({
      async start(controller) {
        for (const method of [...asks, "ping"]) {
          const message = { jsonrpc: "2.0", id: `theirs-${method}`, method, params: {} };
          controller.enqueue(`data: ${JSON.stringify(message)}\n\n`);
        }
        await answered.promise;
        const message = { jsonrpc: "2.0", id, result: { content: [] } };
        controller.enqueue(`data: ${JSON.stringify(message)}\n\n`);
        controller.close();
      },
    });
    return new Response(body.pipeThrough(new TextEncoderStream()), {
      headers: { "content-type": "text/event-stream" },
    });
  });
  await withUpstream(
    {
      ...options,
      answer: (asked) => {
        const { body } = asked;
        if ("result" in body || "error" in body) {
          if (answers.push(body) === 4) answered.resolve();
          return new Response(null, { status: 202 });
        }
        return options.answer?.(asked) ?? null;
      },
    },
    async (port) => {
      assert.equal((await callEcho(port)).is, "result");
    },
  );
  const byId = new Map(answers.map((body) => [body["id"], body]));
  assert.deepEqual(byId.get("theirs-ping")?.["result"], {});
  for (const method of ["sampling/createMessage", "elicitation/create", "roots/list"]) {
    assert.deepEqual(byId.get(`theirs-${method}`)?.["error"], {
      code: -32601,
      message: "Not supported",
    });
  }
});

Deno.test("hostile upstream: a result unlike its schema is a result, and no schema of a stranger is run", async () => {
  const slow = { type: "object", properties: { a: { type: "string", pattern: "^(a+)+$" } } };
  const tools = [{ name: "echo", inputSchema: { type: "object" }, outputSchema: slow }];
  const structuredContent = { a: `${"a".repeat(40)}!`, b: [1] };
  for (const era of ERAS) {
    const options = answering(era, (asked) => rpcResult(asked, { content: [], structuredContent }));
    await withUpstream({ ...options, tools }, async (port) => {
      assert.equal((await port.list(NEVER)).is, "listed");
      const outcome = await callEcho(port);
      assert(outcome.is === "result");
      const told = new TextDecoder().decode(outcome.structured_content ?? undefined);
      assert.deepEqual(JSON.parse(told), structuredContent);
    });
  }
});

Deno.test("hostile upstream, modern: what it wants to know first is told, and nobody answers it", async () => {
  const told: CallOutcome[] = [];
  await withUpstream(
    answering("modern", (asked) =>
      rpcResult(asked, {
        resultType: "input_required",
        inputRequests: { a: { method: "elicitation/create", params: {} }, b: 7 },
        requestState: "state",
      })),
    async (port, server) => {
      told.push(await callEcho(port));
      assert.equal(server.named("tools/call").length, 1);
    },
  );
  assert.deepEqual(told, [{ is: "asks", asked: ["elicitation/create", "something"] }]);
});

Deno.test("hostile upstream: nothing is sent but what a call is made of", async () => {
  for (const era of ERAS) {
    await withUpstream({ era }, async (port, server) => {
      await callEcho(port);
      const [called] = server.named("tools/call");
      assert.deepEqual([...called?.headers.keys() ?? []].sort(), [
        "accept",
        "accept-encoding",
        "content-length",
        "content-type",
        "host",
        ...(era === "modern" ? ["mcp-method", "mcp-name"] : []),
        "mcp-protocol-version",
        ...(era === "legacy" ? ["mcp-session-id"] : []),
        "user-agent",
      ]);
    });
  }
});
