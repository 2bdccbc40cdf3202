import type { Action } from "../base/action.ts";
import type { JsonObject } from "../base/json.ts";
import type { MachineCaller } from "../identity/caller.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { type NamedMandate, nextSeq } from "../mandates/mandate.ts";
import { isLabel, narrow } from "../mandates/narrow.ts";
import { type AskedSeats, seatsOf } from "../mandates/seats.ts";
import { budgetOf, ownScope, usesLeft, usesScope } from "../mandates/counters.ts";
import {
  applyReservation,
  budgeted,
  type Reservation,
  reservedIn,
  type TakenOver,
} from "../mandates/spending.ts";
import type { Resolution } from "../policy/chain.ts";
import type { BudgetRow } from "../store/records/budget.ts";
import type { MandateRecord } from "../store/records/mandate.ts";

/**
 * The part of a decision that a mandate has: what it leaves of the policy's answer, what that costs, and
 * what the entry says of both. A decision without a mandate does not come by here.
 */

/** Under which mandate a decision was made, and what the policy alone said. */
export interface DecidedUnder {
  /** Null for one that is unknown, or not for whoever asked to know of. */
  readonly record: MandateRecord | null;
  /** The number of the entry among those about the mandate; null where it is about none. */
  readonly seq: number | null;
  readonly count: Shared<"mandate_count"> | null;
  /** Whether whoever asks granted it themselves. */
  readonly self_granted: boolean;
  readonly chain: Pick<Resolution, "permission" | "resolved_from" | "rule">;
  /** What counts against the mandate's own budget, with this decision; null where it has none. */
  readonly budget: BudgetRow | null;
  /** How often it may still allow something, with this decision; null for any number of times. */
  readonly uses_left: number | null;
  /** What it counts against limits: counted already where it is allowed. Null for nothing. */
  readonly reservation: Reservation | null;
  /** Who has to approve it; null where nobody has to. */
  readonly seats: AskedSeats | null;
}

/** What a mandate leaves of the policy's answer, and what that costs; it is counted where it is allowed. */
export function decideUnder(
  transaction: Transaction,
  caller: MachineCaller,
  policy: Resolution,
  { named: { id, found }, action, estimate, taken }: {
    readonly named: NamedMandate;
    readonly action: Action;
    readonly estimate: number | null;
    readonly taken: TakenOver | null;
  },
): { readonly resolution: Resolution; readonly mandate: DecidedUnder } {
  const narrowed = narrow(policy, id, found, { action, caller, clocks: transaction });
  const { permission, resolved_from, rule } = policy;
  const chain = { permission, resolved_from, rule };
  if (found === null) {
    const mandate = { ...NONE, chain };
    return { resolution: narrowed, mandate };
  }
  const { record, count, counters } = found;
  const { resolution, reservation, asks } = budgeted(transaction, narrowed, counters, {
    estimate,
    taken,
  });
  if (reservation !== null && resolution.permission === "allowed") {
    applyReservation(transaction, reservation);
  }
  const seq = nextSeq(transaction, count, { isCheck: true });
  const rowOf = (name: string) => {
    const counter = counters.find(({ scope }) => scope === name);
    return counter === undefined ? null : transaction.latest(counter.row);
  };
  const budget = record.budget === null
    ? null
    : budgetOf(record, rowOf(ownScope(record)), transaction.at);
  const uses_left = record.uses === null ? null : usesLeft(record, rowOf(usesScope(record)));
  const self_granted = record.granted_by.id === caller.id;
  // Whoever a mandate that this one was made of wants asked is asked, too.
  const scopes = () => [found, ...found.above].flatMap((terms) => terms.scopes);
  const seats = resolution.permission === "requires_approval"
    ? seatsOf(policy, scopes(), action, asks)
    : null;
  return {
    resolution,
    mandate: { record, seq, count, self_granted, chain, budget, uses_left, reservation, seats },
  };
}

/** Under which mandate something was allowed, and on what. */
export interface AllowedUnder {
  readonly mandate_id: string;
  readonly resource: string | null;
}

/** What these decisions, all of which allow, allow under mandates. */
export function allowedUnder(
  decisions: readonly {
    readonly mandate: Pick<DecidedUnder, "record"> | null;
    readonly action: Pick<Action, "resource">;
  }[],
): AllowedUnder[] {
  return decisions.flatMap(({ mandate, action: { resource } }) => {
    const mandate_id = mandate?.record?.id;
    return mandate_id === undefined ? [] : [{ mandate_id, resource }];
  });
}

const NONE = {
  record: null,
  seq: null,
  count: null,
  self_granted: false,
  budget: null,
  uses_left: null,
  reservation: null,
  seats: null,
} as const;

/**
 * What the entry of a decision says of its mandate, in the order of RFC 8785: nothing that tells an
 * unknown one from another's.
 */
export function underIn(
  { record, seq, self_granted, chain, reservation, seats }: DecidedUnder,
  isAllowed: boolean,
  taken: TakenOver | null,
): JsonObject {
  const { permission, resolved_from, rule } = chain;
  const reserved = isAllowed ? reservedIn(record, reservation?.amounts ?? []) : null;
  const said: JsonObject = {};
  if (record !== null) said.agent_asserted = isLabel(record.agent);
  if (record !== null && record.bundle !== null) {
    const { digest, edition, id } = record.bundle;
    said.bundle = { digest, edition, id };
  }
  said.chain = { permission, resolved_from, rule_id: rule?.id ?? null };
  if (reservation !== null && reservation.estimate !== null) {
    said.estimated_cost_micros = reservation.estimate;
  }
  said.mandate_seq = seq;
  if (reserved !== null) said.reserved = reserved;
  if (seats !== null) said.seats = namesOf(seats);
  if (record !== null) said.self_granted = self_granted;
  // Also where the limits that it counted against are gone: it is no second use.
  if (isAllowed && taken !== null) said.took_over = taken.decision_id;
  return said;
}

/** Whose approval an entry says was required: it does not tell how many members. */
function namesOf({ user, members }: AskedSeats): string[] {
  return [...(user ? ["user"] : []), ...(members ? ["members"] : [])];
}
