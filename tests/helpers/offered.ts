import { type Offer, Offers } from "../../lib/gateway/definition.ts";
import type { RefusedTool } from "../../lib/store/records/upstream.ts";
import type { ListedTool } from "../../lib/upstreams/port.ts";

/** All that an upstream lists, read: what the catalog can take of it, and what not. */
export function readOffers(
  upstream: Offers["upstream"],
  listed: readonly ListedTool[],
): { readonly offers: Offer[]; readonly refused: readonly RefusedTool[] } {
  const reading = new Offers(upstream);
  return { offers: listed.flatMap((one) => reading.read(one) ?? []), refused: reading.refused };
}
