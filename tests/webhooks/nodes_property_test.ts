import fc from "fast-check";
import assert from "node:assert/strict";
import { LEASE_MS } from "../../lib/events/deliver.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import { HOUR } from "../helpers/alerted.ts";
import { Countersign } from "../helpers/countersign.ts";
import { runs } from "../helpers/property_runs.ts";
import { WebhookOrg } from "./webhook_org.ts";

/** What may happen next: something to tell, a node that works, time that passes, a host's mood. */
const step = fc.oneof(
  fc.record({ does: fc.constant("ask" as const) }),
  fc.record({ does: fc.constant("sweep" as const), nodes: fc.constantFrom("a", "b", "ab", "aab") }),
  fc.record({ does: fc.constant("wait" as const), ms: fc.constantFrom(0, 5000, LEASE_MS, HOUR) }),
  fc.record({
    does: fc.constant("answers" as const),
    status: fc.constantFrom(200, 204, 500, 503, null),
  }),
);

Deno.test("in any interleaving of two nodes each event arrives at least once, by its one id, and is noted so", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const kv = await Deno.openKv(":memory:");
      {
        await using world = await WebhookOrg.start({ kv });
        const { it, it: { countersign: { clock, secret, services } }, receivers } = world;
        await using node = await Countersign.start({
          kv,
          clock,
          secret,
          deps: { hosts: receivers.fetch },
        });
        const { record } = await world.webhook();
        const arrived = new Map<string, Set<string>>();
        let status: number | null = 200;
        receivers.answer = ({ headers, body }) => {
          if (status === null) throw new Error("the process is about to end");
          const ids = arrived.get(JSON.parse(body).data.approval) ?? new Set();
          if (status < 300) ids.add(headers["webhook-id"] ?? "");
          arrived.set(JSON.parse(body).data.approval, ids);
          return { status };
        };
        const asked: string[] = [];
        const work = async (nodes: string) => {
          await Promise.all(
            [...nodes].map((name) => sweep(name === "a" ? services : node.services, clock.now)),
          );
        };
        for (const next of steps) {
          if (next.does === "ask") {
            asked.push((await it.pending({ method: `M${asked.length}` })).id);
          } else if (next.does === "sweep") await work(next.nodes);
          else if (next.does === "wait") clock.advance(next.ms);
          else status = next.status;
        }
        status = 200;
        for (let turn = 0; turn < 40; turn++) {
          await work(turn % 2 === 0 ? "ab" : "b");
          clock.advance(HOUR);
        }
        const deliveries = await world.deliveries(record.id);
        assert.equal(deliveries.length, asked.length);
        for (const { state } of deliveries) assert.equal(state, "sent");
        for (const id of asked) assert.equal(arrived.get(id)?.size, 1, id);
      }
      kv.close();
    }),
    runs(15),
  );
});
