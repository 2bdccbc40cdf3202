import assert from "node:assert/strict";
import type { RevocationReason } from "../../lib/store/records/vocabulary.ts";
import { TRANSFER } from "../helpers/minted_tokens.ts";
import { assertGood, assertRevoked, TighteningWorld } from "./tightened_world.ts";

type Change = (world: TighteningWorld) => Promise<unknown>;

/** Something that tightens, and its neighbour that leaves a token as good as it was. */
interface Row {
  readonly what: string;
  readonly reason: RevocationReason;
  /** How the world is before anything is minted. */
  readonly before?: Change;
  readonly tightens: Change;
  readonly leaves: Change;
}

const ON = { active: true, reason: "stop" };
const MINUTE_MS = 60_000;
const archive = (tool: string): Change => (world) => world.manage("DELETE", `/v1/tools/${tool}`);
const inMinutes = (world: TighteningWorld, minutes: number) =>
  new Date(world.countersign.clock.now + minutes * MINUTE_MS).toISOString();
const pass = (world: TighteningWorld, minutes: number) =>
  world.countersign.clock.advance(minutes * MINUTE_MS);

/** What tightens for a token whether it came of an approval or not. */
const ANY: readonly Row[] = [
  {
    what: "kill switch of the org",
    reason: "kill_switch",
    tightens: (world) => world.manage("PATCH", "/v1/org", { kill_switch: ON }),
    leaves: async (world) => {
      await world.manage("PATCH", "/v1/org", { kill_switch: ON });
      await world.manage("PATCH", "/v1/org", { kill_switch: { active: false } });
    },
  },
  {
    what: "kill switch of the tool",
    reason: "kill_switch",
    tightens: (world) => world.tool({ kill_switch: ON }),
    leaves: (world) => world.manage("PATCH", "/v1/tools/other", { kill_switch: ON }),
  },
  {
    what: "kill switch of the agent",
    reason: "kill_switch",
    tightens: (world) => world.change(world.agent, { kill_switch: ON }),
    leaves: (world) => world.change(world.other, { kill_switch: ON }),
  },
  {
    what: "the agent is removed",
    reason: "credential",
    tightens: (world) => world.manage("DELETE", `/v1/agents/${world.agent.id}`),
    leaves: (world) => world.manage("DELETE", `/v1/agents/${world.other.id}`),
  },
  {
    what: "the agent expires",
    reason: "credential",
    async tightens(world) {
      await world.change(world.agent, { expires_at: inMinutes(world, 1) });
      pass(world, 1);
    },
    async leaves(world) {
      await world.change(world.agent, { expires_at: inMinutes(world, 3) });
      pass(world, 1);
    },
  },
  {
    what: "tenant_ids of the agent",
    reason: "credential",
    tightens: (world) => world.change(world.agent, { tenant_ids: ["globex"] }),
    leaves: (world) => world.change(world.agent, { tenant_ids: ["acme", "globex"] }),
  },
  {
    what: "the agent is rotated",
    reason: "rotated",
    tightens: (world) => world.rotate(world.agent),
    leaves: async (world) => {
      await world.rotate(world.agent, { keep_requests: true });
      await world.rotate(world.other);
    },
  },
  {
    what: "the tool is disabled",
    reason: "tool_changed",
    tightens: (world) => world.tool({ status: "disabled" }),
    leaves: (world) => world.manage("PATCH", "/v1/tools/other", { status: "disabled" }),
  },
  {
    what: "the tool is archived",
    reason: "tool_changed",
    tightens: archive("transfer"),
    leaves: archive("other"),
  },
  {
    what: "the tool is out of the catalog",
    reason: "tool_changed",
    tightens: async (world) => {
      await world.tool({ status: "draft" });
      await archive("transfer")(world);
    },
    leaves: async (world) => {
      await world.manage("PATCH", "/v1/tools/other", { status: "draft" });
      await archive("other")(world);
    },
  },
  {
    what: "the tool's schema",
    reason: "tool_changed",
    tightens: (world) => world.tool({ parameters: { type: "object", maxProperties: 2 } }),
    leaves: (world) => world.tool({ parameters: { type: "object" } }),
  },
  {
    what: "the tool's description",
    reason: "tool_changed",
    tightens: (world) => world.tool({ description: "Moves money abroad" }),
    leaves: (world) => world.manage("PATCH", "/v1/tools/other", { description: "Something else" }),
  },
  {
    what: "the tool's annotations",
    reason: "tool_changed",
    tightens: (world) => world.tool({ annotations: { destructive: false } }),
    leaves: (world) => world.replaced({ approval_timeout_seconds: 120 }),
  },
  {
    what: "the tool's risk level",
    reason: "tool_changed",
    tightens: (world) => world.tool({ risk_level: "critical" }),
    leaves: (world) => world.tool({ approval_use_seconds: 60 }),
  },
  {
    what: "required_tier",
    reason: "policy",
    tightens: (world) => world.tool({ required_tier: 3 }),
    leaves: (world) => world.tool({ required_tier: 2 }),
  },
  {
    what: "trust tier of the agent",
    reason: "policy",
    before: (world) => world.tool({ required_tier: 1 }),
    tightens: (world) => world.change(world.agent, { trust_tier: 0 }),
    leaves: (world) => world.change(world.agent, { trust_tier: 1 }),
  },
  {
    what: "a default that disables",
    reason: "policy",
    tightens: (world) => world.tool({ default_permission: "disabled" }),
    leaves: (world) => world.manage("PATCH", "/v1/tools/other", { default_permission: "disabled" }),
  },
  {
    what: "a rule that disables",
    reason: "policy",
    tightens: (world) => world.rule({ tool_name: "transfer", method: "POST" }, "disabled"),
    leaves: (world) => world.rule({ tool_name: "transfer", method: "DELETE" }, "disabled"),
  },
  {
    what: "a rule that disables its method in another case",
    reason: "policy",
    tightens: (world) => world.rule({ method: "post" }, "disabled"),
    leaves: (world) => world.rule({ method: "posts" }, "disabled"),
  },
  {
    what: "methods of the tool",
    reason: "policy",
    tightens: (world) => world.tool({ methods: ["GET"] }),
    leaves: (world) => world.tool({ methods: ["GET", "post"] }),
  },
  {
    what: "a tag that a rule disables",
    reason: "policy",
    before: (world) => world.rule({ tag: "frozen" }, "disabled"),
    tightens: (world) => world.tool({ tags: ["frozen"] }),
    leaves: (world) => world.tool({ tags: ["warm"] }),
  },
  {
    what: "a policy document",
    reason: "policy",
    tightens: (world) => applied(world, "acme"),
    leaves: (world) => applied(world, "globex"),
  },
];

/** What asks for an approval now: no harm to a token that came of one. */
const ASKS: readonly Row[] = [
  {
    what: "the tool's default permission",
    reason: "policy",
    tightens: (world) => world.tool({ default_permission: "requires_approval" }),
    leaves: (world) => world.tool({ default_permission: "allowed" }),
  },
  {
    what: "the category's default",
    reason: "policy",
    tightens: (world) => world.manage("PUT", "/v1/categories/money", asking),
    leaves: (world) => world.manage("PUT", "/v1/categories/other", asking),
  },
  {
    what: "another category, whose default asks",
    reason: "policy",
    before: (world) => world.manage("PUT", "/v1/categories/held", asking),
    tightens: (world) => world.tool({ category: "held" }),
    leaves: (world) => world.tool({ category: "other" }),
  },
  {
    what: "a rule that asks",
    reason: "policy",
    tightens: (world) => world.rule({ resource_id: "account-1" }, "requires_approval"),
    leaves: (world) => world.rule({ resource_id: "account-2" }, "requires_approval"),
  },
  {
    what: "a rule that allowed is removed",
    reason: "policy",
    before: async (world) => {
      await world.tool({ default_permission: "requires_approval" });
      await world.rule({ tool_name: "transfer" }, "allowed");
      await world.rule({ tool_name: "other" }, "allowed");
    },
    tightens: (world) => world.unruled({ tool_name: "transfer" }),
    leaves: (world) => world.unruled({ tool_name: "other" }),
  },
  {
    what: "the tool is a draft again",
    reason: "policy",
    tightens: (world) => world.tool({ status: "draft" }),
    leaves: (world) => world.manage("PATCH", "/v1/tools/other", { status: "draft" }),
  },
  {
    what: "the first rule that names a tenant",
    reason: "policy",
    tightens: (world) => world.rule({ tenant_id: "globex", tool_name: "other" }, "allowed"),
    leaves: (world) => world.rule({ tool_name: "other" }, "allowed"),
  },
  {
    what: "the tenant is unregistered",
    reason: "policy",
    before: async (world) => {
      for (const tenant of ["acme", "globex", "initech"]) {
        await world.manage("PUT", `/v1/tenants/${tenant}`, {});
      }
      await world.rule({ tenant_id: "initech", tool_name: "other" }, "allowed");
    },
    tightens: (world) => world.manage("DELETE", "/v1/tenants/acme"),
    leaves: (world) => world.manage("DELETE", "/v1/tenants/globex"),
  },
];

const asking = { default_permission: "requires_approval" };

/** Applies a policy document that disables the tool for one tenant. */
async function applied(world: TighteningWorld, tenant: string): Promise<void> {
  const { body } = await world.org.get("/v1/policy");
  const selector = { tenant_id: tenant, tool_name: "transfer" };
  const tenants = ["acme", "globex"].map((id) => ({ id }));
  const document = { tenants, rules: [{ selector, permission: "disabled" }] };
  const headers = { "if-match": `"${body.policy_version}"` };
  const got = await world.org.manage("PUT", "/v1/policy?dry_run=false", document, headers);
  assert.equal(got.status, 200, got.text);
}

/** Plays a row with tokens that needed no approval, or with tokens that came of one. */
async function play(row: Row, held: boolean): Promise<void> {
  for (const change of ["tightens", "leaves"] as const) {
    await using world = await TighteningWorld.start();
    await row.before?.(world);
    // What every rule speaks before.
    if (held) await world.manage("PUT", "/v1/categories/money", asking);
    const tokens = await world.tokens({ held });
    await row[change](world);
    const report = (token: string) => world.report(token);
    if (change === "tightens") await assertRevoked(world, tokens, row.reason, report);
    else await assertGood(world, tokens, report);
  }
}

Deno.test("what tightens ends the tokens that were minted before, and nothing beside it does", async (t) => {
  for (const row of [...ANY, ...ASKS]) await t.step(row.what, () => play(row, false));
});

Deno.test("the same of tokens that came of an approval", async (t) => {
  for (const row of ANY) await t.step(row.what, () => play(row, true));
});

Deno.test("an approval that was not used before mints nothing after it either", async (t) => {
  for (const row of ANY) {
    await t.step(row.what, async () => {
      for (const change of ["tightens", "leaves"] as const) {
        await using world = await TighteningWorld.start();
        await row.before?.(world);
        await world.manage("PUT", "/v1/categories/money", asking);
        const body = { ...TRANSFER, approval_id: await world.approved() };
        await row[change](world);
        // A rotation that keeps requests leaves them to whoever has the new token.
        if (change === "leaves" && row.reason === "rotated") continue;
        const got = await world.org.post("/v1/tokens/mint", body, world.agent.token);
        assert.equal(got.status === 201, change === "leaves", got.text);
      }
    });
  }
});

Deno.test("what asks for an approval now leaves a token that came of one", async (t) => {
  for (const { what, before, tightens } of ASKS) {
    await t.step(what, async () => {
      await using world = await TighteningWorld.start();
      await before?.(world);
      await world.rule({ tool_name: "transfer" }, "requires_approval");
      const tokens = await world.tokens({ held: true });
      await tightens(world);
      await assertGood(world, tokens, (token) => world.report(token));
    });
  }
});
