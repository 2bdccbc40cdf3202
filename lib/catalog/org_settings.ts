import type { CallerOperation } from "../identity/caller_operation.ts";
import { Refusal } from "../refusals/refusal.ts";
import { orgKey } from "../store/keys.ts";
import type { OrgRecord } from "../store/records/policy.ts";
import { assertKillSwitch } from "./kill_switch.ts";
import { writeChange, type Written } from "./record_change.ts";

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
  "kill_switch",
] as const satisfies readonly (keyof OrgRecord)[];

/** What of an org is to be another way; what is absent stays. */
export type OrgChange = Partial<Pick<OrgRecord, typeof ORG_FIELDS[number]>>;

/**
 * Changes the settings of an org by a key.
 * @throws {Refusal} owner_required for what only an owner may change
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
      if (next.allow_personal_ids !== old.allow_personal_ids) {
        throw new Refusal("owner_required", { what: "Allowing personal ids" });
      }
      assertKillSwitch(snapshot, old.kill_switch, next.kill_switch);
      const written = writeChange(transaction, { caller, request_id }, {
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
    },
  };
}
