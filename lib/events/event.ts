import { schedule } from "../ledger/commit.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { eventKey } from "../store/news_keys.ts";
import type { AlertKind } from "../store/records/alert.ts";
import type { EventRecord, EventType, Happening, SwitchScope } from "../store/records/event.ts";

/**
 * The outbox: what happened is a row in the very commit that makes it so, for whoever listens. A cause
 * that did not land has no event, and one that did has it, whatever becomes of the process. Telling it
 * is work for later (`expand.ts`), and so are the words.
 */

/** Every type of event: what causes it, and which alert members get of it, if any. */
export const ALERT_OF = {
  /** Asked: a request waits for its first level. */
  "approval.created": "new_request",
  /** Approved at Level 1: it waits for Level 2. */
  "approval.escalated": "second_level",
  /** Approved at its last level, or denied. */
  "approval.decided": "decided",
  /** Nobody decided in time. */
  "approval.expired": null,
  /** Withdrawn by its requester, or voided by a change of the policy, before or after the decision. */
  "approval.cancelled": null,
  /** An approval that somebody took back. */
  "approval.revoked": null,
  /** An agent asked about a tool that nobody knew: a draft was made of it. */
  "tool.auto_created": null,
  /** An upstream defines an approved tool in another way than before: it is a draft again. */
  "tool.drifted": null,
  /** A credential of the vault goes nowhere until a member connects it again. */
  "credential.needs_reconnect": null,
  /** A run that nobody reported in time. */
  "execution.unknown": null,
  /** Thrown or released, of the org, an agent or a tool. */
  "kill_switch.changed": null,
  /** What became of the question to an end user. */
  "confirmation.resolved": null,
  /** Ended before its time; by a replacement it is not told. */
  "mandate.revoked": null,
  /** So much of a budget is spent, once a window. */
  "budget.threshold": null,
  /** Something cost more than was said, and more than was left. */
  "budget.overrun": null,
  /** Of an endpoint that nothing is sent to any more. */
  "webhook.disabled": null,
} as const satisfies Record<EventType, AlertKind | null>;

/** How long an event is kept after it happened, milliseconds. */
export const EVENT_KEPT_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * Puts an event into the commit of its cause, and the work of telling it. Where nobody is told of such
 * events it writes nothing: the commit checks the policy that says so.
 */
export function writeEvent(transaction: Transaction, happening: Happening): void {
  const { snapshot, now } = transaction;
  const { type } = happening;
  const isAlert = ALERT_OF[type] !== null && snapshot.hasHearers;
  if (!isAlert && !snapshot.isHeardOutside(type)) return;
  const record: EventRecord = {
    id: transaction.id("evt"),
    happening,
    created_at: transaction.at,
    expires_at: now + EVENT_KEPT_MS,
  };
  transaction.set(eventKey(snapshot.orgId, record.id), record, { expireIn: EVENT_KEPT_MS });
  schedule(transaction, { kind: "event_expand", at: now, id: record.id });
}

/** What has a kill switch. */
interface Switched {
  readonly kill_switch: { readonly active: boolean };
}

/**
 * Tells of a kill switch that a change throws or releases, in the commit of that change.
 * @param old null for what is new
 * @param next null for what is removed: it stops nothing any more
 */
export function tellOfSwitch(
  transaction: Transaction,
  { scope, id }: { readonly scope: SwitchScope; readonly id: string },
  old: Switched | null,
  next: Switched | null,
): void {
  const active = next?.kill_switch.active ?? false;
  if (active === (old?.kill_switch.active ?? false)) return;
  writeEvent(transaction, { type: "kill_switch.changed", scope, id, active });
}
