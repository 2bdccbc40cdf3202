import { z } from "zod";
import { absoluteWords } from "../../../components/time.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import {
  listDeliveries,
  type Recovered,
  recoverEndpoint,
  replayDelivery,
} from "../../../lib/endpoints/again.ts";
import { deliveryId } from "../../../lib/endpoints/delivery.ts";
import type { EndpointWay } from "../../../lib/endpoints/way.ts";
import { invalidRequest } from "../../../lib/refusal.ts";
import type { PrivateHosts } from "../../../lib/outside/addresses.ts";
import { demand } from "../../../lib/identity/deeds.ts";
import type { Kv } from "../../../lib/store/kv.ts";
import type { EndpointDelivery, EndpointFields } from "../../../lib/store/records/endpoint.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optionalTime, text } from "../../dashboard/form.ts";
import { action } from "../../dashboard/page.ts";
import { pageById, pageQuery } from "../../fields/paging.ts";
import type { ShownDeliveries } from "./endpoint_parts.tsx";

/** What the pages of webhooks and channels ask of the rest alike. */

export type EndpointPath = "/notifications/webhooks/:id" | "/notifications/channels/:id";

/** Rows of a page of deliveries: the form that changes the endpoint comes after them. */
const SHOWN = 20;

/** How the page of an endpoint is narrowed. */
export const deliveriesQuery = z.strictObject({
  cursor: pageQuery.cursor,
  show: z.enum(["failed"]).optional(),
});

type Call = MemberCall<{ readonly id: string }, z.output<typeof deliveriesQuery>>;

/** By what request an endpoint is written, and which hosts may be private. */
export function writeOf(
  { id, services }: MemberCall<unknown, unknown>,
): { readonly request_id: string; readonly named: PrivateHosts } {
  return { request_id: id, named: services.settings.private_hosts };
}

/**
 * Asks whether the member may have something sent outside now: what is sent once more changes
 * nothing here, and still goes to somebody else.
 * @throws {Refusal} role_required, recovery_held
 */
export async function mayReach(call: MemberCall<unknown, unknown>): Promise<void> {
  await call.transact({ plan: (_transaction, caller) => demand(caller, "configure") });
}

/** How many deliveries are looked through for those that failed. */
const LOOKED_THROUGH = 1000;

/** What was sent to the endpoint of a page, as the page shows it. */
export async function deliveriesShown(call: Call): Promise<ShownDeliveries> {
  const { query: { show, cursor }, params: { id }, org, services: { deps: { kv } } } = call;
  const failedOnly = show === "failed";
  const { items, next_cursor } = await pageById(
    failedOnly
      ? ({ limit }) => failedOf(kv, org, id, limit)
      : (span) => listDeliveries(kv, org, id, span).then(named),
    { limit: SHOWN, cursor },
  );
  const tries = items.flatMap(({ attempts }) => attempts).filter(({ error }) => error !== null);
  return {
    deliveries: items,
    next_cursor: failedOnly ? null : next_cursor,
    isFirst: cursor === undefined,
    failedOnly,
    lastFailed: tries.toSorted((a, b) => b.at - a.at)[0] ?? null,
  };
}

/** The newest that failed, of those that are looked through. */
async function failedOf(kv: Kv, org: string, endpoint: string, limit: number) {
  const found = await listDeliveries(kv, org, endpoint, { after: null, limit: LOOKED_THROUGH });
  return named(found.filter(({ state }) => state === "failed").slice(0, limit));
}

/** With the id that a page is gone on by. */
function named(deliveries: readonly EndpointDelivery[]) {
  return deliveries.map((delivery) => ({ ...delivery, id: deliveryId(delivery) }));
}

/** What is sent again on the page of an endpoint of either kind. */
export function againActions<E extends EndpointFields>(way: EndpointWay<E>, page: EndpointPath) {
  return {
    recover: action(z.strictObject({ since: optionalTime }), async (call: Call, { since }) => {
      const { id } = call.params;
      if (since === null) throw invalidRequest("/since", "must not be empty");
      const recovered = await call.transact(recoverEndpoint(way, id, since));
      return { to: pagePath(page, { id }), notice: recoveredWords(recovered) };
    }),
    replay: action(
      z.strictObject({ delivery: text(z.string().max(64)) }),
      async (call: Call, { delivery }) => {
        const { id } = call.params;
        await call.transact(replayDelivery(way, id, delivery));
        return { to: pagePath(page, { id }), notice: "It is sent once more." };
      },
    ),
  };
}

function recoveredWords({ queued, more_since }: Recovered): string {
  if (queued === 0) return "There was nothing to send again.";
  const sent = queued === 1
    ? "One delivery is sent again."
    : `${queued} deliveries are sent again.`;
  if (more_since === null) return sent;
  return `${sent} That is as many as go at once: recover again since ${absoluteWords(more_since)}.`;
}
