import type { ComponentChildren } from "preact";

export interface DecisionBarProps {
  /** The button that denies. */
  readonly deny: ComponentChildren;
  /** The button that approves. */
  readonly approve: ComponentChildren;
  /** Why it is locked, how long it waits. */
  readonly status?: ComponentChildren;
}

/** The two decisions, at the bottom edge, under the thumb, apart from each other. */
export function DecisionBar({ deny, approve, status }: DecisionBarProps) {
  return (
    <div class="decision-bar" role="group" aria-label="Decision">
      {status !== undefined && <div class="decision-status">{status}</div>}
      <div class="decision-buttons">
        <div class="decision-deny">{deny}</div>
        <div class="decision-approve">{approve}</div>
      </div>
    </div>
  );
}
