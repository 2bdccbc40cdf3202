import type { Caller } from "./caller.ts";
import { requireFresh, requireRight, requireUnheld } from "./member_operation.ts";
import type { Right } from "./rights.ts";

/** What an operation asks of a member who calls it. */
export interface Demands {
  readonly right: Right;
  /** Whether a recovery of theirs must not be on hold. */
  readonly unheld?: boolean;
  /** What needs a fresh assertion, beginning a sentence; null when nothing does. */
  readonly fresh?: string | null;
}

/**
 * Asks of a member what an operation demands: the right first, whatever the surface asked before.
 * Of a key it asks nothing, which has its tier.
 * @throws {Refusal} role_required, recovery_held, fresh_assertion_required
 */
export function demand(caller: Caller, { right, unheld = false, fresh = null }: Demands): void {
  if (caller.type !== "member") return;
  requireRight(caller, right);
  if (unheld) requireUnheld(caller);
  if (fresh !== null) requireFresh(caller, fresh);
}
