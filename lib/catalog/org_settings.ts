import type { CallerOperation } from "../identity/caller_operation.ts";
import { assertKillSwitch } from "../identity/kill_switch.ts";
import { demand } from "../identity/member_demands.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusals/refusal.ts";
import { orgKey } from "../store/keys.ts";
import type { OrgRecord } from "../store/records/policy.ts";
import { type Author, writeChange, type Written } from "./record_change.ts";
import { orgWidens } from "./widening.ts";

const ORG_FIELDS = [
  "name",
  "approval_timeout_seconds",
  "approval_use_seconds",
  "report_within_seconds",
  "discovery",
  "retain_arguments",
  "separation_of_duties",
  "strict_levels",
  "api_decisions",
  "allow_personal_ids",
  "recovery_hold_hours",
  "kill_switch",
] as const satisfies readonly (keyof OrgRecord)[];

/** What of an org is to be another way; what is absent stays. */
export type OrgChange = Partial<Pick<OrgRecord, typeof ORG_FIELDS[number]>>;

/**
 * Changes the settings of an org. What lets more through is for owners, under a fresh assertion.
 * @throws {Refusal} owner_required for what a key may not change; role_required, recovery_held,
 *   fresh_assertion_required
 */
export function changeOrg(
  change: OrgChange,
  request_id: string,
): CallerOperation<void, Written<OrgRecord>> {
  return {
    plan(transaction, caller) {
      const { snapshot } = transaction;
      const old = snapshot.org;
      const next: OrgRecord = { ...old, ...change };
      if (caller.type !== "member" && next.allow_personal_ids !== old.allow_personal_ids) {
        throw new Refusal("owner_required", { what: "Allowing personal ids" });
      }
      assertKillSwitch(snapshot, caller, old.kill_switch, next.kill_switch);
      if (orgWidens(old, next)) {
        demand(caller, "loosen_settings", "A setting that lets more through");
      }
      demand(caller, "configure");
      return writeOrg(transaction, { caller, request_id }, next);
    },
  };
}

/** Stops everything in the org: its kill switch, by whoever may throw it. @throws {Refusal} role_required */
export function stopOrg(
  reason: string | null,
  request_id: string,
): CallerOperation<void, Written<OrgRecord>> {
  return {
    plan(transaction, caller) {
      demand(caller, "stop");
      const next = { ...transaction.snapshot.org, kill_switch: { active: true, reason } };
      return writeOrg(transaction, { caller, request_id }, next);
    },
  };
}

function writeOrg(transaction: Transaction, author: Author, next: OrgRecord): Written<OrgRecord> {
  const old = transaction.snapshot.org;
  const written = writeChange(transaction, author, {
    noun: "org",
    key: orgKey(old.id),
    subject: { org: old.id },
    old,
    next,
    fields: ORG_FIELDS,
  });
  return {
    record: written ? next : old,
    created: false,
    policy_version: transaction.policyVersion,
  };
}
