import assert from "node:assert/strict";
import { stopOrg } from "../../lib/catalog/org_settings.ts";
import { removeTenant } from "../../lib/catalog/tenants.ts";
import { asAccount, type MemberOperation } from "../../lib/identity/acting.ts";
import { demand } from "../../lib/identity/deeds.ts";
import type { Transaction } from "../../lib/ledger/transaction.ts";
import { putMember, removeMember } from "../../lib/people/members.ts";
import { hasRight, type Right, RIGHTS } from "../../lib/policy/rights.ts";
import { Refusal } from "../../lib/refusal.ts";
import { accountKey, orgKey, sessionKey, tenantKey } from "../../lib/store/keys.ts";
import { ROLES } from "../../lib/store/records/identity.ts";
import { Countersign, type SignedIn, type TestOrg } from "../helpers/countersign.ts";
import { CATALOG_DEEDS, op, R, rule, type Run, tenant } from "../helpers/member_deeds.ts";
import { IDENTITY_DEEDS } from "./member_identity_deeds.ts";

type Outcome = "done" | "role_required" | "recovery_held" | "fresh_assertion_required";

const STATES = [
  { fresh: true, held: false },
  { fresh: false, held: false },
  { fresh: true, held: true },
  { fresh: false, held: true },
] as const;

for (const deed of [...CATALOG_DEEDS, ...IDENTITY_DEEDS]) {
  Deno.test(`A member ${deed.name} just as the rights table says`, async () => {
    await using countersign = await Countersign.start();
    const org = await countersign.org();
    let n = 0;
    for (const role of ROLES) {
      for (const state of STATES) {
        const session = await org.signedIn(role, state);
        const expected: Outcome = !hasRight(role, deed.right)
          ? "role_required"
          : state.held && !deed.onHold
          ? "recovery_held"
          : deed.fresh && !state.fresh
          ? "fresh_assertion_required"
          : "done";
        // A page that asks for less than the deed needs opens nothing.
        const asked = deed.asksItself === false
          ? [deed.right]
          : [deed.right, "see_requests" as const];
        for (const right of asked) {
          const got = await outcomeOf(org, session, right, await deed.on(org, ++n));
          assert.equal(got, expected, `${role}, ${JSON.stringify(state)}, asked for ${right}`);
        }
      }
    }
  });
}

Deno.test("A member removes a tenant with its rules under a fresh assertion only", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (const role of ROLES) {
    for (const { fresh, held } of STATES) {
      const id = `t-${role}-${fresh}-${held}`;
      await tenant(org, id);
      await rule(org, "x", "disabled", id);
      const session = await org.signedIn(role, { fresh, held });
      const got = await settled(removeTenant((step) => org.as(session, "read", step), id, R));
      const expected: Outcome = !hasRight(role, "configure")
        ? "role_required"
        : held
        ? "recovery_held"
        : fresh
        ? "done"
        : "fresh_assertion_required";
      assert.equal(got, expected);
    }
  }
});

Deno.test("Every right refuses the roles that do not have it, before anything is read", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (const role of ROLES) {
    const session = await org.signedIn(role);
    for (const right of RIGHTS) {
      let loaded = false;
      const operation: MemberOperation<void, void> = {
        load: () => {
          loaded = true;
        },
        plan: () => {},
      };
      const got = await outcomeOf(org, session, right, op(operation));
      assert.equal(got, hasRight(role, right) ? "done" : "role_required", `${role}, ${right}`);
      assert.equal(loaded, hasRight(role, right));
    }
  }
});

Deno.test("A session or account that somebody ends after it was loaded ends the operation at its commit", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { kv } = countersign.services.deps;
  const size = () => org.transact(({ base }) => base);
  const entry = {
    type: "test.done",
    actor: { type: "system", id: "test" },
    subject: {},
    data: {},
  } as const;
  for (
    const [what, keyOf] of [
      ["the session", ({ hash }: SignedIn) => sessionKey(hash)],
      ["the account", ({ caller }: SignedIn) => accountKey(caller.account)],
    ] as const
  ) {
    const signedIn = await org.signedIn("owner");
    const before = await size();
    // Loaded already when it ends, planned with, and about to be committed.
    const end = () => kv.atomic().delete([...keyOf(signedIn)]).commit();
    const asPerson = asAccount(signedIn, { load: end, plan: (tx) => tx.append(entry) });
    assert.equal(
      await settled(countersign.services.ledgers.transact(org.id, asPerson)),
      "session_ended",
      what,
    );
    assert.equal(await size(), before, what);
  }
  const signedIn = await org.signedIn("owner");
  const before = await size();
  const operation: MemberOperation<unknown, unknown> = {
    load: () => kv.atomic().delete([...sessionKey(signedIn.hash)]).commit(),
    plan(transaction, caller) {
      demand(caller, "configure");
      return transaction.append(entry);
    },
  };
  assert.equal(await outcomeOf(org, signedIn, "configure", op(operation)), "session_ended");
  assert.equal(await size(), before);
});

Deno.test("What a member's operation writes without naming its deed is not committed", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await org.signedIn("owner");
  const write = {
    type: "org.set",
    actor: { type: "member", id: owner.member.id },
    subject: {},
    data: {},
  } as const;
  const before = await org.transact(({ base }) => base);
  for (
    const plan of [
      (transaction: Transaction) => void transaction.append(write),
      (transaction: Transaction) => transaction.set(tenantKey(org.id, "t"), {}),
      (transaction: Transaction) => transaction.deletePolicy(orgKey(org.id)),
    ]
  ) {
    await assert.rejects(org.as(owner, "configure", { plan }), /without naming its deed/);
  }
  assert.equal(await org.transact(({ base }) => base), before);
  assert.equal(await org.transact(({ snapshot }) => snapshot.exists), true);
  assert.equal(await org.as(owner, "configure", { plan: () => "read" }), "read");
});

/** Whom the holder of a role may make, change and remove. */
const RULED: Readonly<Record<(typeof ROLES)[number], readonly (typeof ROLES)[number][]>> = {
  owner: ["owner", "admin", "approver", "viewer"],
  admin: ["admin", "approver", "viewer"],
  approver: [],
  viewer: [],
};

Deno.test("On hold no assertion is fresh, and nothing private is read by it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const free = await org.signedIn("owner");
  const held = await org.signedIn("owner", { held: true });
  assert.deepEqual([free.caller.fresh, free.caller.audit_private], [true, true]);
  assert.deepEqual([held.caller.fresh, held.caller.audit_private], [false, false]);
});

Deno.test("Nobody gives or takes a role above their own", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  let n = 0;
  for (const own of ROLES) {
    const session = await org.signedIn(own);
    for (const from of [null, ...ROLES]) {
      for (const to of [null, ...ROLES]) {
        if (from === null && to === null) continue;
        const email = `x${++n}@example.com`;
        if (from !== null) await org.member(email, { role: from });
        const operation = to === null
          ? op(removeMember(email, R))
          : op(putMember(email, { role: to, groups: [] }, R));
        const granted = [from, to].every((role) => role === null || RULED[own].includes(role));
        const got = await outcomeOf(org, session, "see_requests", operation);
        assert.equal(got, granted ? "done" : "role_required", `${own}: ${from} to ${to}`);
      }
    }
  }
});

Deno.test("An admin who was made a viewer is refused on the next call, with the same session", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await org.signedIn("owner");
  const admin = await org.signedIn("admin");
  const stop = () => outcomeOf(org, admin, "kill_switch_on", op(stopOrg(null, R)));
  assert.equal(await stop(), "done");
  const { email } = admin.member;
  await org.as(owner, "manage_members", putMember(email, { role: "viewer", groups: [] }, R));
  assert.equal(await stop(), "role_required");
});

function outcomeOf(
  org: TestOrg,
  session: SignedIn,
  right: Right,
  run: Run,
): Promise<string> {
  return settled(run(org, session, right));
}

async function settled(result: Promise<unknown>): Promise<string> {
  try {
    await result;
    return "done";
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}
