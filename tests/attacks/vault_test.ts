import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { JsonValue } from "../../lib/base/json.ts";
import { exportRows } from "../../lib/ledger/export.ts";
import { CallOrg, OFFERED, READ, WIPE } from "../helpers/call_org.ts";
import type { Got } from "../helpers/countersign.ts";
import { McpClient } from "../helpers/mcp_client.ts";
import { assertProblem } from "../helpers/refused.ts";
import {
  type Asked,
  events,
  rpcError,
  rpcResult,
  UpstreamServer,
} from "../helpers/upstream_server.ts";

/** What was tried to get a credential out of the vault, by whoever calls, configures or steals. */

const SECRET = "tok_4eC39HqLyjWDarjtT1zdp7/c+";

const FORMS = [
  SECRET,
  encodeURIComponent(SECRET),
  Buffer.from(SECRET).toString("base64"),
  Buffer.from(SECRET).toString("base64url"),
  Buffer.from(SECRET).toString("hex"),
];

/** All of them in a line, as a debugging server might have them. */
const ALL = FORMS.map((form, i) => `${i}:${form}`).join(" ");

function assertNowhere(text: string, what: string): void {
  for (const form of FORMS) assert.ok(!text.includes(form), `${what} has ${form}:\n${text}`);
}

/** A server that repeats what it was shown wherever it can. */
class EchoingServer extends UpstreamServer {
  called: ((asked: Asked) => Response) | null = null;

  constructor(era: "modern" | "legacy") {
    super({
      era,
      tools: OFFERED.map((tool) => ({
        ...tool,
        description: `Was shown ${ALL}`,
        _meta: { [SECRET]: ALL },
      })),
      answer: (asked) => {
        if (asked.method === "tools/call" && this.called !== null) return this.called(asked);
        if (era === "modern" && asked.method === "server/discover") {
          return rpcResult(asked, {
            supportedVersions: ["2026-07-28"],
            serverInfo: { name: ALL, version: SECRET },
            resultType: "complete",
          });
        }
        if (era === "legacy" && asked.method === "initialize") {
          return rpcResult(asked, {
            protocolVersion: "2025-11-25",
            capabilities: {},
            serverInfo: { name: ALL, version: SECRET },
            instructions: ALL,
          });
        }
        return null;
      },
      sessions: false,
    });
  }
}

const PICTURE = { type: "image", mimeType: "image/png", data: Buffer.from(ALL).toString("base64") };

const RESULT: Record<string, JsonValue> = {
  content: [
    { type: "text", text: `headers: authorization=Bearer ${ALL}` },
    {
      type: "resource",
      resource: { uri: `log:///${FORMS[1]}`, text: ALL, mimeType: "text/plain" },
    },
    { type: "resource_link", uri: `https://a.example.com/?t=${FORMS[1]}`, name: ALL },
    PICTURE,
  ],
  structuredContent: { [SECRET]: { [`x ${FORMS[2]}`]: [ALL, 1.5, null] } },
  _meta: { [`example.com/${SECRET}`]: ALL },
};

/** What a server says in answer to a call, and what comes of it. */
const SAYS: Readonly<Record<string, (asked: Asked) => Response>> = {
  "a result": (asked) => rpcResult(asked, RESULT),
  "a failed result": (asked) => rpcResult(asked, { ...RESULT, isError: true }),
  "a stream": (asked) =>
    events([
      {
        jsonrpc: "2.0",
        method: "notifications/message",
        params: { level: "info", data: ALL as JsonValue },
      },
      { jsonrpc: "2.0", id: asked.id ?? null, result: RESULT },
    ]),
  "an error": (asked) => rpcError(asked, -32603, `No. ${ALL}`, { data: { [SECRET]: ALL } }),
  "an error longer than is told": (asked) => rpcError(asked, -32603, `${"x".repeat(280)}${SECRET}`),
  "a status": (asked) => rpcError(asked, -32603, ALL, { status: 403 }),
  "nothing that is one": () => new Response(ALL, { headers: { "content-type": "text/plain" } }),
  "a status of 500": () => new Response(ALL, { status: 500 }),
  "what it asks": (asked) =>
    rpcResult(asked, {
      resultType: "input_required",
      inputRequests: { [SECRET]: { method: `elicitation/${ALL}`, params: { message: ALL } } },
    }),
};

for (const era of ["modern", "legacy"] as const) {
  Deno.test(`attack, G6, ${era}: a server repeats its credential everywhere, and it stands in no answer, log, error, export, kept answer, or clear in the store`, async () => {
    const path = await Deno.makeTempFile({ suffix: ".sqlite3" });
    const lines: string[] = [];
    await using server = new EchoingServer(era);
    {
      using kv = await Deno.openKv(path);
      const log = (...line: unknown[]) => void lines.push(JSON.stringify(line));
      await using it = await CallOrg.started({
        kv,
        deps: { log },
        variables: { COUNTERSIGN_PRIVATE_HOSTS: server.host },
      });
      const { org, it: { countersign } } = it;
      const got: Got[] = [];
      const seen = async (answer: Promise<Got>) => {
        got.push(await answer);
        return got.at(-1)!;
      };
      const body = {
        name: "Notes",
        kind: "bearer",
        origins: [new URL(server.url).origin],
        secret: SECRET,
      };
      const headers = { "idempotency-key": "made-once" };
      const made = await seen(org.post("/v1/credentials", body, org.management, headers));
      const again = await seen(org.post("/v1/credentials", body, org.management, headers));
      assert.equal(again.body.id, made.body.id);
      await seen(org.manage("POST", "/v1/credentials", { ...body, kind: "cookie" }));
      await seen(org.manage("POST", "/v1/credentials", { ...body, origins: ["x"] }));
      await it.named({ url: server.url, credential: { credential_id: made.body.id } });

      for (const [what, says] of Object.entries(SAYS)) {
        server.called = says;
        const call_key = `key of ${what}`;
        const first = await seen(it.call(READ, { call_key }));
        const kept = await seen(it.call(READ, { call_key }));
        assert.equal(kept.status, first.status, `${what}: ${kept.text}`);
        assert.deepEqual(kept.body.result, first.body.result, what);
        if (first.status !== 200) continue;
        const [cut] = first.body.redactions;
        assert.equal(cut.kind, "credential", what);
        assert.ok(cut.count >= 20, `${what}: ${cut.count}`);
        assert.deepEqual(kept.body.redactions, first.body.redactions);
        assert.deepEqual(first.body.result.content.at(-1), PICTURE, "a picture is as it was");
        const [text] = first.body.result.content;
        assert.match(text.text, /^headers: authorization=Bearer 0:\[secret\] 1:\[secret\]/);
        await seen(it.read(first.body.call_id));
      }
      server.called = SAYS["a result"]!;
      const agent = await McpClient.connect(
        countersign.origin,
        await org.agent(),
        "modern",
        "/mcp/gateway",
      );
      const listed = JSON.stringify(await agent.client.listTools());
      assertNowhere(listed, "the list over MCP");
      const overMcp = await agent.client.callTool({ name: "notes__read", arguments: {} });
      assert.deepEqual((overMcp.content as JsonValue[]).at(-1), PICTURE);
      assertNowhere(JSON.stringify(overMcp), "a result over MCP");
      await agent[Symbol.asyncDispose]();

      const waiting = await seen(it.call(WIPE));
      await seen(it.it.get(waiting.body.approval.id));
      await seen(org.manage("POST", `/v1/credentials/${made.body.id}/rotate`, {
        secret: SECRET,
        overlap_seconds: 60,
      }));
      const paths = [
        "/v1/credentials",
        `/v1/credentials/${made.body.id}`,
        "/v1/upstreams",
        "/v1/upstreams/notes",
        "/v1/upstreams/notes/tools",
        "/v1/tools?limit=100",
        "/v1/policy",
        "/v1/activity?limit=100",
        "/v1/audit/entries?limit=100",
        "/v1/audit/export",
      ];
      for (const path of paths) {
        const read = await seen(org.manage("GET", path));
        assert.equal(read.status, 200, `${path}: ${read.text}`);
      }
      for (const { text, headers } of got) {
        assertNowhere(text, "an answer");
        assertNowhere(JSON.stringify([...headers]), "a header");
      }
      // With the private parts of entries, as an owner may have them exported.
      const range = { from: 0, to: (await it.log()).length, withPrivate: true };
      const rows = await exportRows(countersign.services.deps, org.id, range);
      assert.ok(rows.some((row) => row.private !== null));
      assertNowhere(JSON.stringify(rows), "an export");
      for (const entry of await it.log()) {
        assertNowhere(JSON.stringify(entry), "an entry");
      }
    }
    assertNowhere(lines.join("\n"), "the log of the process");
    for (const suffix of ["", "-wal"]) {
      const bytes = await Deno.readFile(path + suffix).catch(() => new Uint8Array());
      assertNowhere(Buffer.from(bytes).toString("latin1"), `the store's file${suffix}`);
    }
    for (const suffix of ["", "-wal", "-shm"]) await Deno.remove(path + suffix).catch(() => {});
  });
}

Deno.test("attack, G6: the credential goes to its upstream and to no other, whatever redirects or stands beside it", async () => {
  await using server = new EchoingServer("modern");
  await using other = new EchoingServer("modern");
  const variables = { COUNTERSIGN_PRIVATE_HOSTS: `${server.host},${other.host}` };
  await using it = await CallOrg.started({ variables });
  const { body } = await it.org.manage("POST", "/v1/credentials", {
    name: "Notes",
    kind: "bearer",
    origins: [new URL(server.url).origin],
    secret: SECRET,
  });
  await it.named({ url: server.url, credential: { credential_id: body.id } });
  await it.org.manage("PUT", "/v1/upstreams/other", { kind: "mcp", url: other.url });
  server.called = () => new Response(null, { status: 307, headers: { location: other.url } });
  assertProblem(await it.call(READ), 504, "outcome_unknown");
  server.called = () => new Response(null, { status: 401, headers: { location: other.url } });
  assertProblem(await it.call(READ), 409, "credential_missing");
  assert.ok(other.asked.length > 0);
  for (const asked of other.asked) {
    assertNowhere(JSON.stringify([...asked.headers, asked.text]), "what another upstream got");
  }
});

Deno.test("attack, G6: a query credential stands in no error of a server that is not there", async () => {
  const gone = new EchoingServer("modern");
  const { url, host } = gone;
  await gone[Symbol.asyncDispose]();
  const lines: string[] = [];
  await using it = await CallOrg.started({
    deps: { log: (...line: unknown[]) => void lines.push(JSON.stringify(line)) },
    variables: { COUNTERSIGN_PRIVATE_HOSTS: host },
  });
  const { body } = await it.org.manage("POST", "/v1/credentials", {
    name: "Notes",
    kind: "query",
    parameter: "key",
    origins: [new URL(url).origin],
    secret: SECRET,
  });
  const put = await it.org.manage("PUT", "/v1/upstreams/notes", {
    kind: "mcp",
    url,
    credential: { credential_id: body.id },
  });
  assertProblem(put, 502, "upstream_unreachable");
  const upstream = await it.org.manage("GET", "/v1/upstreams/notes");
  assertNowhere(put.text + upstream.text + lines.join("\n"), "what is said of it");
});
