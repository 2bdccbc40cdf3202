import type { MemberOperation } from "../identity/acting.ts";
import { actorOf } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import type { Services } from "../services.ts";
import { type Kv, listRecords, readRecord } from "../store/kv.ts";
import { alertDeliveryPrefix, alertPreferenceKey } from "../store/news_keys.ts";
import {
  ALERT_KINDS,
  type AlertDelivery,
  alertDelivery,
  type AlertKind,
  type AlertPreference,
  alertPreference,
  type Channel,
} from "../store/records/alert.ts";

/**
 * Which alerts a member wants, and what became of those that were sent.
 */

/** What members hear who have not chosen. */
export const DEFAULT_PREFERENCE: AlertPreference = {
  mail: { new_request: true, second_level: true, nearing_expiry: true, decided: false },
  push: { new_request: true, second_level: true, nearing_expiry: true, decided: true },
};

/** Which alerts a member wants. @throws {MalformedRecord} */
export async function readPreference(
  kv: Kv,
  org: string,
  member: string,
): Promise<AlertPreference> {
  const record = await readRecord(kv, alertPreferenceKey(org, member), alertPreference);
  return record?.value ?? DEFAULT_PREFERENCE;
}

/** Sets which alerts the caller gets in this org. */
export function setPreference(
  preference: AlertPreference,
  requestId: string,
): MemberOperation<void, AlertPreference> {
  return {
    plan(transaction, caller) {
      demand(caller, "choose_alerts");
      transaction.set(alertPreferenceKey(caller.org, caller.id), preference);
      transaction.append({
        type: "alert_preference.set",
        actor: actorOf(caller),
        subject: { member: caller.id },
        data: {
          mail: wanted(preference, "mail"),
          push: wanted(preference, "push"),
          request_id: requestId,
        },
      });
      return preference;
    },
  };
}

function wanted(preference: AlertPreference, channel: Channel): AlertKind[] {
  return ALERT_KINDS.filter((kind) => preference[channel][kind]);
}

/** Which deliveries are asked for. */
interface DeliveryQuery {
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
