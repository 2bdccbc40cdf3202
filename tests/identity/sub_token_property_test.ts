import assert from "node:assert/strict";
import fc from "fast-check";
import { authorizeOperation } from "../../lib/authorize/authorize.ts";
import { createSubToken, revokeSubToken } from "../../lib/catalog/sub_tokens.ts";
import { asCaller, type MachineOperation } from "../../lib/identity/acting.ts";
import { NO_MANDATE } from "../../lib/mandates/mandate.ts";
import { Refusal } from "../../lib/refusal.ts";
import { agentKey } from "../../lib/store/keys.ts";
import type { AgentRecord } from "../../lib/store/records/identity.ts";
import { widthOf } from "../helpers/arbitrary_policy.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { runs } from "../helpers/property_runs.ts";

/**
 * At every moment a sub-token is answered at most what its maker is, for the same question: whatever
 * was configured, and whatever changed since it was made. Held against a model of a few lines.
 */

const TOOLS = ["open", "asks", "trusted"];
const TENANTS = ["acme", "zeta"];

const list = (names: string[]) => fc.option(fc.subarray(names, { minLength: 1 }), { freq: 1 });

const makes = fc.record({
  step: fc.constant("make" as const),
  tools: list(TOOLS),
  tags: list(["x", "y"]),
  tenant_ids: list(TENANTS),
  trust_tier: fc.option(fc.constantFrom(0, 1, 2)),
  max_uses: fc.option(fc.constantFrom(1, 2), { freq: 1 }),
  ttl_seconds: fc.constantFrom(5, 60, 600),
});

const changes = fc.record({
  step: fc.constant("change" as const),
  trust_tier: fc.constantFrom(0, 2, 2),
  tenant_ids: list(TENANTS),
  killed: fc.constantFrom(true, false, false, false),
});

const passes = fc.record({ step: fc.constant("pass" as const), seconds: fc.constantFrom(2, 10) });

const revokes = fc.record({ step: fc.constant("revoke" as const), which: fc.nat(3) });

const asks = fc.record({
  step: fc.constant("ask" as const),
  tool: fc.constantFrom(...TOOLS),
  tenant: fc.option(fc.constantFrom(...TENANTS), { freq: 2 }),
});

const anyLife = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: makes },
    { weight: 2, arbitrary: changes },
    { weight: 1, arbitrary: passes },
    { weight: 1, arbitrary: revokes },
    { weight: 6, arbitrary: asks },
  ),
  { minLength: 8, maxLength: 16 },
).map((life) => [...life, { step: "ask" as const, tool: "open", tenant: null }]);

/** What the model knows of a sub-token. */
interface Modelled {
  readonly secret: string;
  readonly id: string;
  readonly tools: string[] | null;
  readonly tags: string[] | null;
  readonly tenants: string[] | null;
  readonly tier: number;
  readonly most: number;
  readonly ends: number;
  revoked: boolean;
  used: number;
}

const TAGS: Readonly<Record<string, string>> = { open: "x", asks: "x", trusted: "y" };

class Life {
  readonly #made: Modelled[] = [];

  private constructor(readonly org: TestOrg, readonly secret: string, public maker: AgentRecord) {}

  static async begin(countersign: Countersign): Promise<Life> {
    const org = await countersign.org();
    await org.tool("open", { tags: ["x"] });
    await org.tool("asks", { tags: ["x"], default_permission: "requires_approval" });
    await org.tool("trusted", { tags: ["y"], required_tier: 2 });
    const secret = await org.agent({ trust_tier: 2 });
    const maker = await org.transact(({ snapshot }) => [...snapshot.agents.values()][0]!);
    return new Life(org, secret, maker);
  }

  async step(step: typeof anyLife extends fc.Arbitrary<(infer S)[]> ? S : never): Promise<void> {
    const { clock } = this.org.countersign;
    switch (step.step) {
      case "make":
        return await this.#make(step);
      case "change": {
        const { trust_tier, tenant_ids, killed } = step;
        const kill_switch = { active: killed, reason: null };
        this.maker = { ...this.maker, trust_tier, tenant_ids, kill_switch };
        return await this.org.transact((transaction) =>
          transaction.setPolicy(agentKey(this.org.id, this.maker.id), this.maker)
        );
      }
      case "pass":
        return clock.advance(step.seconds * 1000);
      case "revoke": {
        const made = this.#made[step.which];
        if (made === undefined) return;
        await this.#as(this.secret, revokeSubToken(made.id, "req"));
        made.revoked = true;
        return;
      }
      case "ask":
        for (const made of this.#made) await this.#ask(made, step.tool, step.tenant);
    }
  }

  async #make(
    { tools, tags, tenant_ids, trust_tier, max_uses, ttl_seconds }: Extract<
      Parameters<Life["step"]>[0],
      { step: "make" }
    >,
  ): Promise<void> {
    const { maker, org: { countersign: { clock } } } = this;
    const scope = { tools, tags, tenant_ids, methods: null, resources: null };
    const fields = { name: "s", ttl_seconds, max_uses, trust_tier, scope };
    const isWider = (trust_tier ?? 0) > maker.trust_tier ||
      (tenant_ids ?? []).some((one) => maker.tenant_ids?.includes(one) === false);
    const made = await this.#as(this.secret, createSubToken(fields, "req"));
    if (typeof made === "string") return assert.deepEqual([made, isWider], [TOO_WIDE, true]);
    assert.equal(isWider, false);
    this.#made.push({
      secret: made.secret,
      id: made.record.id,
      tools,
      tags,
      tenants: tenant_ids ?? maker.tenant_ids,
      tier: trust_tier ?? maker.trust_tier,
      most: max_uses ?? Infinity,
      ends: clock.now + ttl_seconds * 1000,
      revoked: false,
      used: 0,
    });
  }

  /** Asks both, and holds the sub-token's answer against its maker's and the model. */
  async #ask(made: Modelled, tool: string, tenant: string | null): Promise<void> {
    const { maker, org: { countersign: { clock } } } = this;
    const [ofMaker, said] = [
      await this.#answer(this.secret, tool, tenant),
      await this.#answer(made.secret, tool, tenant),
    ];
    const width = (one: string) => one in ANSWERS ? widthOf(one) : 0;
    assert.ok(width(said) <= width(ofMaker), `${said} for ${ofMaker}`);
    const isOver = made.revoked || clock.now >= made.ends;
    if (isOver) return assert.equal(said, ENDED);
    // One that is bound to a single tenant acts for that.
    const [only, another] = maker.tenant_ids ?? [];
    const named = tenant ?? (another === undefined ? only ?? null : null);
    const isWalled = maker.tenant_ids !== null &&
      (named === null || !maker.tenant_ids.includes(named));
    if (isWalled) return assert.equal(said, "tenant_not_permitted");
    if (made.used >= made.most) return assert.equal(said, ENDED);
    made.used++;
    const reaches = made.tools?.includes(tool) !== false &&
      made.tags?.includes(TAGS[tool]!) !== false &&
      (made.tenants === null || (named !== null && made.tenants.includes(named)));
    const isTrusted = tool !== "trusted" || made.tier >= 2;
    assert.equal(said, reaches && isTrusted ? ofMaker : "disabled");
  }

  async #answer(secret: string, tool: string, tenant: string | null): Promise<string> {
    const action = { tool, tenant, method: null, resource: null, arguments: {} };
    const said = await this.#as(
      secret,
      authorizeOperation({
        action,
        reason: null,
        reference_id: null,
        explain: false,
        mint: false,
        ask: null,
        ...NO_MANDATE,
      }, { ip: null, user_agent: null, request_id: "req", via: "rest" }),
    );
    if (typeof said === "string") return said;
    assert.ok("checked" in said);
    return said.checked.decision.resolution.permission;
  }

  /** What an operation comes to, or the code of its refusal. */
  async #as<L, R>(secret: string, operation: MachineOperation<L, R>) {
    const { services } = this.org.countersign;
    try {
      const presented = await services.credentials.present(secret);
      const acting = asCaller(presented, ["agent", "sub_token"], operation);
      return await services.ledgers.transact(this.org.id, acting);
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
  }
}

/** Whatever is none of these is a refusal, which is less than any. */
const ANSWERS = { allowed: true, requires_approval: true, disabled: true };

const TOO_WIDE = "sub_token_too_wide";
const ENDED = "invalid_credentials";

Deno.test("a sub-token may at every moment at most what its maker may, and what the model of it says", async () => {
  await using countersign = await Countersign.start();
  await fc.assert(
    fc.asyncProperty(anyLife, async (life) => {
      const it = await Life.begin(countersign);
      for (const step of life) await it.step(step);
    }),
    runs(40),
  );
});
