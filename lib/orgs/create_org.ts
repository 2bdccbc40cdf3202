import { logOrigin } from "../checkpoint/origin.ts";
import type { Deps } from "../deps.ts";
import type { Actor } from "../ledger/entry.ts";
import { makeLogKey } from "../ledger/log_keys.ts";
import type { Operation } from "../ledger/operation.ts";
import { logKeyKey, orgKey } from "../store/keys.ts";
import type { OrgRecord } from "../store/records/policy.ts";

/** How long a new org holds who recovered their account. */
export const NEW_ORG_HOLD_HOURS = 24;

/** The settings that a new org starts with. */
export function newOrgRecord(id: string, name: string, host: string, at: number): OrgRecord {
  return {
    id,
    name,
    log_origin: logOrigin(host, id),
    approval_timeout_seconds: 3600,
    approval_use_seconds: 900,
    report_within_seconds: 3600,
    discovery: "all",
    retain_arguments: true,
    separation_of_duties: false,
    strict_levels: true,
    strict_levels_by: null,
    api_decisions: true,
    allow_personal_ids: false,
    recovery_hold_hours: NEW_ORG_HOLD_HOURS,
    kill_switch: { active: false, reason: null },
    created_at: at,
  };
}

/**
 * The operation that makes an org: its record, the key that signs its log, and the first entry of
 * that log. Does nothing when the org is there already; answers whether it made one.
 */
export async function createOrgOperation(
  deps: Deps,
  org: { id: string; name: string; host: string },
  actor: Actor,
): Promise<Operation<void, boolean>> {
  const key = await makeLogKey(deps, org.id, deps.now());
  return {
    plan(transaction) {
      if (transaction.snapshot.exists) return false;
      const record = newOrgRecord(org.id, org.name, org.host, transaction.at);
      transaction.setPolicy(orgKey(org.id), record);
      transaction.set(logKeyKey(org.id, key.kid), key);
      transaction.append({
        type: "org.created",
        actor,
        subject: { org: org.id },
        data: { name: org.name, log_origin: record.log_origin, log_key: key.kid },
      });
      return true;
    },
  };
}
