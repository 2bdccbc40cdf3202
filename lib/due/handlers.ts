import { cancelForTool, settleDueApproval } from "../approvals/due_approvals.ts";
import { reportDue } from "../executions/report_due.ts";
import type { Services } from "../services.ts";
import type { DueKind, DueWork } from "./schedule.ts";

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
  report_due: reportDue,
};
