import assert from "node:assert/strict";
import fc from "fast-check";
import type { JsonObject } from "../../lib/base/json.ts";
import { RawResults } from "../../routes/mcp/raw_result.ts";
import { rewritten } from "../../routes/mcp/rewritten.ts";
import { CallOrg } from "../helpers/call_org.ts";
import { ERAS, McpClient, rawCall, rawPost } from "../helpers/mcp_client.ts";
import { runs } from "../helpers/property_runs.ts";
import { listedTool, notSent } from "../helpers/scripted_upstreams.ts";

/** What an upstream answers, and says of its tools, as a client of the gateway gets it. */

const GATEWAY = "/mcp/gateway";

const bytes = (text: string) => new TextEncoder().encode(text);

type Texts = Readonly<Record<string, string>>;

/** Has the upstream answer in exactly these texts. */
function answers(
  it: CallOrg,
  content: string,
  structured: string | null,
  { rest = {}, meta = {} }: { readonly rest?: Texts; readonly meta?: Texts } = {},
) {
  const texts = (members: Texts) =>
    new Map(Object.entries(members).map(([name, text]) => [name, bytes(text)]));
  it.upstreams.answer = () => ({
    is: "result",
    rest: texts(rest),
    meta: texts(meta),
    json: bytes("{}"),
    content: bytes(content),
    structured_content: structured === null ? null : bytes(structured),
    is_error: false,
  });
}

async function textOf(it: CallOrg, token: string, era: (typeof ERAS)[number]): Promise<string> {
  const { countersign } = it.it;
  const params = { name: "notes__read", arguments: {} };
  if (era === "modern") {
    return (await rawCall(countersign, "tools/call", params, { token, path: GATEWAY })).text;
  }
  const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/call", params });
  const headers = { authorization: `Bearer ${token}`, "mcp-protocol-version": "2025-06-18" };
  return (await rawPost(countersign, body, headers, undefined, GATEWAY)).text;
}

for (const era of ERAS) {
  Deno.test(`${era}: content and structured content leave byte for byte`, async () => {
    await using it = await CallOrg.start();
    const token = await it.org.agent();
    const cases: [content: string, structured: string | null][] = [
      ['[{"type":"text","text":"$& \\u00e9 \\ud83d\\ude00 $1"}]', '{"id":12345678901234567890}'],
      ['[ {"type" : "image","data":"iVBORw0KGgo=","mimeType":"image/png"} ]', null],
      ['[{"type":"audio","data":"UklGRg==","mimeType":"audio/wav","x":1e400}]', '{"d":0.10}'],
      ['[{"type":"resource","resource":{"uri":"a:b","blob":"AAAA","n":-0.0}}]', "{}"],
      [
        '[{"type":"resource_link","uri":"https://a.example/","name":"a"}]',
        '{"a":1.000000000000000001}',
      ],
      // Of a revision that is still to come.
      ['[{"type":"hologram","of":[1,2,{"big":9007199254740993}]}]', null],
      ["[]", '{"a":[]}'],
    ];
    for (const [content, structured] of cases) {
      answers(it, content, structured);
      const text = await textOf(it, token, era);
      assert.ok(text.includes(`"content":${content}`), text);
      if (structured !== null) assert.ok(text.includes(`"structuredContent":${structured}`), text);
    }
    answers(it, '[\n  {"type": "text",\r\n "text": "a"}\n]', '{\n"a":\n1}');
    const lines = await textOf(it, token, era);
    assert.ok(lines.includes('"content":[   {"type": "text",   "text": "a"} ]'), lines);
    // Before 2026-07-28 structured content is an object.
    answers(it, '[{"type":"text","text":"[1]"}]', "[1]");
    const list = await textOf(it, token, era);
    assert.equal(list.includes('"structuredContent":[1]'), era === "modern", list);
  });
}

Deno.test("what is between the upstream and us stays there, and its hints for the reader go on", async () => {
  await using it = await CallOrg.start();
  const token = await it.org.agent();
  const content = '[{"type":"text","text":"a"}]';
  answers(it, content, null, {
    rest: { resultType: '"complete"', more: '{"n":12345678901234567890, "d":0.10}' },
    meta: {
      "io.modelcontextprotocol/serverInfo": '{"name":"x"}',
      "dev.mcp/x": "1",
      "modelcontextprotocol.io/y": "2",
      "countersign/z": "3",
      "example.com/hint": '{"a":1.50,"b":9007199254740993}',
      plain: "true",
    },
  });
  const { messages, text } = await rawCall(
    it.it.countersign,
    "tools/call",
    { name: "notes__read", arguments: {} },
    { token, path: GATEWAY },
  );
  const { _meta, more, ...result } = messages.at(-1).result;
  assert.deepEqual(result, { content: JSON.parse(content), resultType: "complete" });
  assert.equal(typeof more, "object");
  const { "io.modelcontextprotocol/serverInfo": server, ...rest } = _meta;
  assert.notEqual(server?.name, "x");
  assert.deepEqual(Object.keys(rest).sort(), ["example.com/hint", "plain"]);
  // No number of it has been a double.
  assert.ok(text.includes('"more":{"n":12345678901234567890, "d":0.10}'), text);
  assert.ok(text.includes('"example.com/hint":{"a":1.50,"b":9007199254740993}'), text);
});

const PNG = "data:image/png;base64,iVBORw0KGgo=";

const DEFINED = {
  title: "Read\u202e a note",
  description: "Reads.",
  outputSchema: {
    type: "object",
    properties: { text: { type: "string" } },
    required: ["text"],
  },
  icons: [
    { src: PNG, mimeType: "image/png", sizes: ["48x48"] },
    { src: "https://tracker.example/icon.png" },
    { src: "data:image/svg+xml;base64,AAAA" },
    { src: "javascript:alert(1)" },
  ],
  _meta: { "anthropic/maxResultSizeChars": 5000, "ui": { resourceUri: "ui://x" } },
  annotations: { readOnlyHint: true, destructiveHint: false },
};

async function defined(it: CallOrg, more: JsonObject = {}): Promise<void> {
  const schema = { inputSchema: { type: "object", properties: { id: { type: "string" } } } };
  it.upstreams.tools = [listedTool("read", { ...schema, ...DEFINED, ...more })];
  await it.org.manage("POST", "/v1/upstreams/notes/refresh");
  await it.approve();
}

for (const era of ERAS) {
  Deno.test(`${era}: of a definition that was approved is listed what can do no harm`, async () => {
    await using it = await CallOrg.start();
    await defined(it);
    const { origin } = it.it.countersign;
    await using host = await McpClient.connect(origin, await it.org.agent(), era, GATEWAY);
    const [read] = (await host.client.listTools()).tools;
    assert.equal(read?.name, "notes__read");
    assert.match(read?.title ?? "", /^Read.+ a note$/);
    assert.ok(!read?.title?.includes("\u202e"));
    assert.deepEqual(read?.outputSchema, DEFINED.outputSchema);
    assert.deepEqual(read?.icons, [DEFINED.icons[0]]);
    assert.deepEqual(read?._meta, { "anthropic/maxResultSizeChars": 5000 });
    assert.equal(read?.annotations?.readOnlyHint, true, "the owner's");

    // A host that holds results to the schema takes both: what fits, and what stands against it.
    answers(it, '[{"type":"text","text":"{}"}]', '{"text":"a"}');
    const call = () => host.client.callTool({ name: "notes__read", arguments: {} });
    assert.deepEqual((await call()).structuredContent, { text: "a" });
    it.upstreams.answer = () => notSent("unreachable");
    const refused = await call();
    assert.deepEqual([refused.isError, refused.structuredContent], [true, undefined]);
    assert.match(JSON.stringify(refused.content), /upstream_unreachable/);
  });
}

Deno.test("a schema that hosts could stumble over is not listed", async () => {
  await using it = await CallOrg.start();
  const token = await it.org.agent();
  const { origin } = it.it.countersign;
  for (
    const outputSchema of [
      { type: "array", items: { type: "string" } },
      { properties: { a: {} } },
      { type: "object", $ref: "https://evil.example/schema.json" },
      { type: "object", properties: { a: { type: "string", pattern: "(?=a)" } } },
      "object",
    ]
  ) {
    await defined(it, { outputSchema });
    await using host = await McpClient.connect(origin, token, "modern", GATEWAY);
    const [read] = (await host.client.listTools()).tools;
    assert.equal(read?.name, "notes__read");
    assert.equal(read?.outputSchema, undefined, JSON.stringify(outputSchema));
  }
});

Deno.test("property: a stream in any pieces is the same with its messages changed", async () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 });
  const text = fc.string({ unit: fc.constantFrom("a", "é", "😀", "$", '"', "\\", "\u2028") });
  await fc.assert(
    fc.asyncProperty(
      text,
      fc.jsonValue(),
      pieces,
      fc.boolean(),
      async (words, value, cuts, sse) => {
        const raw = new RawResults((n) => crypto.getRandomValues(new Uint8Array(n)), false);
        const content = `[{"type":"text", "text":${JSON.stringify(words)}}]`;
        const structured = JSON.stringify(value);
        const parts = {
          content: bytes(content),
          structured_content: bytes(structured),
          is_error: false,
        };
        const message = JSON.stringify({ id: 1, result: raw.standIn(parts) });
        const wanted = `{"id":1,"result":{"content":${content},"structuredContent":${structured}}}`;
        const frame = (data: string) => sse ? `: hi\n\nevent: message\ndata: ${data}\n\n` : data;
        const whole = bytes(frame(message));
        const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
          start(controller) {
            let at = 0;
            for (let i = 0; at < whole.length; i++) {
              const size = cuts[i % cuts.length] ?? 1;
              controller.enqueue(whole.slice(at, at += size));
            }
            controller.close();
          },
        });
        const type = sse ? "text/event-stream" : "application/json";
        const response = new Response(body, { headers: { "content-type": type } });
        assert.equal(await (await rewritten(response, raw.inPlace)).text(), frame(wanted));
      },
    ),
    runs(30),
  );
});
