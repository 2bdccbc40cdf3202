import { afterGuards, beforeGuards } from "../guards/guards.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { assertOrgGuarded, demand } from "../identity/deeds.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { AfterGuard, BeforeGuard, Guards } from "../store/records/guards.ts";
import type { OrgRecord, ToolRecord } from "../store/records/policy.ts";
import { writeOrg } from "./org_settings.ts";
import type { Written } from "./record_change.ts";

/** The guards of all tools of an org that have none of that kind of their own. */

/**
 * Makes them what is named, and nothing else.
 * @throws {Refusal} owner_required for a key that loosens them once an owner has a passkey;
 *   role_required, recovery_held, fresh_assertion_required
 */
export function changeGuards(
  guards: Guards,
  request_id: string,
): CallerOperation<void, Written<OrgRecord>> {
  return {
    plan(transaction, caller) {
      const { guards: _before, ...rest } = transaction.snapshot.org;
      const isNone = (guards.before ?? []).length + (guards.after ?? []).length === 0;
      const next: OrgRecord = isNone ? rest : { ...rest, guards };
      assertOrgGuarded(transaction.snapshot, caller, next);
      demand(caller, "configure");
      return writeOrg(transaction, { caller, request_id }, next);
    },
  };
}

/** What looks at calls of a tool, off or not: its own, its org's, and what is there without a word. */
export function guardsInForce(
  { org }: Pick<Snapshot, "org">,
  tool: Pick<ToolRecord, "guards" | "upstream"> | null,
): { readonly before: BeforeGuard[]; readonly after: AfterGuard[] } {
  return { before: beforeGuards(org, tool), after: afterGuards(org, tool) };
}
