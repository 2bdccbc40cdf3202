import assert from "node:assert/strict";
import { TOOL } from "../helpers/approval_org.ts";
import type { Got } from "../helpers/countersign.ts";
import { DecisionOrg, type Person } from "../helpers/decision_org.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import { assertProblem } from "../helpers/refused.ts";

/**
 * What ends a token after it was minted because those who approved its action could not do so any
 * more, or would not be enough. People decide with passkeys, tokens are minted and consumed over
 * HTTP.
 */
class Approved implements AsyncDisposable {
  private constructor(
    readonly it: DecisionOrg,
    /** Who approves. */
    readonly ben: Person,
    /** Who has the same rights, and approves nothing at first. */
    readonly eve: Person,
  ) {}

  static async start(): Promise<Approved> {
    const it = await DecisionOrg.start();
    const [ben, eve] = [await it.person("approver"), await it.person("approver")];
    // Settings that widen, and releases, are theirs.
    await it.person("owner");
    return new Approved(it, ben, eve);
  }

  /** A token for an action that Ben approved. */
  async token(key = this.it.org.standard): Promise<string> {
    const { id } = await this.it.pending({}, key);
    await this.ben.approve(id);
    return await this.minted(id, key);
  }

  async minted(approval: string, key = this.it.org.standard): Promise<string> {
    const got = await this.it.mint(approval, {}, key);
    assert.equal(got.status, 201, got.text);
    return got.body.token;
  }

  consume(token: string): Promise<Got> {
    return this.it.org.post("/v1/tokens/consume", { token, tool_name: TOOL });
  }

  async assertRevoked(token: string, reason = "levels"): Promise<void> {
    const looked = await this.it.org.post("/v1/tokens/verify", { token });
    assert.deepEqual(looked.body, { valid: false, code: "token_revoked", reason });
    const report = { token, tool_name: TOOL, execution_result: "success" };
    const attempts = [
      await this.consume(token),
      await this.it.org.post("/v1/executions/log", report),
    ];
    for (const got of attempts) {
      assertProblem(got, 403, "token_revoked");
      assert.equal(got.body.reason, reason, got.text);
    }
    const entries = await entriesOf(this.it.org, "token.refused");
    assert.deepEqual(entries.map(({ data }) => data.reason), [reason, reason]);
  }

  async assertGood(token: string): Promise<void> {
    const got = await this.consume(token);
    assert.equal(got.status, 200, got.text);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.it[Symbol.asyncDispose]();
  }
}

type Change = (world: Approved) => Promise<unknown>;

/** What tightens, and its neighbour that does not. */
const PEOPLE: readonly (readonly [what: string, tightens: Change, leaves: Change])[] = [
  [
    "who approved leaves the org",
    ({ ben }) => ben.becomes(null),
    ({ eve }) => eve.becomes(null),
  ],
  [
    "who approved becomes a viewer",
    ({ ben }) => ben.becomes({ role: "viewer" }),
    ({ ben }) => ben.becomes({ role: "admin" }),
  ],
  [
    "who approved is at level 2 only",
    async ({ ben, eve }) => {
      await eve.becomes({ groups: [1] });
      await ben.becomes({ groups: [2] });
    },
    // While nobody is at level 1, everybody is.
    ({ ben }) => ben.becomes({ groups: [2] }),
  ],
  [
    "group Level 1 is named, without who approved",
    ({ eve }) => eve.becomes({ groups: [1] }),
    async ({ ben, eve }) => {
      await eve.becomes({ groups: [1] });
      await ben.becomes({ groups: [1] });
    },
  ],
  [
    "who approved recovers their account",
    ({ it, ben }) => ben.becomes({ held_until: it.countersign.clock.now + 1000 }),
    ({ it, eve }) => eve.becomes({ held_until: it.countersign.clock.now + 1000 }),
  ],
  [
    "who approved has no passkey any more",
    ({ ben }) => ben.becomes({ has_passkey: false }),
    ({ eve }) => eve.becomes({ has_passkey: false }),
  ],
  [
    "two people have to approve",
    ({ it }) => patched(it, TOOL, { requires_second_approval: true }),
    ({ it }) => patched(it, "other", { requires_second_approval: true }),
  ],
];

async function patched(it: DecisionOrg, tool: string, fields: object): Promise<void> {
  if (tool !== TOOL) await it.org.tool(tool);
  const got = await it.org.manage("PATCH", `/v1/tools/${tool}`, fields);
  assert.equal(got.status, 200, got.text);
}

Deno.test("a token ends when those who approved it could not do so any more, or are too few", async (t) => {
  for (const [what, tightens, leaves] of PEOPLE) {
    await t.step(what, async () => {
      for (const change of [tightens, leaves]) {
        await using world = await Approved.start();
        const token = await world.token();
        await change(world);
        if (change === tightens) await world.assertRevoked(token);
        else await world.assertGood(token);
      }
    });
  }
});

Deno.test("separation of duties ends what somebody approved of their own agent", async () => {
  for (const own of [true, false]) {
    await using world = await Approved.start();
    const { it, ben, eve } = world;
    const key = await it.org.agent({ members_behind: [own ? ben.id : eve.id] });
    const token = await world.token(key);
    await it.settings({ separation_of_duties: true });
    if (own) await world.assertRevoked(token);
    else await world.assertGood(token);
  }
});

Deno.test("a hold after a recovery that is over leaves the token good again", async () => {
  await using world = await Approved.start();
  const { clock } = world.it.countersign;
  const token = await world.token();
  await world.ben.becomes({ held_until: clock.now + 1000 });
  assert.equal((await world.consume(token)).body.reason, "levels");
  clock.advance(1000);
  await world.assertGood(token);
});

Deno.test("of two who approved, both count to the end", async () => {
  for (const who of ["ben", "eve", "nobody"] as const) {
    await using world = await Approved.start();
    const { it, ben, eve } = world;
    await ben.becomes({ groups: [1] });
    await eve.becomes({ groups: [2] });
    await it.secondLevel();
    const { id } = await it.pending();
    await ben.approve(id);
    await eve.approve(id);
    const token = await world.minted(id);
    if (who === "nobody") await world.assertGood(token);
    else {
      await world[who].becomes(null);
      await world.assertRevoked(token);
    }
  }
});

Deno.test("a level that was skipped is asked for again once levels are strict", async () => {
  for (const strict of [true, false]) {
    await using world = await Approved.start();
    const { it } = world;
    const owner = await it.person("owner");
    await it.settings({ strict_levels: false, strict_levels_by: owner.id });
    await it.secondLevel();
    const token = await world.token();
    if (strict) await it.settings({ strict_levels: true });
    if (strict) await world.assertRevoked(token);
    else await world.assertGood(token);
  }
});

/** What makes of an approver key's word nothing; what a passkey signed stays. */
const KEYS: readonly (readonly [what: string, change: (world: Approved) => Promise<unknown>])[] = [
  ["api_decisions off", ({ it }) => it.settings({ api_decisions: false })],
  ["the approver key is revoked", async ({ it }) => {
    const { data } = (await it.org.manage("GET", "/v1/api-keys")).body;
    const key = data.find(({ tier }: { tier: string }) => tier === "approver");
    assert.equal((await it.org.manage("DELETE", `/v1/api-keys/${key.id}`)).status, 200);
  }],
];

Deno.test("what an approver key approved ends with what let it speak", async (t) => {
  for (const [what, change] of KEYS) {
    await t.step(what, async () => {
      for (const by of ["key", "passkey"]) {
        await using world = await Approved.start();
        const { it, ben } = world;
        const { id } = await it.pending();
        const decided_by = ben.session.member.email;
        if (by === "key") {
          assert.equal((await it.decide(id, "approve", { decided_by })).status, 200);
        } else await ben.approve(id);
        const token = await world.minted(id);
        await change(world);
        if (by === "key") await world.assertRevoked(token);
        else await world.assertGood(token);
      }
    });
  }
});

Deno.test("a fact that nobody was shown to be missing ends the token", async () => {
  await using world = await Approved.start();
  const token = await world.token();
  await patched(world.it, TOOL, { required_facts: ["resource"] });
  await world.assertRevoked(token, "policy");
});

Deno.test("what was missing when it was approved is missing with consent", async () => {
  await using world = await Approved.start();
  await patched(world.it, TOOL, { required_facts: ["resource"] });
  await world.assertGood(await world.token());
});

Deno.test("what is allowed without anybody by now does not ask who approved it", async () => {
  await using world = await Approved.start();
  const token = await world.token();
  await world.ben.becomes(null);
  await patched(world.it, TOOL, { default_permission: "allowed" });
  await world.assertGood(token);
});
