import { allAtOnce } from "../base/at_once.ts";
import type { Ground } from "../ledger/grounds.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Reader } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { keyText } from "../store/kv.ts";
import { budgetKey, bundleEditionKey, mandateCountKey, mandateKey } from "../store/mandate_keys.ts";
import type { BudgetRow, Period } from "../store/records/budget.ts";
import type { MandateRecord, Scope } from "../store/records/mandate.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import { available, current, fresh } from "./budget.ts";
import { type MandateTerms, speaksOf } from "./narrow.ts";

/**
 * What a mandate has to do with an action: which of its scopes speak of it, which limits it counts
 * against, and the rows that count for them.
 */

/** One limit that an action under a mandate may count against. */
export interface Counter {
  /** The name of its row: `org`, `user:…`, `mandate:…`. */
  readonly scope: string;
  readonly row: Shared<"budget">;
  /** What a new row of it is; null for a limit that there is only where somebody set it. */
  readonly terms: Pick<BudgetRow, "limit" | "period" | "ask_above"> | null;
  /** A lower estimate counts as this; null for what counts how often, and not how much. */
  readonly least: number | null;
  /** Whether it gives back what a check without a token reserved and nobody settles. */
  readonly forgets: boolean;
}

type Unnamed = Omit<Counter, "row">;

/** A counter before its row is read. */
type Named = Unnamed & Pick<Shared<"budget">, "key" | "text">;

/** Reads the counters of an action under a mandate. */
export function loadCounters(
  reader: Reader,
  { counters }: Pick<AboutTool, "counters">,
): Counter[] | Promise<Counter[]> {
  const loaded: (Counter | Promise<Counter>)[] = [];
  for (const one of counters) {
    const row = reader.shared(one.key, one.text);
    loaded.push(
      row instanceof Promise ? row.then((row) => counterOf(one, row)) : counterOf(one, row),
    );
  }
  return allAtOnce(loaded);
}

function counterOf({ scope, terms, least, forgets }: Named, row: Counter["row"]): Counter {
  return { scope, row, terms, least, forgets };
}

/** What a mandate says, and what those say that it was made of, its parent first. */
export type TermsOfLine = readonly [MandateTerms, ...MandateTerms[]];

/** What a mandate has to do with actions of one tool and tenant: the same for each of them. */
export interface AboutTool {
  /** The mandate and those that it was made of, with those of their scopes that speak of the tool. */
  readonly line: TermsOfLine;
  /** What such an action counts against, by name. */
  readonly counters: readonly Named[];
  /** Where the entries about the mandate are counted. */
  readonly count: Pick<Shared<"mandate_count">, "key" | "text">;
}

/** Of which mandate, tool and tenant it is asked. */
interface AskedAbout {
  readonly id: string;
  readonly tool: string;
  readonly tenant: string | null;
}

/** What was found out, and what it is true of. */
interface KnownAbout extends AboutTool {
  readonly asked: AskedAbout;
  /** Its tags may become others. */
  readonly record: ToolRecord | undefined;
  readonly ground: Ground;
}

/** Some two kilobytes each. Those of the mandate whose first is the oldest go. */
const MOST_KNOWN = 4000;

/** Of one mandate: so many are looked through. */
const MOST_OF_ONE = 16;

/** By mandates: what is told apart by texts alone is found by looking at few. */
const known = new Map<string, KnownAbout[]>();

let held = 0;

/** What a mandate has to do with a tool and a tenant, where that is known; it counts as read then. */
export function knownAbout(reader: Reader, { id, tool, tenant }: AskedAbout): AboutTool | null {
  const about = known.get(id)?.find(({ asked }) => asked.tool === tool && asked.tenant === tenant);
  const isSame = about !== undefined && about.record === reader.snapshot.tool(tool) &&
    reader.rests(about.ground);
  return isSame ? about : null;
}

/**
 * Has it known from now on, until a row that it was made of becomes another. A limit that nobody set
 * is no counter then: whoever sets it changes a row that there was not.
 * @param loaded the counters, read at this moment
 */
export function keepAbout(
  { rows, snapshot }: Reader,
  about: AboutTool,
  loaded: readonly Counter[],
  asked: AskedAbout,
): void {
  if (rows === null) return;
  const { orgId } = snapshot;
  const isUnset = ({ terms, row }: Counter) => terms === null && row.row === null;
  const texts = [
    ...about.line.flatMap(({ record: { id, bundle } }) => [
      keyText(mandateKey(orgId, id)),
      ...bundle === null ? [] : [keyText(bundleEditionKey(orgId, bundle.id, bundle.edition))],
    ]),
    ...loaded.filter(isUnset).map(({ row }) => row.text),
  ];
  const others =
    known.get(asked.id)?.filter(({ asked: { tool, tenant } }) =>
      tool !== asked.tool || tenant !== asked.tenant
    ).slice(1 - MOST_OF_ONE) ?? [];
  forget(asked.id);
  known.set(asked.id, [...others, {
    ...about,
    counters: about.counters.filter((_, at) => !isUnset(loaded[at]!)),
    asked,
    record: snapshot.tool(asked.tool),
    ground: rows.grounds.lay(texts),
  }]);
  held += others.length + 1;
  for (const id of known.keys()) {
    if (held <= MOST_KNOWN) return;
    forget(id);
  }
}

function forget(id: string): void {
  held -= known.get(id)?.length ?? 0;
  known.delete(id);
}

/** What a mandate, by itself and by those that it was made of, has to do with a tool and a tenant. */
export function aboutTool(
  snapshot: Snapshot,
  line: TermsOfLine,
  { id, tool, tenant }: AskedAbout,
): AboutTool {
  const record = snapshot.tool(tool);
  const heard = ({ record: of, scopes }: MandateTerms): MandateTerms => ({
    record: of,
    scopes: speaksOf(scopes, tool, record),
  });
  const [own, ...above] = line;
  const speaking: TermsOfLine = [heard(own), ...above.map(heard)];
  const counters = [
    ...commonCounters(line.map(({ record }) => record), tenant),
    // What is spent under one is spent under all that it was made of.
    ...speaking.flatMap(({ record, scopes }) => ownCounters(record, scopes)),
  ].map((counter): Named => {
    const key = budgetKey(snapshot.orgId, counter.scope);
    return { ...counter, key, text: keyText(key) };
  });
  const key = mandateCountKey(snapshot.orgId, id);
  return { line: speaking, counters, count: { key, text: keyText(key) } };
}

function commonCounters(
  line: readonly MandateRecord[],
  named: string | null,
): Unnamed[] {
  const set = { terms: null, least: 0, forgets: false };
  const [{ user_id = "", tenant: bound = null } = {}] = line;
  const tenant = named ?? bound;
  return [
    { scope: "org", ...set },
    // Who hands their mandate on spends by whoever has it then.
    ...Array.from(new Set(line.map(({ agent }) => agent)), (agent) => ({
      scope: `agent:${agent}`,
      ...set,
    })),
    { scope: `user:${user_id}`, ...set },
    ...(tenant === null ? [] : [{ scope: `tenant:${tenant}`, ...set }]),
  ];
}

function ownCounters(
  { id, budget, uses }: MandateRecord,
  scopes: readonly Scope[],
): Unnamed[] {
  const counters: Unnamed[] = [];
  if (budget !== null) counters.push({ scope: ownScope({ id }), ...termsOf(budget) });
  if (uses !== null) counters.push({ scope: usesScope({ id }), ...often(uses, "total") });
  for (const { name, budget, limits = {} } of scopes) {
    const scope = `mandate:${id}:${name}`;
    if (budget !== undefined) counters.push({ scope, ...termsOf(budget) });
    for (const [period, most] of RATES) {
      const limit = limits[most];
      if (limit === undefined) continue;
      counters.push({ scope: `rate:${period}:${id}:${name}`, ...often(limit, period) });
    }
  }
  return counters;
}

/** The name of the row of a mandate's own budget. */
export function ownScope({ id }: Pick<MandateRecord, "id">): string {
  return `mandate:${id}`;
}

/** The name of the row that counts how often a mandate allowed something. */
export function usesScope({ id }: Pick<MandateRecord, "id">): string {
  return `uses:${id}`;
}

/** How often a mandate may still allow something; null for any number of times. */
export function usesLeft({ uses }: Pick<MandateRecord, "uses">, row: BudgetRow | null) {
  return uses === null ? null : row === null ? uses : available(row);
}

/** What counts against a mandate's own budget at a time; null where it has none. */
export function budgetOf(
  { budget }: Pick<MandateRecord, "budget">,
  row: BudgetRow | null,
  at: number,
): BudgetRow | null {
  if (budget === null) return null;
  return row === null ? fresh(termsOf(budget).terms, at) : current(row, at);
}

const RATES = [
  ["minute", "max_per_minute"],
  ["hour", "max_per_hour"],
  ["day", "max_per_day"],
] as const satisfies readonly (readonly [Period, string])[];

/** What a limit is by itself, whatever it is of. */
type Terms = Pick<Counter, "least" | "forgets"> & {
  readonly terms: NonNullable<Counter["terms"]>;
};

function termsOf(
  { limit_micros, period, ask_above_micros, min_estimate_micros, on_silence }: NonNullable<
    Scope["budget"]
  >,
): Terms {
  const terms = { limit: limit_micros, period, ask_above: ask_above_micros };
  return { terms, least: min_estimate_micros, forgets: on_silence === "release" };
}

/** Of what counts how often. */
function often(limit: number, period: Period): Terms {
  return { terms: { limit, period, ask_above: null }, least: null, forgets: false };
}
