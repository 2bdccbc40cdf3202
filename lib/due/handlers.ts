import { deliverAlert } from "../alerts/deliver.ts";
import { expandAlert } from "../alerts/expand.ts";
import {
  cancelForAgent,
  cancelForPolicy,
  cancelForTool,
  settleDueApproval,
} from "../approvals/due_approvals.ts";
import { sweepPolicy } from "../catalog/policy_sweep.ts";
import { reportDue } from "../executions/report_due.ts";
import { deliverIdentityEvent } from "../identity/events.ts";
import { clearDeletedOrg } from "../leaving/org.ts";
import { endOrgless } from "../leaving/orgless_accounts.ts";
import type { DueKind, DueWork } from "../ledger/due.ts";
import { endGrantInTime } from "../oauth/grants.ts";
import { eraseOrg } from "../orgs/erase_org.ts";
import { erasePerson, forgetMember } from "../people/erase_person.ts";
import { holdRecovered } from "../people/recovery_holds.ts";
import { tellOwner } from "../people/recovery_letters.ts";
import { deliverRemovedPasskey } from "../people/removed_passkeys.ts";
import type { Services } from "../services.ts";

/**
 * Does work that is due and removes its row, in the commit that does it. Looks at the state by
 * itself: done twice, or by two nodes at once, it counts once.
 */
type DueHandler = (services: Services, work: DueWork) => Promise<void>;

/** Who does which kind of work. */
export const DUE_HANDLERS: Readonly<Record<DueKind, DueHandler>> = {
  approval_ends: settleDueApproval,
  approval_lapses: settleDueApproval,
  tool_changed: cancelForTool,
  policy_applied: cancelForPolicy,
  policy_sweep: sweepPolicy,
  agent_rotated: cancelForAgent,
  report_due: reportDue,
  identity_event: deliverIdentityEvent,
  passkey_removed: deliverRemovedPasskey,
  recovery_hold: holdRecovered,
  recovery_letter: tellOwner,
  alert_new_request: expandAlert,
  alert_second_level: expandAlert,
  alert_nearing_expiry: expandAlert,
  alert_decided: expandAlert,
  alert_delivery: deliverAlert,
  org_deleted: clearDeletedOrg,
  org_erased: eraseOrg,
  person_erased: erasePerson,
  member_forgotten: forgetMember,
  account_orgless: endOrgless,
  grant_ends: endGrantInTime,
};

/** Work that waits for somebody else's server: it must hold up nothing of our own. */
export const OUTSIDE_KINDS: ReadonlySet<DueKind> = new Set([
  "alert_delivery",
  "recovery_letter",
]);
