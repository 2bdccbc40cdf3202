import fc from "fast-check";
import assert from "node:assert/strict";
import { visibleSegments } from "../../lib/base/text.ts";
import type { Item, ToolItem } from "../../lib/onboarding/builder_items.ts";
import { apiRequests } from "../../lib/onboarding/builder_plan.ts";
import { typescriptScript } from "../../lib/onboarding/builder_scripts.ts";
import { Countersign } from "../helpers/countersign.ts";
import { hostileItem, LANGUAGES, Listener, runScript } from "./built_script.ts";

const KEY = "cs_mgmt_" + "k".repeat(40);

/** Many items in one script: starting a program takes longer than all that it does. */
const manyItems = (seed: number) => fc.sample(hostileItem, { numRuns: 60, seed });

const TOOL: ToolItem = {
  kind: "tool",
  name: "refund_payment",
  description: "Refunds\n'one' \"payment\"; $(id) `id` ${HOME} \\ \u202E漢",
  category: "money",
  tags: ["pays", "it's"],
  risk_level: "high",
  parameters: {
    type: "object",
    properties: { amount: { type: "integer", minimum: 1, title: 'a "sum"' } },
    required: ["amount"],
  },
  default_permission: "requires_approval",
  annotations: { read_only: false, destructive: true, idempotent: false, open_world: true },
  requires_second_approval: false,
};

const ORDINARY: readonly Item[] = [
  { kind: "key", name: "it's a key", trust_tier: 1, tenant_ids: ["acme's"] },
  { kind: "agent", name: 'the "agent"', trust_tier: 0, tenant_ids: null },
  {
    kind: "rule",
    selector: {
      tenant_id: "acme's",
      resource_id: "a/b?c#d%20",
      tool_name: "refund_payment",
      method: null,
      tag: null,
    },
    permission: "disabled",
    note: "$(note)",
  },
  { kind: "resource", id: "a/b?c#d%20", name: "Order `77`", type: null },
  { kind: "tenant", id: "acme's", name: "Ann's & sons" },
  TOOL,
];

for (const language of LANGUAGES) {
  const { name, script } = language;

  Deno.test(`a script in ${name} sends exactly what was typed, whatever that is`, async () => {
    await using listener = new Listener();
    const items = manyItems(name.length);
    const text = script(items, listener.origin);
    const { code, err } = await runScript(language, text, { COUNTERSIGN_KEY: KEY });
    assert.equal(code, 0, err.slice(-2000));
    const expected = apiRequests(items).map(({ method, path, body }) => ({
      method,
      path,
      key: KEY,
      // As JSON has it, which knows no negative zero.
      body: JSON.parse(JSON.stringify(body)),
    }));
    for (const [i, request] of expected.entries()) assert.deepEqual(listener.arrived[i], request);
    assert.equal(listener.arrived.length, expected.length);
  });

  Deno.test(`a script in ${name} makes things in the real API, and prints secrets once`, async () => {
    await using countersign = await Countersign.start();
    const org = await countersign.org();
    const text = script(ORDINARY, countersign.origin);
    assert.doesNotMatch(text, /cs_[a-z]+_[0-9a-z]{8}/);
    const { code, out, err } = await runScript(language, text, {
      COUNTERSIGN_KEY: org.management,
    });
    assert.equal(code, 0, err);
    const made = (await org.manage("GET", "/v1/tools/refund_payment")).body;
    const { kind: _, ...fields } = TOOL;
    for (const [field, value] of Object.entries(fields)) assert.deepEqual(made[field], value);
    const policy = (await org.manage("GET", "/v1/policy")).body;
    assert.deepEqual(policy.tenants.map((row: { id: string }) => row.id), ["acme's"]);
    assert.deepEqual(policy.resources.map((row: { id: string }) => row.id), ["a/b?c#d%20"]);
    assert.equal(policy.rules[0].selector.resource_id, "a/b?c#d%20");
    const secrets = out.match(/^cs_(live|agent)_[0-9a-z]+$/gm) ?? [];
    assert.equal(secrets.length, 2, out);
    for (const secret of secrets) {
      const check = { tool_name: "refund_payment", tenant_id: "acme's", arguments: { amount: 1 } };
      assert.equal((await org.post("/v1/permissions/check", check, secret)).status, 200);
    }
  });

  Deno.test(`a script in ${name} stops where it is refused, and says why`, async () => {
    await using countersign = await Countersign.start();
    const org = await countersign.org();
    const items: Item[] = [
      { kind: "tenant", id: "first", name: null },
      { kind: "tenant", id: "hid\u200bden", name: null },
      { kind: "agent", name: "never made", trust_tier: 0, tenant_ids: null },
    ];
    const text = script(items, countersign.origin);
    const refused = await runScript(language, text, { COUNTERSIGN_KEY: org.management });
    assert.notEqual(refused.code, 0);
    assert.match(
      refused.err,
      /^Refused: PUT \/v1\/tenants\/hid%E2%80%8Bden: .+ \(invalid_request\)$/m,
    );
    assert.equal(refused.err.trim().split("\n").length, 2, refused.err);
    assert.equal((await org.manage("GET", "/v1/tenants/first")).status, 200);
    assert.deepEqual((await org.manage("GET", "/v1/agents")).body.data, []);

    const without = await runScript(language, text, { COUNTERSIGN_KEY: "" });
    assert.notEqual(without.code, 0);
    assert.match(without.err, /^.*management key.*\n$/);

    const gone = await runScript(language, text, {
      COUNTERSIGN_KEY: org.management,
      COUNTERSIGN_URL: "http://localhost:1",
    });
    assert.deepEqual([gone.code, gone.err], [
      1,
      "Refused: PUT /v1/tenants/first: Countersign does not answer at http://localhost:1\n",
    ]);
  });

  Deno.test(`a script in ${name} goes elsewhere when it is told to`, async () => {
    await using listener = new Listener();
    const text = script([{ kind: "tenant", id: "acme", name: null }], "http://localhost:1");
    const ran = await runScript(language, text, {
      COUNTERSIGN_KEY: KEY,
      COUNTERSIGN_URL: listener.origin,
    });
    assert.equal(ran.code, 0, ran.err);
    assert.deepEqual(listener.arrived.map(({ path }) => path), ["/v1/tenants/acme"]);
  });
}

Deno.test("a script hides nothing from who reads it, whatever was typed", () => {
  fc.assert(fc.property(fc.array(hostileItem, { maxLength: 4 }), (items) => {
    for (const { script } of LANGUAGES) {
      const hidden = visibleSegments(script(items, "http://localhost:8000"))
        .filter((segment) => segment.hidden !== null);
      assert.deepEqual(hidden, []);
    }
  }));
});

Deno.test("a script in TypeScript has no error of types", async () => {
  const file = await Deno.makeTempFile({ suffix: ".mts" });
  await Deno.writeTextFile(file, typescriptScript(manyItems(7), "http://localhost:1"));
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args: ["check", file] })
    .output();
  await Deno.remove(file);
  assert.equal(code, 0, new TextDecoder().decode(stderr));
});
