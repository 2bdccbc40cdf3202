import { demand } from "../identity/acting.ts";
import { actorOf } from "../identity/caller.ts";
import type { MemberOperation } from "../identity/member_operation.ts";
import { alertPreferenceKey } from "../store/keys.ts";
import { type Kv, readRecord } from "../store/kv.ts";
import {
  ALERT_KINDS,
  type AlertKind,
  type AlertPreference,
  alertPreference,
  type Channel,
} from "../store/records/alert.ts";

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
