import assert from "node:assert/strict";
import { LEASE_MS } from "../../lib/events/deliver.ts";
import { approver, deliveries, dueKinds, settle } from "../helpers/alerted.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { INVITED } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";
import { assertEventsOfLog, eventsOf, hearEverything } from "../helpers/outbox.ts";

const NODE = new URL("telling_node.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.dev.json", import.meta.url).pathname;

/** Starts a node, and ends it without a chance to finish anything once it has said so many words. */
async function killed(path: string, it: ApprovalOrg, round: number, words: number): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-check", "-A", "--config", CONFIG, NODE],
      ...[path, it.countersign.secret.toHex(), it.org.standard, String(round)],
    ],
    stdout: "piped",
  }).spawn();
  let said = 0;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += text.split("\n").length - 1;
    if (said >= words) break;
  }
  child.kill("SIGKILL");
  await child.status;
  assert.ok(said >= words, `it said ${said} words`);
}

Deno.test("kill -9 at any moment: each cause has its event, and what waits is told by its id", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/countersign.kv`;
  const kv = await Deno.openKv(path);
  {
    await using it = await ApprovalOrg.start({ kv }, INVITED);
    await hearEverything(it.org);
    await approver(it, "bob@example.com");
    await approver(it, "eve@example.com");
    for (let round = 0; round < 6; round++) {
      await killed(path, it, round, 1 + round * 2);
      await assertEventsOfLog(kv, it.org.id, `round ${round}`);
    }
    const { clock } = it.countersign;
    await settle(it);
    clock.advance(LEASE_MS);
    await settle(it);
    clock.advance(LEASE_MS);
    await settle(it);
    assert.ok(!(await dueKinds(it)).includes("event_expand"));
    const told = await deliveries(it);
    let waiting = 0;
    for (const { id, happening } of await eventsOf(kv, it.org.id)) {
      if (happening.type !== "approval.created") continue;
      const status = (await it.get(happening.approval)).body.status;
      const own = told.filter(({ event }) => event === id);
      // What was withdrawn before it was told need not be told; whatever was, once to each.
      assert.ok(own.length === 2 || (own.length === 0 && status === "cancelled"), status);
      if (status !== "pending") continue;
      waiting++;
      assert.deepEqual(own.map(({ state }) => state), ["sent", "sent"]);
    }
    assert.ok(waiting >= 3, `${waiting} requests wait`);
    await verifiedLog(it.countersign.services.deps, it.org.id);
  }
  kv.close();
  await Deno.remove(folder, { recursive: true });
});
