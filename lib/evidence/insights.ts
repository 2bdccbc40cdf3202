import { canonicalJson } from "../base/canonical.ts";
import type { JsonValue } from "../base/json.ts";
import { DAY_MS, utcDay } from "../ledger/entry.ts";
import type { ApprovalRecord, Progress, Requester } from "../store/records/approval.ts";
import type { DayChecks } from "../store/records/log.ts";

/**
 * The numbers of the Overview, from facts that were read: pure, so that the same facts give the
 * same numbers.
 */

/**
 * The tools that the Quickstart asks for, by a sample and by the first program: what people do to
 * try this out says nothing of how they decide.
 */
export const TRIED_OUT = { sample: "sample.send_greeting", first: "hello_world" } as const;

/** What of a request the numbers are made of, as it stands at the end of the span. */
export type ApprovalFacts = Pick<
  ApprovalRecord,
  | "id"
  | "reference"
  | "progress"
  | "tool_name"
  | "requester"
  | "resolved_from"
  | "rule_id"
  | "created_at"
  | "decisions"
>;

/** What the numbers are made of. */
export interface InsightFacts {
  /** The newest first; also from before the span, as far as they may have ended in it. */
  readonly approvals: readonly ApprovalFacts[];
  /** What waits now, the oldest first. */
  readonly waiting: readonly ApprovalFacts[];
  readonly checks: readonly DayChecks[];
  /** Whether there were more than could be looked at: then the oldest are missing. */
  readonly truncated: { readonly approvals: boolean; readonly checks: boolean };
}

/** How often what happened. */
interface Tally {
  allowed: number;
  requires_approval: number;
  disabled: number;
  approved: number;
  denied: number;
  expired: number;
}

/** One UTC day; approvals count on the day of their outcome. */
interface InsightDay extends Readonly<Tally> {
  /** `2026-01-31` */
  readonly day: string;
  /** Its start, milliseconds. */
  readonly at: number;
}

interface NoisyRule extends Pick<ApprovalFacts, "resolved_from" | "rule_id"> {
  /** The tool that asked for it by its own default, where no rule did. */
  readonly tool_name: string | null;
  readonly count: number;
}

/** The numbers of the Overview page. */
export interface Insights {
  readonly span: Span;
  readonly waiting: {
    readonly count: number;
    readonly oldest:
      | Pick<ApprovalFacts, "id" | "reference" | "tool_name" | "created_at">
      | null;
  };
  /** Every day of the span, the oldest first. */
  readonly days: readonly InsightDay[];
  readonly totals: Readonly<Tally>;
  /** Requests made in the span. */
  readonly made: number;
  /** Requests made in the span to try this out, which no number here counts. */
  readonly tried_out: number;
  /** From asking to the last level's decision, of what was decided in the span; null for none. */
  readonly median_seconds: number | null;
  /** Which part (0 to 1) of all levels' decisions came too fast to have been read. */
  readonly quick_share: number | null;
  /** Which part (0 to 1) of what was decided or expired in the span expired. */
  readonly expiry_rate: number | null;
  readonly noisiest_requester: (Requester & { readonly count: number }) | null;
  readonly noisiest_rule: NoisyRule | null;
  readonly truncated: InsightFacts["truncated"];
}

/** A decision within this time of its level's beginning was made without reading, milliseconds. */
const QUICK_MS = 3000;

/** The numbers of a span, from what was read of it. */
export function foldInsights(facts: InsightFacts, span: Span): Insights {
  const { waiting, checks, truncated } = facts;
  const within = (at: number) => at >= span.since && at <= span.until;
  const approvals = facts.approvals.filter((request) => !isTriedOut(request));
  const tried = facts.approvals.filter(isTriedOut);
  const days = emptyDays(span);
  const first = utcDay(span.since);
  const dayOf = (day: number) => days[day - first];
  for (const { day, allowed, requires_approval, disabled } of checks) {
    const tally = dayOf(day);
    if (tally === undefined) continue;
    tally.allowed += allowed;
    tally.requires_approval += requires_approval;
    tally.disabled += disabled;
  }
  const seconds: number[] = [];
  for (const { progress, created_at } of approvals) {
    const outcome = outcomeOf(progress);
    const tally = outcome === null || !within(outcome.at) ? undefined : dayOf(utcDay(outcome.at));
    if (outcome === null || tally === undefined) continue;
    tally[outcome.kind]++;
    if (outcome.kind !== "expired") seconds.push((outcome.at - created_at) / 1000);
  }
  const times = approvals.flatMap(decisionTimes).filter(({ at }) => within(at));
  const quick = times.filter(({ took }) => took < QUICK_MS).length;
  const made = approvals.filter(({ created_at }) => within(created_at));
  const totals = summed(days);
  const [oldest] = waiting;
  return {
    span,
    waiting: { count: waiting.length, oldest: oldest === undefined ? null : briefly(oldest) },
    days,
    totals,
    made: made.length,
    tried_out: tried.filter(({ created_at }) => within(created_at)).length,
    median_seconds: median(seconds),
    quick_share: share(quick, times.length),
    expiry_rate: share(totals.expired, totals.approved + totals.denied + totals.expired),
    noisiest_requester: noisiestRequester(made),
    noisiest_rule: noisiestRule(made),
    truncated,
  };
}

function isTriedOut({ tool_name }: Pick<ApprovalFacts, "tool_name">): boolean {
  return Object.values<string>(TRIED_OUT).includes(tool_name);
}

/** How a request ended, and when that was settled; null while it is open, and when it was withdrawn. */
function outcomeOf(
  progress: Progress,
): { readonly kind: "approved" | "denied" | "expired"; readonly at: number } | null {
  switch (progress.state) {
    case "pending":
      return null;
    case "denied":
      return { kind: "denied", at: progress.decided_at };
    case "expired":
      return { kind: "expired", at: progress.ended_at };
    default: {
      // What was approved stays so in these numbers, whatever became of it afterwards.
      const { decided_at } = progress;
      return decided_at === null ? null : { kind: "approved", at: decided_at };
    }
  }
}

/** How long each level took, counted from when its request could first be seen. */
function decisionTimes(
  { created_at, decisions }: ApprovalFacts,
): { readonly at: number; readonly took: number }[] {
  return decisions.map(({ at }, i) => ({ at, took: at - (decisions[i - 1]?.at ?? created_at) }));
}

function emptyDays(span: Span): (Tally & { readonly day: string; readonly at: number })[] {
  return Array.from({ length: span.days }, (_, i) => {
    const day = utcDay(span.since) + i;
    return { day: dayText(day), at: day * DAY_MS, ...noTally() };
  });
}

function noTally(): Tally {
  return { allowed: 0, requires_approval: 0, disabled: 0, approved: 0, denied: 0, expired: 0 };
}

function summed(days: readonly InsightDay[]): Tally {
  const totals = noTally();
  for (const day of days) {
    for (const name of Object.keys(totals) as (keyof Tally)[]) totals[name] += day[name];
  }
  return totals;
}

function briefly({ id, reference, tool_name, created_at }: ApprovalFacts) {
  return { id, reference, tool_name, created_at };
}

function noisiestRequester(made: readonly ApprovalFacts[]): Insights["noisiest_requester"] {
  const found = mostFrequent(made.map(({ requester }) => requester), ({ type, id }) => [type, id]);
  return found === null ? null : { ...found.value, count: found.count };
}

function noisiestRule(made: readonly ApprovalFacts[]): NoisyRule | null {
  const rules = made.map(({ resolved_from, rule_id, tool_name }) => ({
    resolved_from,
    rule_id,
    tool_name: rule_id === null ? tool_name : null,
  }));
  const found = mostFrequent(rules, (rule) => [rule.resolved_from, rule.rule_id, rule.tool_name]);
  return found === null ? null : { ...found.value, count: found.count };
}

/** The middle one of some numbers; between two, their mean. Null of none. */
export function median(numbers: readonly number[]): number | null {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) return null;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/**
 * The value that occurs most often, told apart by a name for each, as it occurs first, and how
 * often. Of several equally frequent ones the one whose name sorts first, so that the same facts
 * give the same answer in any order.
 */
export function mostFrequent<T>(
  values: readonly T[],
  nameOf: (value: T) => JsonValue,
): { readonly value: T; readonly count: number } | null {
  const counts = new Map<string, { readonly value: T; count: number }>();
  for (const value of values) {
    const name = canonicalJson(nameOf(value));
    const known = counts.get(name);
    if (known === undefined) counts.set(name, { value, count: 1 });
    else known.count++;
  }
  const [first] = [...counts].sort(([a, of], [b, or]) => or.count - of.count || (a < b ? -1 : 1));
  return first?.[1] ?? null;
}

/** Whole UTC days up to now; the last one is not over. */
interface Span {
  /** Start of the first day, milliseconds. */
  readonly since: number;
  /** Now, milliseconds. */
  readonly until: number;
  readonly days: number;
}

/** The `days` UTC days that end with the one `now` is in. */
export function spanOf(now: number, days: number): Span {
  return { since: (utcDay(now) - days + 1) * DAY_MS, until: now, days };
}

/** The date that a day is written as: `2026-01-31`. */
function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}
