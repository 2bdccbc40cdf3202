import assert from "node:assert/strict";
import { signDecision } from "../../lib/approvals/sign.ts";
import { asMember } from "../../lib/identity/acting.ts";
import { Ledgers } from "../../lib/ledger/ledgers.ts";
import { Refusal } from "../../lib/refusal.ts";
import { approvalViewKey, toolKey } from "../../lib/store/keys.ts";
import { TOOL } from "../helpers/approval_org.ts";
import { assertNotAccepted, CLIENT, DecisionOrg } from "../helpers/decision_org.ts";
import { refused } from "../helpers/refused.ts";

Deno.test("attack: a page of level 1 decides nothing at level 2", async () => {
  await using it = await DecisionOrg.start();
  await it.secondLevel();
  const ann = await it.person("owner");
  const bob = await it.person("owner");
  await it.org.member("two@example.com", { groups: [2] });
  const { id } = await it.pending();
  const page = await bob.open(id);
  const response = await bob.sign(page);
  await ann.approve(id);
  await refused(bob.send(id, page, response), "view_changed", { because: "next_level" });
  assert.equal(await it.status(id), "pending");
  await bob.approve(id);
  assert.equal(await it.status(id), "approved");
});

Deno.test("of several decisions at once, on two nodes, exactly one counts", async () => {
  await using it = await DecisionOrg.start();
  const { deps, settings } = it.countersign.services;
  const otherNode = new Ledgers(deps);
  const ann = await it.person("owner");
  const bob = await it.person("owner");
  for (let round = 0; round < 5; round++) {
    const { id } = await it.pending({ method: `R${round}` });
    const ofAnn = await ann.open(id);
    const ofBob = await bob.open(id);
    const response = await ann.sign(ofAnn);
    const { facts: { nonce }, ...digests } = ofBob;
    const signed = { nonce, note: null, response: await bob.sign(ofBob), ...digests };
    const elsewhere = asMember(bob.session, "decide", signDecision(settings, id, signed, CLIENT));
    const results = await Promise.all([
      ann.send(id, ofAnn, response),
      ann.send(id, ofAnn, response),
      bob.deny(id),
      otherNode.transact(it.org.id, elsewhere),
    ].map((attempt) => attempt.catch((refusal: unknown) => refusal)));
    const refused = results.filter((result) => result instanceof Refusal);
    assert.deepEqual(refused.map(({ code }) => code), Array(3).fill("approval_not_pending"));
    assert.equal((await it.entries("approval.decided", id)).length, 1);
  }
});

Deno.test("a stale page cannot decide, and says why", async () => {
  await using it = await DecisionOrg.start();
  const { clock } = it.countersign;
  const ann = await it.person("owner");
  const bob = await it.person("owner");
  let method = 0;
  const opened = async () => {
    const { id } = await it.pending({ method: `M${method++}` });
    const page = await ann.open(id);
    return { id, page, response: await ann.sign(page) };
  };
  const decided = await opened();
  await bob.deny(decided.id);
  await refused(
    ann.send(decided.id, decided.page, decided.response),
    "approval_not_pending",
    { status: "denied", because: null },
  );

  const asked = await opened();
  await it.ask({ method: "M1", reason: "and do it now, it cannot wait" });
  await refused(
    ann.send(asked.id, asked.page, asked.response),
    "view_changed",
    { because: "asked_again" },
  );
  // A page that says it saw the new view has not had it signed.
  const { view_digest } = (await it.get(asked.id)).body;
  const claimed = { ...asked.page, view_digest };
  const claim = () => ann.send(asked.id, claimed, asked.response);
  await assertNotAccepted(it, asked.id, claim, "wrong_challenge");

  const changed = await opened();
  await it.org.transact((transaction) => {
    const tool = transaction.snapshot.tool(TOOL);
    transaction.setPolicy(toolKey(it.org.id, TOOL), { ...tool, description: "deletes less" });
  });
  await refused(
    ann.send(changed.id, changed.page, changed.response),
    "approval_not_pending",
    { status: "cancelled", because: "tool_changed" },
  );

  const expired = await opened();
  clock.advance(3600_000);
  await refused(
    ann.send(expired.id, expired.page, expired.response),
    "approval_not_pending",
    { status: "expired", because: null },
  );
});

Deno.test("attack: arguments swapped in a stolen store are not what gets approved", async () => {
  await using it = await DecisionOrg.start();
  const { sealer } = it.countersign.services.deps;
  const ann = await it.person("owner");
  const { id } = await it.pending({ arguments: { server: "staging-1" } });
  const key = approvalViewKey(it.org.id, id, 0);
  await it.org.transact((transaction) => {
    transaction.set(key, { sealed: sealer.sealJson(key, { server: "production-1" }) });
  });
  const page = await ann.open(id);
  const response = await ann.sign(page);
  await refused(ann.send(id, page, response), "view_changed", { because: "other_view" });
  const { view_digest, action_digest } = (await it.get(id)).body;
  const claimed = { ...page, view_digest, action_digest };
  await assertNotAccepted(it, id, () => ann.send(id, claimed, response), "wrong_challenge");
});
