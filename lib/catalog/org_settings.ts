import { tellOfSwitch } from "../events/event.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { type Caller, ownerEnrolled } from "../identity/caller.ts";
import { assertKillSwitch, demand } from "../identity/deeds.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { orgWidens } from "../policy/widening.ts";
import { Refusal } from "../refusal.ts";
import { orgKey } from "../store/keys.ts";
import type { OrgRecord } from "../store/records/policy.ts";
import { type Author, writeChange, type Written } from "./record_change.ts";

/**
 * The settings of an org, and its kill switch. What lets more through is an owner's to change.
 */

const ORG_FIELDS = [
  "name",
  "approval_timeout_seconds",
  "approval_use_seconds",
  "report_within_seconds",
  "discovery",
  "discovery_max_per_hour",
  "discovery_max_per_caller_per_hour",
  "discovery_max_untriaged",
  "retain_arguments",
  "separation_of_duties",
  "strict_levels",
  "api_decisions",
  "confirm_by",
  "allow_personal_ids",
  "recovery_hold_hours",
  "budget_alert_percent",
  "allowly",
  "register_from_policies",
  "kill_switch",
] as const satisfies readonly (keyof OrgRecord)[];

/** What of an org is to be another way; what is absent stays. */
export type OrgChange = Partial<Pick<OrgRecord, typeof ORG_FIELDS[number]>>;

/**
 * Changes the settings of an org. What lets more through is for owners, under a fresh assertion: a key
 * only narrows; until an owner has a passkey it releases a kill switch, and has policies register.
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
      const next: OrgRecord = { ...old, ...change, ...choiceOf(old, change, caller) };
      assertKillSwitch(snapshot, caller, old.kill_switch, next.kill_switch);
      if (orgWidens(old, next)) {
        const what = "A setting that lets more through";
        demand(caller, "loosen_settings", what);
        // These a key changes until an owner has a passkey.
        const { kill_switch } = old;
        const register_from_policies = ownerEnrolled(snapshot)
          ? next.register_from_policies
          : old.register_from_policies;
        const rest = { ...next, kill_switch, register_from_policies };
        if (caller.type !== "member" && orgWidens(old, rest)) {
          throw new Refusal("owner_required", { what });
        }
      }
      demand(caller, "configure");
      return writeOrg(transaction, { caller, request_id }, next);
    },
  };
}

/** Who chose that a missing second level is skipped: whoever says so first, until it is strict again. */
function choiceOf(
  { strict_levels_by }: OrgRecord,
  { strict_levels }: OrgChange,
  { id }: Caller,
): Pick<OrgRecord, "strict_levels_by"> {
  if (strict_levels === undefined) return { strict_levels_by };
  return { strict_levels_by: strict_levels ? null : strict_levels_by ?? id };
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

/** Puts a change of an org into the commit; what it needs has been asked before. */
export function writeOrg(
  transaction: Transaction,
  author: Author,
  next: OrgRecord,
): Written<OrgRecord> {
  const old = transaction.snapshot.org;
  tellOfSwitch(transaction, { scope: "org", id: old.id }, old, next);
  const written = writeChange(transaction, author, {
    noun: "org",
    key: orgKey(old.id),
    subject: { org: old.id },
    old,
    next,
    fields: [...ORG_FIELDS, "strict_levels_by", "guards"],
  });
  return {
    record: written ? next : old,
    created: false,
    policy_version: transaction.policyVersion,
  };
}
