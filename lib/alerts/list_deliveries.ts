import type { Services } from "../services.ts";
import { alertDeliveryPrefix } from "../store/keys.ts";
import { listRecords } from "../store/kv.ts";
import { type AlertDelivery, alertDelivery } from "../store/records/alert.ts";

/** Which deliveries are asked for. */
export interface DeliveryQuery {
  /** Only those that failed for good. */
  readonly failed?: boolean;
  /** Only those to one member. */
  readonly member?: string;
  /** At most so many; 100 when absent. */
  readonly limit?: number;
}

/** The deliveries of an org's alerts of the last 30 days, the newest first. @throws {MalformedRecord} */
export async function listDeliveries(
  { deps }: Pick<Services, "deps">,
  org: string,
  { failed = false, member, limit = 100 }: DeliveryQuery = {},
): Promise<AlertDelivery[]> {
  const found: AlertDelivery[] = [];
  const selector = { prefix: alertDeliveryPrefix(org) };
  const now = deps.now();
  for await (const { value } of listRecords(deps.kv, selector, alertDelivery, { reverse: true })) {
    // The store drops a row some time after its end.
    if (value.expires_at <= now) break;
    if (failed && value.state !== "failed") continue;
    if (member !== undefined && value.member !== member) continue;
    found.push(value);
    if (found.length === limit) break;
  }
  return found;
}
