import type { Action } from "../base/action.ts";
import type { Resolution } from "../policy/chain.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import type { Scope } from "../store/records/mandate.ts";
import type { ConfirmBy } from "../store/records/user.ts";
import { decisionsOf } from "./conditions.ts";
import { speaksOf } from "./narrow.ts";

/**
 * Whom an action under a mandate is put before: the user, members of the organization, or the one and
 * then the other. Whoever any of the policy, the mandate and its budgets wants asked is asked. Pure.
 */

/** Who has to approve an action. */
export interface AskedSeats {
  readonly user: boolean;
  readonly members: boolean;
  /** Who may say yes for the user, by the scopes that speak of the action. */
  readonly confirm_by: ConfirmBy;
}

/**
 * Who has to approve an action that requires an approval under a mandate.
 * @param chain what the policy alone says
 * @param asks whether it passes a soft limit of what it may cost
 */
export function seatsOf(
  { permission, tool }: Pick<Resolution, "permission" | "tool">,
  scopes: readonly Scope[],
  action: Pick<Action, "tool" | "arguments">,
  asks: boolean,
): AskedSeats {
  const speaking = speaksOf(scopes, action.tool, tool);
  const said = speaking.flatMap(({ decision, conditions }) =>
    decisionsOf(decision, conditions, action.arguments)
  );
  const isStrict = speaking.some(({ confirm_by }) => confirm_by === "passkey");
  return {
    user: asks || said.includes("confirm"),
    members: permission === "requires_approval" || said.includes("escalate"),
    confirm_by: isStrict ? "passkey" : "app",
  };
}

/** Whether everybody was asked, and as they have to be, of whom the policy and the mandate require it. */
export function coversSeats(
  { user_seat, levels }: Pick<ApprovalRecord, "user_seat" | "levels">,
  seats: AskedSeats | null,
): boolean {
  if (seats === null) return true;
  const { user, members, confirm_by } = seats;
  // What the application said for the user is not what their own passkey says.
  const isUsers = user_seat !== null &&
    (confirm_by === "app" || (user_seat.answer?.asserted_by ?? null) === null);
  return (!user || isUsers) && (!members || levels > 0);
}
