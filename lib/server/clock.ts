import type { MemberOperation } from "../identity/acting.ts";
import { actorOf } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import { type ClockDoubt, type ClockJump, isAhead, type ProcessClock } from "../ledger/clock.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Operation, Reader, Transaction } from "../ledger/transaction.ts";
import { clockAcceptedKey, logHeadKey } from "../store/keys.ts";
import { type LogHead, logHead } from "../store/records/log.ts";

/**
 * Accepting the clock: when log and clock disagree, an owner, or who operates the deployment, says
 * that the clock is right.
 */

/** A jump of the clock that nobody has accepted, as one org meets it. */
export interface OpenJump extends ClockJump {
  /** Why it is one: `jumped` alone refuses nothing. */
  readonly why: ClockDoubt | "jumped";
}

/** What there is to accept in an org; null when log and clock agree. */
export function openJump(clock: ProcessClock): MemberOperation<LogHead | null, OpenJump | null> {
  return {
    load: loadHead,
    plan: ({ now }, _, head) => jumpOf(clock, head, now),
  };
}

/** Reads the head as it is: this process may not have looked at the log for long. */
async function loadHead(reader: Reader): Promise<LogHead | null> {
  return (await reader.peek(logHeadKey(reader.snapshot.orgId), logHead))?.value ?? null;
}

function jumpOf(clock: ProcessClock, head: LogHead | null, to: number): OpenJump | null {
  if (head !== null && isAhead(head, to)) return { why: "ahead", from: head.at, to };
  if (clock.hasDrifted) return { why: "drifted", from: Math.round(clock.expected), to };
  return clock.jumped === null ? null : { why: "jumped", from: clock.jumped.from, to };
}

/**
 * An owner says that the clock is right. The log goes on from where it is, and what a clock that was
 * ahead had set deadlines for is over. Answers null when there is nothing to accept.
 * @throws {Refusal} role_required, recovery_held, fresh_assertion_required
 */
export function acceptClockAsOwner(
  clock: ProcessClock,
  requestId: string,
): MemberOperation<LogHead | null, OpenJump | null> {
  return {
    despite: ["ahead", "drifted"],
    load: loadHead,
    plan(transaction, caller, head) {
      demand(caller, "accept_clock", "Accepting the clock");
      const jump = jumpOf(clock, head, transaction.now);
      if (jump !== null) accept(transaction, jump, actorOf(caller), { request_id: requestId });
      return jump;
    },
  };
}

/** The same by whoever operates the deployment. */
export function acceptClockAsOperator(
  clock: ProcessClock,
): Operation<LogHead | null, OpenJump | null> {
  return {
    despite: ["ahead", "drifted"],
    load: loadHead,
    plan(transaction, head) {
      const jump = jumpOf(clock, head, transaction.now);
      if (jump !== null) accept(transaction, jump, { type: "system", id: "operator" }, {});
      return jump;
    },
  };
}

function accept(
  transaction: Transaction,
  { from, to }: ClockJump,
  actor: Actor,
  data: { readonly request_id?: string },
): void {
  transaction.append({
    type: "clock.accepted",
    actor,
    subject: {},
    data: { ...data, from: new Date(from).toISOString(), to: new Date(to).toISOString() },
  });
  transaction.set(clockAcceptedKey(), { at: to });
  transaction.acceptClock({ from, to });
}
