import assert from "node:assert/strict";
import { isJsonObject, type JsonObject, memberOf } from "../../lib/base/json.ts";
import type { UpstreamProgress } from "../../lib/upstreams/port.ts";
import {
  type Asked,
  callEcho,
  connections,
  ERAS,
  events,
  NEVER,
  portOf,
  rpcResult,
  UpstreamServer,
  withUpstream,
} from "../helpers/upstream_server.ts";

/** A server that does as it should, spoken with over real HTTP in both eras. */

function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : new TextDecoder().decode(bytes);
}

for (const era of ERAS) {
  Deno.test(`upstream, ${era}: it is connected, listed and called`, async () => {
    await withUpstream({ era }, async (port, server) => {
      const connected = await port.connect(NEVER);
      assert(connected.is === "connected");
      assert.deepEqual(connected.protocol, {
        era,
        version: era === "modern" ? "2026-07-28" : "2025-11-25",
        server: { name: "stand-in", version: "1.0.0" },
      });
      const listed = await port.list(NEVER);
      assert(listed.is === "listed");
      assert.deepEqual(listed.tools.map(({ name }) => name), ["echo"]);
      const outcome = await callEcho(port, { text: "hello", n: 1.5 });
      assert(outcome.is === "result");
      assert.equal(outcome.is_error, false);
      assert.equal(outcome.structured_content, null);
      assert.equal(
        text(outcome.content),
        '[{"type":"text","text":"{\\"n\\":1.5,\\"text\\":\\"hello\\"}"}]',
      );
      const [called, ...more] = server.named("tools/call");
      assert.deepEqual(more, []);
      // What was approved is what is sent, in the form that was digested.
      assert.match(called?.text ?? "", /"arguments":\{"n":1\.5,"text":"hello"\}/);
      const methods = server.asked.map(({ method }) => method);
      assert.deepEqual(methods, [
        "server/discover",
        ...(era === "legacy" ? ["initialize", "notifications/initialized"] : []),
        "tools/list",
        "tools/call",
      ]);
    });
  });

  Deno.test(`upstream, ${era}: a call that nothing went before connects by itself`, async () => {
    await withUpstream({ era }, async (port, server) => {
      const outcomes = await Promise.all([callEcho(port), callEcho(port), callEcho(port)]);
      assert.deepEqual(outcomes.map(({ is }) => is), ["result", "result", "result"]);
      assert.equal(server.named("server/discover").length, 1);
      const ids = server.asked.map(({ id }) => id).filter((id) => id !== undefined);
      assert.equal(new Set(ids).size, ids.length);
    });
  });

  Deno.test(`upstream, ${era}: results come back byte for byte, also within a stream of events`, async () => {
    const result = '{ "content" : [ {"type":"image","data":"AAEC/w==","mimeType":"image/png"}, ' +
      '{"type":"resource","resource":{"uri":"x:\\u0041","blob":"AAA="}} ],\n' +
      ' "structuredContent":{"big": 12345678901234567890, "one":1.0, "e":1E2 } ,"isError":true}';
    for (const way of ["json", "events"]) {
      const options = {
        era,
        answer: ({ method, id }: Asked) => {
          if (method !== "tools/call") return null;
          const message = `{"jsonrpc":"2.0","result":${result},"id":${id}}`;
          return way === "json"
            ? new Response(message, {
              headers: { "content-type": "application/json; charset=utf-8" },
            })
            : events(
              [`: alive\r\n\r\ndata:${message.replaceAll("\n", "\r\ndata: ")}\r\n\r\n`],
              "hang",
            );
        },
      };
      await withUpstream(options, async (port) => {
        const outcome = await callEcho(port);
        assert(outcome.is === "result", JSON.stringify(outcome));
        assert.equal(text(outcome.json), result);
        assert.equal(
          text(outcome.structured_content),
          '{"big": 12345678901234567890, "one":1.0, "e":1E2 }',
        );
        assert.match(text(outcome.content) ?? "", /^\[ \{"type":"image".*"AAA="\}\} \]$/);
        assert.equal(outcome.is_error, true);
        assert.deepEqual(Object.keys(JSON.parse(new TextDecoder().decode(outcome.json))), [
          "content",
          "structuredContent",
          "isError",
        ]);
      });
    }
  });

  Deno.test(`upstream, ${era}: progress is told, of more than before and of this call alone`, async () => {
    const options = {
      era,
      answer: (asked: Asked) => {
        if (asked.method !== "tools/call") return null;
        const meta = memberOf(asked.params, "_meta");
        const token = memberOf(meta, "progressToken") ?? null;
        const notice = (progress: number, more = {}) => ({
          jsonrpc: "2.0",
          method: "notifications/progress",
          params: { progressToken: token, progress, ...more },
        });
        const result = { content: [] };
        return events([
          notice(1, { total: 10, message: "Half\u200b way" }),
          notice(1),
          notice(0.5),
          { ...notice(7), params: { progressToken: "another", progress: 7 } },
          { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "x" } },
          { jsonrpc: "2.0", method: "notifications/tools/list_changed" },
          notice(2),
          { jsonrpc: "2.0", id: Number(asked.id), result },
        ]);
      },
    };
    await withUpstream(options, async (port, server) => {
      const told: UpstreamProgress[] = [];
      const outcome = await callEcho(port, {}, { progress: (progress) => told.push(progress) });
      assert.equal(outcome.is, "result");
      assert.deepEqual(told, [
        { progress: 1, total: 10, message: "Half⟨U+200B⟩ way" },
        { progress: 2, total: null, message: null },
      ]);
      await callEcho(port);
      const [, silent] = server.named("tools/call");
      assert.equal(memberOf(memberOf(silent?.params, "_meta"), "progressToken"), undefined);
      let changes = 0;
      await callEcho(port, {}, { changed: () => changes++ });
      assert.equal(changes, 1, "its list is another one by now");
    });
  });

  Deno.test(`upstream, ${era}: a call that is ended is ended at the upstream, too`, async () => {
    const left = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    const cancelled = Promise.withResolvers<unknown>();
    const options = {
      era,
      answer: (asked: Asked) => {
        if (asked.method === "notifications/cancelled") cancelled.resolve(asked.params);
        if (asked.method !== "tools/call") return null;
        asked.left.addEventListener("abort", () => left.resolve(), { once: true });
        arrived.resolve();
        return events([": alive\n\n"], "hang");
      },
    };
    await withUpstream(options, async (port, server) => {
      const stop = new AbortController();
      const calling = callEcho(port, {}, { signal: stop.signal });
      await arrived.promise;
      stop.abort();
      const outcome = await calling;
      assert(outcome.is === "unknown");
      assert.equal(outcome.why, "stopped");
      await left.promise;
      if (era === "modern") return assert.deepEqual(server.named("notifications/cancelled"), []);
      const [called] = server.named("tools/call");
      const params = await cancelled.promise;
      assert(isJsonObject(params));
      assert.equal(params["requestId"], called?.id);
    });
  });
}

Deno.test("upstream, modern: each request says for itself what it is, and repeats what the schema says", async () => {
  await withUpstream({ era: "modern" }, async (port, server) => {
    const schema: JsonObject = {
      type: "object",
      properties: {
        region: { type: "string", "x-mcp-header": "Region" },
        deep: { type: "object", properties: { n: { type: "integer", "x-mcp-header": "N" } } },
        off: { type: "boolean", "x-mcp-header": "Off" },
      },
    };
    const options = { timeout_ms: 10_000, max_bytes: 10_000, signal: NEVER, repeatable: false };
    const args = { region: "Zürich\r\nx: y", deep: { n: 42 } };
    await port.call({ name: "naïve", input_schema: schema, operation: null }, args, options);
    const [called] = server.named("tools/call");
    const header = (name: string) => called?.headers.get(name);
    assert.equal(header("mcp-protocol-version"), "2026-07-28");
    assert.equal(header("mcp-method"), "tools/call");
    assert.equal(header("mcp-name"), "=?base64?bmHDr3Zl?=");
    assert.equal(header("mcp-param-region"), "=?base64?WsO8cmljaA0KeDogeQ==?=");
    assert.equal(header("mcp-param-n"), "42");
    assert.equal(header("mcp-param-off"), null);
    const meta = memberOf(called?.params, "_meta");
    assert.equal(memberOf(meta, "io.modelcontextprotocol/protocolVersion"), "2026-07-28");
    assert.deepEqual(memberOf(meta, "io.modelcontextprotocol/clientCapabilities"), {});
  });
});

Deno.test("upstream, legacy: no capability is declared, a session is used, and ended at the end", async () => {
  await using server = new UpstreamServer({ era: "legacy" });
  {
    await using ports = connections([server.host]);
    await callEcho(portOf(ports, server));
    const [begun] = server.named("initialize");
    assert.deepEqual(memberOf(begun?.params, "capabilities"), {});
    const [called] = server.named("tools/call");
    assert.equal(called?.headers.get("mcp-session-id"), [...server.sessions][0]);
    assert.equal(called?.headers.get("mcp-protocol-version"), "2025-11-25");
    assert.equal(called?.headers.get("mcp-method"), null);
  }
  assert.equal(server.asked.at(-1)?.http, "DELETE");
  assert.equal(server.sessions.size, 0);
});

Deno.test("upstream, legacy: one without sessions, and one of an older version, is called as well", async () => {
  await withUpstream({ era: "legacy", sessions: false }, async (port, server) => {
    assert.equal((await callEcho(port)).is, "result");
    assert.equal(server.named("tools/call")[0]?.headers.get("mcp-session-id"), null);
  });
  const options = {
    era: "legacy" as const,
    sessions: false,
    answer: (asked: Asked) =>
      asked.method === "initialize" ? rpcResult(asked, { protocolVersion: "2025-03-26" }) : null,
  };
  await withUpstream(options, async (port) => {
    const connected = await port.connect(NEVER);
    assert(connected.is === "connected");
    assert.deepEqual(connected.protocol, { era: "legacy", version: "2025-03-26", server: null });
  });
});
