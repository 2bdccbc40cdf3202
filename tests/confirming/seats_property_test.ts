import assert from "node:assert/strict";
import fc from "fast-check";
import { Refusal } from "../../lib/refusal.ts";
import { AppUser, ASKING, ConfirmingOrg } from "../helpers/confirming.ts";
import { Countersign, INVITED } from "../helpers/countersign.ts";
import { DecisionOrg, type Person } from "../helpers/decision_org.ts";
import { granted } from "../helpers/mandates.ts";
import { runs } from "../helpers/property_runs.ts";
import { verifiedLog } from "../helpers/stored_log.ts";
import { type Deed, type SeatName, SeatsOracle, type Shape, type Voice } from "./seats_oracle.ts";

/** The seats of a request against an oracle: whoever answers, whatever goes, in any order. */

const USER_VOICES = ["passkey_a", "passkey_b", "key_1", "key_2"] as const;

const VOICES = [...USER_VOICES, "ann", "bob"] as const;

const SEATS: readonly (readonly SeatName[])[] = [
  ["user"],
  ["level_1"],
  ["user", "level_1"],
  ["user", "level_1", "level_2"],
  ["level_1", "level_2"],
];

const shape: fc.Arbitrary<Shape> = fc.record({
  seats: fc.constantFrom(...SEATS),
  has_passkeys: fc.boolean(),
  confirm_by: fc.constantFrom("app", "app", "passkey"),
});

const voice = fc.constantFrom(...VOICES);

/** Null for what brings it forward: mostly that, or a life would end at its first deed. */
const deed: fc.Arbitrary<Deed | null> = fc.oneof(
  { weight: 10, arbitrary: fc.constant(null) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("yes" as const), by: voice }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("no" as const), by: voice }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Deed>({ do: "mint" }, { do: "consume" }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Deed>({ do: "link_no" }, { do: "cancel" }, { do: "end_mandate" }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("goes" as const), who: voice }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      seconds: fc.constantFrom(1, 299, 300, 301, 899, 900, 3600),
    }),
  },
);

/** What one case has for itself: nothing of it is another's. */
interface World {
  readonly it: ConfirmingOrg;
  readonly mandate: string;
  readonly approval: string;
  readonly nonce: string | null;
  readonly tool: string;
  readonly user: string;
  readonly passkeys: Readonly<Record<"passkey_a" | "passkey_b", AppUser>>;
  readonly keys: Readonly<Record<"key_1" | "key_2", { readonly id: string; secret: string }>>;
  readonly people: Readonly<Record<"ann" | "bob", Person>>;
  /** As the application has them set. */
  registered: Map<string, object>;
  token: string | null;
}

/** An org with a tool that one member approves, and one that two do. */
async function settled(countersign: Countersign) {
  const it = await ConfirmingOrg.make(countersign);
  await it.org.tool("transfer", { requires_second_approval: true });
  const ann = await it.org.member("nobody@example.com", INVITED);
  const team = new DecisionOrg(countersign, it.org, ann);
  // They never answer: of a level that nobody is left of, every approver would be asked.
  await team.person("approver", { groups: [1] });
  await team.person("approver", { groups: [2] });
  return { it, team };
}

async function keyOf({ org }: ConfirmingOrg) {
  const { services, clock } = org.countersign;
  const id = services.ids.make("key", clock.now);
  return { id, secret: await org.key("approver", { id }) };
}

async function begin(
  { it, team }: Awaited<ReturnType<typeof settled>>,
  { seats, has_passkeys, confirm_by }: Shape,
  nth: number,
): Promise<World> {
  const { clock } = it.org.countersign;
  const user = `user-${nth}`;
  const passkeys = { passkey_a: new AppUser(user), passkey_b: new AppUser(user) };
  const registered = new Map<string, object>();
  if (has_passkeys) {
    for (const [name, one] of Object.entries(passkeys)) registered.set(name, await one.enrol());
    await it.passkeys(user, [...registered.values()]);
  }
  const tool = seats.includes("level_2") ? "transfer" : "refund";
  const people = {
    ann: await team.person("approver", { groups: [1] }),
    bob: await team.person("approver", { groups: [2] }),
  };
  const keys = { key_1: await keyOf(it), key_2: await keyOf(it) };
  const isAsked = { user: seats.includes("user"), members: seats.includes("level_1") };
  const when = [{ field: "/amount", op: "gt", value: 0 }];
  const mandate = await granted(it.org, {
    user_id: user,
    bundle: undefined,
    agent: "shop-assistant",
    scopes: [{
      tool,
      decision: isAsked.user ? "confirm" : "escalate",
      confirm_by,
      ...(isAsked.user && isAsked.members ? { conditions: [{ when, decision: "escalate" }] } : {}),
    }],
  });
  clock.advance(1000);
  const asked = await it.ask({ tool_name: tool, arguments: { amount: 1 }, ...ASKING }, mandate);
  assert.deepEqual(asked.seats, seats);
  const { nonce = null } = asked;
  const approval = asked.approval.id;
  return {
    it,
    mandate,
    approval,
    nonce,
    tool,
    user,
    passkeys,
    keys,
    people,
    registered,
    token: null,
  };
}

/** Does it with the real thing; whether that was taken. */
async function really(world: World, oracle: SeatsOracle, deed: Deed): Promise<boolean> {
  const { it, approval } = world;
  const { org } = it;
  switch (deed.do) {
    case "wait":
      org.countersign.clock.advance(deed.seconds * 1000);
      return true;
    case "goes":
      return await goes(world, deed.who);
    case "end_mandate":
      return is(await org.manage("POST", `/v1/mandates/${world.mandate}/revoke`, { by: "app" }));
    case "cancel":
      return is(await org.post(`/v1/approvals/${approval}/cancel`, {}));
    case "link_no":
      return world.nonce !== null && is(await it.answer(world.nonce, { decision: "deny" }));
    case "no":
    case "yes":
      return oracle.seat === "user" || isUsers(deed.by)
        ? deed.do === "yes" && await userYes(world, deed.by)
        : await memberSays(world, deed.by, deed.do);
    case "mint": {
      const minted = await org.post("/v1/tokens/mint", {
        tool_name: world.tool,
        arguments: { amount: 1 },
        mandate_id: world.mandate,
        approval_id: approval,
      });
      if (is(minted)) world.token = minted.body.token;
      return is(minted);
    }
    case "consume": {
      if (world.token === null) return false;
      const { tool: tool_name, token } = world;
      return is(
        await org.post("/v1/tokens/consume", {
          tool_name,
          token,
          arguments: { amount: 1 },
        }),
      );
    }
  }
}

function is({ status }: { readonly status: number }): boolean {
  return status === 200 || status === 201;
}

function isUsers(by: Voice): by is "passkey_a" | "passkey_b" {
  return by === "passkey_a" || by === "passkey_b";
}

function isKey(by: Voice): by is "key_1" | "key_2" {
  return by === "key_1" || by === "key_2";
}

async function userYes({ it, nonce, passkeys, keys }: World, by: Voice) {
  if (nonce === null) return false;
  if (isKey(by)) return is(await it.answer(nonce, { decision: "approve" }, keys[by].secret));
  if (!isUsers(by) || passkeys[by].authenticator.credentials.length === 0) {
    // Nobody has anything to say it with: whoever says it without is not heard.
    return is(await it.answer(nonce, { decision: "approve" }));
  }
  const shown = await it.post(`/v1/confirmations/${nonce}/statement`);
  if (!is(shown)) return false;
  const assertion = await passkeys[by].sign(await it.statement(nonce));
  return is(await it.answer(nonce, { decision: "approve", assertion }));
}

async function memberSays(
  { it, approval, keys, people }: World,
  by: Voice,
  says: "yes" | "no",
): Promise<boolean> {
  if (isUsers(by)) return false;
  if (isKey(by)) {
    const decided_by = people.ann.session.member.email;
    const decision = says === "yes" ? "approve" : "deny";
    const body = { decision, decided_by };
    return is(await it.org.post(`/v1/approvals/${approval}/decide`, body, keys[by].secret));
  }
  try {
    await (says === "yes" ? people[by].approve(approval) : people[by].deny(approval));
    return true;
  } catch (error) {
    const isUnseen = error instanceof assert.AssertionError && /not shown/.test(error.message);
    if (error instanceof Refusal || isUnseen) return false;
    throw error;
  }
}

async function goes(world: World, who: Voice): Promise<boolean> {
  const { it, keys, people, registered, user } = world;
  if (isUsers(who)) {
    if (registered.delete(who)) return is(await it.passkeys(user, [...registered.values()]));
  } else if (isKey(who)) await it.org.manage("DELETE", `/v1/api-keys/${keys[who].id}`);
  else await people[who].becomes(null);
  return true;
}

Deno.test("B7: whoever answers and whatever goes, in any order, seats are decided in turn and a yes counts while what gave it does", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await settled(countersign);
  let nth = 0;
  await fc.assert(
    fc.asyncProperty(
      shape,
      fc.array(deed, { minLength: 3, maxLength: 14 }),
      async (made, deeds) => {
        const world = await begin(org, made, nth++);
        const oracle = new SeatsOracle(made);
        const story: string[] = [];
        for (const given of deeds) {
          const one = given ?? oracle.next();
          const taken = await really(world, oracle, one);
          story.push(`${JSON.stringify(one)} ${taken}`);
          const text = `${JSON.stringify(made)}\n${story.join("\n")}`;
          assert.equal(taken, oracle.take(one), text);
          const { body } = await world.it.org.get(`/v1/approvals/${world.approval}`);
          assert.equal(body.status, oracle.status, text);
          if (oracle.seat !== null) assert.equal(body.seat, oracle.seat, text);
        }
      },
    ),
    runs(40),
  );
  await verifiedLog(countersign.services.deps, org.it.org.id);
});
