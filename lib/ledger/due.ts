import { z } from "zod";
import { dueKey } from "../store/keys.ts";
import type { Transaction } from "./transaction.ts";

/** The kinds of work that must happen at a time. */
export const DUE_KINDS = [
  "approval_ends",
  "approval_lapses",
  "tool_changed",
  "policy_applied",
  "policy_sweep",
  "agent_rotated",
  "report_due",
  "identity_event",
  "passkey_removed",
  "recovery_hold",
  "recovery_letter",
  "alert_new_request",
  "alert_second_level",
  "alert_nearing_expiry",
  "alert_decided",
  "alert_delivery",
  "org_deleted",
  "org_erased",
  "person_erased",
  "member_forgotten",
  "account_orgless",
  "grant_ends",
] as const;

export type DueKind = (typeof DUE_KINDS)[number];

/** Work for one org at one time. Handlers look at the state themselves: doing it twice is harmless. */
export interface DueWork {
  readonly kind: DueKind;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly org: string;
  /** What it is about: an approval's id, a tool's name, a token's id. */
  readonly id: string;
}

/** A row of due work as it is stored. */
export const dueWork: z.ZodType<DueWork> = z.object({
  kind: z.enum(DUE_KINDS),
  at: z.number().int().nonnegative(),
  org: z.string(),
  id: z.string(),
});

/** News of work that is due already, for a worker that no queue wakes. */
export const DUE_NOW = "due now";

/**
 * Puts work into the same commit as its cause: a row that a sweep finds, and, where the platform
 * has queues, a message that arrives at the time. Work for another org goes into its own commits.
 */
export function schedule(
  transaction: Transaction,
  { kind, at, id, org = transaction.snapshot.orgId }:
    & Pick<DueWork, "kind" | "at" | "id">
    & Partial<Pick<DueWork, "org">>,
): void {
  const work: DueWork = { kind, at, org, id };
  transaction.set(dueKey(at, kind, org, id), work);
  if (transaction.deps.queues) {
    transaction.enqueue({ due: work }, Math.max(0, at - transaction.now));
  } else if (at <= transaction.now) {
    transaction.notify(DUE_NOW);
  }
}
