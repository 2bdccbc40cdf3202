import assert from "node:assert/strict";
import { writeEvent } from "../../lib/events/event.ts";
import { expandEvent, type Listener } from "../../lib/events/expand.ts";
import { duePrefix } from "../../lib/store/keys.ts";
import { listRecords } from "../../lib/store/kv.ts";
import { type DueWork, dueWork } from "../../lib/store/records/log.ts";
import { approver, dueKinds, mailed, settle } from "../helpers/alerted.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { Countersign, INVITED } from "../helpers/countersign.ts";
import { eventsOf } from "../helpers/outbox.ts";

/** Tells its pages, each with an entry of the log; nobody where there are none. */
function listener(name: string, pages: readonly string[]): Listener {
  return {
    name,
    hears: () => true,
    load(_reader, event, from) {
      const at = from === "" ? 0 : pages.indexOf(from);
      const page = pages[at];
      if (page === undefined) return Promise.resolve(null);
      return Promise.resolve((transaction) => {
        transaction.append({
          type: "test.told",
          actor: { type: "system", id: "test" },
          subject: {},
          data: { event: event.id, to: `${name} ${page}` },
        });
        return pages[at + 1] ?? null;
      });
    },
  };
}

/** The event of an org that has somebody who listens, and nobody told of it yet. */
async function happened(it: ApprovalOrg): Promise<string> {
  await approver(it, "bob@example.com");
  await it.org.transact((transaction) =>
    writeEvent(transaction, { type: "approval.created", approval: transaction.id("apr") })
  );
  const [event] = await eventsOf(it.countersign.services.deps.kv, it.org.id);
  return event?.id ?? assert.fail("nothing happened");
}

Deno.test("each listener is told all its pages once, whichever of two nodes gets to it", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  const { services, clock, secret } = it.countersign;
  const { kv } = services.deps;
  await using other = await Countersign.start({ kv, clock, secret });
  const id = await happened(it);
  const listeners = [
    listener("deaf", []),
    listener("first", ["a", "b", "c"]),
    listener("silent", []),
    listener("second", ["d", "e"]),
  ];
  const works: string[] = [];
  for (;;) {
    const selector = { prefix: duePrefix() };
    const all = await Array.fromAsync(listRecords(kv, selector, dueWork), ({ value }) => value);
    const due: DueWork[] = all.filter(({ kind }) => kind === "event_expand");
    const [work, ...more] = due;
    assert.deepEqual(more, [], "one piece of work at a time");
    if (work === undefined) break;
    works.push(work.id);
    // Both at once, and the one that is late once more.
    await Promise.all([services, other.services].map((node) => expandEvent(node, listeners, work)));
    await expandEvent(services, listeners, work);
  }
  const told = await it.entries("test.told");
  assert.deepEqual(
    told.map(({ data }) => data.to),
    ["first a", "first b", "first c", "second d", "second e"],
  );
  assert.ok(told.every(({ data }) => data.event === id));
  assert.deepEqual(works, [
    id,
    `${id} first b`,
    `${id} first c`,
    `${id} silent`,
    `${id} second e`,
  ]);
});

Deno.test("what a release without events left due is told all the same", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  await approver(it, "bob@example.com");
  const { id } = await it.pending();
  await settle(it);
  assert.deepEqual(mailed(it), ["bob@example.com"]);
  const { clock, services: { deps: { kv } } } = it.countersign;
  const work: DueWork = { kind: "alert_new_request", at: clock.now, org: it.org.id, id };
  await kv.set([...duePrefix(), work.at, work.kind, work.org, work.id], work);
  await settle(it);
  assert.deepEqual(mailed(it), ["bob@example.com"]);
  assert.deepEqual(await dueKinds(it), ["alert_nearing_expiry", "approval_ends"]);
});
