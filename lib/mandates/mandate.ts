import type { Action } from "../base/action.ts";
import { allAtOnce, atOnce } from "../base/at_once.ts";
import { type Caller, isWithinWall, type MachineCaller, walledTenant } from "../identity/caller.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import { budgetKey, mandateCountKey, mandateKey, tombstoneKey } from "../store/mandate_keys.ts";
import type { BudgetRow } from "../store/records/budget.ts";
import type { MandateCount, MandateRecord } from "../store/records/mandate.ts";
import { loadEdition } from "./bundle.ts";
import type { MandateTerms } from "./narrow.ts";
import {
  type AboutTool,
  aboutTool,
  budgetOf,
  type Counter,
  keepAbout,
  knownAbout,
  loadCounters,
  ownScope,
  type TermsOfLine,
  usesLeft,
  usesScope,
} from "./counters.ts";

/**
 * Mandates as they are found: by whoever names one in a question, and by whoever looks at one. What a
 * caller may not know of is answered like what there is not.
 */

/** How a question names the mandate that it is asked under. */
export interface MandateNaming {
  /** Null where none is named. */
  readonly mandate_id: string | null;
  /** Whom the caller acts for; null where they do not say. */
  readonly user_id: string | null;
  /** What the action is said to cost, millionths; null where nobody says. Counts under a mandate only. */
  readonly estimated_cost_micros: number | null;
}

/** How a question names none. */
export const NO_MANDATE: MandateNaming = {
  mandate_id: null,
  user_id: null,
  estimated_cost_micros: null,
};

/** Who asks under a mandate, as far as it matters to whether they may. */
type Asks = Pick<MachineCaller, "type" | "id" | "tenant_ids" | "mandate_ids">;

/** A mandate that a question names. */
export interface NamedMandate {
  readonly id: string;
  /** Null where there is none, or none for this caller, user and tenant. */
  readonly found: FoundMandate | null;
}

/** A mandate with those of its scopes that speak of the tool that is asked about. */
export interface FoundMandate extends MandateTerms {
  /** What those that it was made of say of it, its parent first. */
  readonly above: readonly MandateTerms[];
  /** Whether nothing under any mandate may touch the resource of the action. */
  readonly buried: boolean;
  readonly count: Shared<"mandate_count">;
  /** What an action under it may count against. */
  readonly counters: readonly Counter[];
}

/**
 * Reads the mandate that a question names, if it is one that this caller may use for this user and
 * tenant. One that is not is not read any further than one that there is not.
 * @throws {MalformedRecord}
 */
export function loadMandate(
  reader: Reader,
  caller: Asks,
  { mandate_id: id, user_id }: {
    readonly mandate_id: string;
    readonly user_id: MandateNaming["user_id"];
  },
  { tool, tenant, resource }: Pick<Action, "tool" | "tenant" | "resource">,
): NamedMandate | Promise<NamedMandate> {
  const walled = walledTenant(caller, tenant);
  if (walled instanceof Refusal) return { id, found: null };
  const isUsable = (record: MandateRecord) =>
    mayUse(caller, record) && (user_id === null || record.user_id === user_id) &&
    (record.tenant === null || record.tenant === walled);
  const asked = { id, tool, tenant: walled };
  const known = knownAbout(reader, asked);
  if (known !== null) {
    if (!isUsable(known.line[0].record)) return { id, found: null };
    return named(reader, known, loadCounters(reader, known), resource);
  }
  const line = atOnce(
    [loadLine(reader, id)],
    (line) => line === null || !isUsable(line.record) ? null : loadTerms(reader, line),
  );
  const isHere = !(line instanceof Promise);
  return atOnce([line], (line) => {
    if (line === null) return { id, found: null };
    const about = aboutTool(reader.snapshot, line, asked);
    const counters = loadCounters(reader, about);
    if (isHere && !(counters instanceof Promise)) keepAbout(reader, about, counters, asked);
    return named(reader, about, counters, resource);
  });
}

/** A mandate of which is known what it has to do with an action. */
function named(
  reader: Reader,
  { count, line: [own, ...above] }: AboutTool,
  counters: readonly Counter[] | Promise<Counter[]>,
  resource: string | null,
): NamedMandate | Promise<NamedMandate> {
  const { record, scopes } = own;
  return atOnce(
    [reader.shared(count.key, count.text), isBuried(reader, resource), counters],
    (count, buried, counters): NamedMandate => ({
      id: record.id,
      found: { record, scopes, above, buried, count, counters },
    }),
  );
}

/** Reads what a mandate and those above it say. @throws {MalformedRecord} */
function loadTerms(
  reader: Reader,
  { record, above }: MandateLine,
): TermsOfLine | Promise<TermsOfLine> {
  const termsOf = (record: MandateRecord) =>
    atOnce([loadScopes(reader, record)], (scopes): MandateTerms => ({ record, scopes }));
  return atOnce(
    [termsOf(record), allAtOnce(above.map(termsOf))],
    (own, above): TermsOfLine => [own, ...above],
  );
}

/** Whether nothing under a mandate may touch a resource. */
export function isBuried(reader: Reader, resource: string | null): boolean | Promise<boolean> {
  if (resource === null) return false;
  const row = reader.guarded(tombstoneKey(reader.snapshot.orgId, resource));
  return atOnce([row], (tombstone) => tombstone !== null);
}

/** A mandate, and those that it was made of. */
export interface MandateLine {
  /** Ended where one of those above is. */
  readonly record: MandateRecord;
  /** Its parent first. */
  readonly above: readonly MandateRecord[];
}

/**
 * Reads a mandate with those that it was made of, which it ends with; so whoever asks whether it is in
 * force reads it by this. Null where there is none, or one above it is gone. @throws {MalformedRecord}
 */
export function loadLine(
  reader: Reader,
  id: string,
): MandateLine | null | Promise<MandateLine | null> {
  const { orgId } = reader.snapshot;
  return atOnce([reader.guarded(mandateKey(orgId, id))], (record) => {
    if (record === null) return null;
    if (record.ancestors.length === 0) return { record, above: [] };
    const rows = record.ancestors.map((id) => reader.guarded(mandateKey(orgId, id)));
    return atOnce([allAtOnce(rows)], (above) => {
      if (!above.every((one) => one !== null)) return null;
      return { record: endedWith(record, above), above };
    });
  });
}

/** The same without those above. @throws {MalformedRecord} */
export async function loadStanding(reader: Reader, id: string): Promise<MandateRecord | null> {
  return (await loadLine(reader, id))?.record ?? null;
}

/** A mandate as it stands, and what it says with those that it was made of. */
export interface StandingTerms {
  readonly record: MandateRecord;
  readonly line: TermsOfLine;
}

/** The same with what the whole line says. @throws {MalformedRecord} */
export async function loadStandingTerms(
  reader: Reader,
  id: string,
): Promise<StandingTerms | null> {
  const line = await loadLine(reader, id);
  return line === null ? null : { record: line.record, line: await loadTerms(reader, line) };
}

/** The first of the line that a mandate stands in; itself where it was made of none, or is unknown. */
export async function firstOfLine(reader: Reader, id: string): Promise<string> {
  const record = await reader.guarded(mandateKey(reader.snapshot.orgId, id));
  return record?.ancestors.at(-1) ?? id;
}

/** A mandate as it stands beside those that it was made of: it ends with the first of them. */
export function endedWith(
  record: MandateRecord,
  above: readonly Pick<MandateRecord, "ended">[],
): MandateRecord {
  const ended = above.find(({ ended }) => ended !== null)?.ended ?? null;
  if (record.ended !== null || ended === null) return record;
  return { ...record, ended: { ...ended, by: null } };
}

/**
 * Whether a caller may ask under a mandate at all, whatever it says then: a key inside of its wall, an
 * agent under its own, and whoever is bound to some mandates under these.
 */
export function mayUse(caller: Asks, record: MandateRecord): boolean {
  const { mandate_ids } = caller;
  if (Array.isArray(mandate_ids) && !mandate_ids.includes(record.id)) return false;
  return mayKnow(caller, record);
}

/** Whether a caller may know of a mandate. */
export function mayKnow(
  caller: Pick<Caller, "type" | "id" | "tenant_ids">,
  { agent, tenant }: Pick<MandateRecord, "agent" | "tenant">,
): boolean {
  switch (caller.type) {
    case "member":
      return true;
    case "agent":
      return agent === caller.id;
    case "api_key":
      return isWithinWall(caller, tenant);
    case "oauth_grant":
      return false;
  }
}

/** Reads the scopes that a mandate has. @throws {MalformedRecord} */
export function loadScopes(
  reader: Reader,
  { bundle, own_scopes, scopes }: MandateRecord,
): MandateTerms["scopes"] | Promise<MandateTerms["scopes"]> {
  if (bundle === null) return own_scopes ?? [];
  const edition = loadEdition(reader, bundle.id, bundle.edition, bundle.digest);
  return atOnce([edition], ({ definition }) => {
    // Each of them is named once.
    if (scopes.length === definition.scopes.length) return definition.scopes;
    const own = new Set(scopes);
    return definition.scopes.filter(({ name }) => own.has(name));
  });
}

/** A mandate, and how often it was asked. */
export interface CountedMandate {
  readonly record: MandateRecord;
  readonly count: MandateCount;
  /** What counts against its own budget; null where it has none. */
  readonly budget: BudgetRow | null;
  /** How often it may still allow something; null for any number of times. */
  readonly uses_left: number | null;
}

/** Of a mandate about which there is no entry but its grant. */
export const NEVER: MandateCount = { seq: 1, checks: 0 };

/** A mandate, and the rows that count for it. */
export interface LoadedMandate {
  readonly record: MandateRecord;
  readonly count: Shared<"mandate_count">;
  readonly budget: Shared<"budget">;
  readonly uses: Shared<"budget">;
}

/** Reads a mandate as it stands, for who looks at it. @throws {MalformedRecord} */
export async function loadCounted(reader: Reader, id: string): Promise<LoadedMandate | null> {
  const { orgId } = reader.snapshot;
  const record = await loadStanding(reader, id);
  if (record === null) return null;
  const [count, budget, uses] = await Promise.all([
    reader.shared(mandateCountKey(orgId, id)),
    reader.shared(budgetKey(orgId, ownScope(record))),
    reader.shared(budgetKey(orgId, usesScope(record))),
  ]);
  return { record, count, budget, uses };
}

/** The mandate with what this commit did so far. */
export function standingNow(
  transaction: Transaction,
  { record, count, budget, uses }: LoadedMandate,
): CountedMandate {
  const row = transaction.latest(budget);
  return {
    record,
    count: countNow(transaction, count),
    budget: budgetOf(record, row, transaction.at),
    uses_left: usesLeft(record, transaction.latest(uses)),
  };
}

/** How often a mandate was asked, with what this commit did so far. */
function countNow(transaction: Transaction, count: Shared<"mandate_count">): MandateCount {
  return transaction.latest(count) ?? NEVER;
}

/**
 * The number of the next entry about a mandate, which this commit has to append: they are numbered
 * without a gap, so that one that is missing shows.
 */
export function nextSeq(
  transaction: Transaction,
  count: Shared<"mandate_count">,
  { isCheck }: { readonly isCheck: boolean },
): number {
  const { seq, checks } = countNow(transaction, count);
  const next: MandateCount = { seq: seq + 1, checks: checks + (isCheck ? 1 : 0) };
  transaction.setShared(count, next);
  return next.seq;
}
