import type { Waiting } from "../approvals/waiting.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import type { NamedRequester } from "./row.ts";

/**
 * The inbox as a list: which of what waits is wanted, in which order, what belongs together, and
 * which of it one page shows. Pure; whatever an address may ask for is here.
 */

/** Requests on one page. */
export const INBOX_ROWS = 50;

/** What an inbox is asked for; null where it does not matter. */
export interface InboxQuery {
  /** A part of a name of who asks, tool, tenant, resource or method, or of a reference. */
  readonly q: string | null;
  /** `high`: tools of high or critical risk alone. */
  readonly risk: "high" | null;
  /** Id of who asks. */
  readonly requester: string | null;
  readonly tool: string | null;
  readonly tenant: string | null;
  /** `none`: each request by itself, in place of what one requester asks of one tool together. */
  readonly group: "none" | null;
  /** `newest`: by when it was asked, in place of what expires first. */
  readonly sort: "newest" | null;
  /** From 1. */
  readonly page: number;
}

/** Several requests of one requester for one tool. */
export interface InboxGroup {
  /** Stands for the group in a page; the same for the same requester and tool. */
  readonly key: string;
  readonly requester: NamedRequester;
  readonly tool_name: string;
  /** Every request of it that is wanted, also those on other pages. */
  readonly ids: readonly string[];
  /** Those of them that the member can decide. */
  readonly mine: readonly string[];
}

/** A piece of the page: the rows of one group, or requests that stand alone. */
export interface InboxPart {
  readonly group: InboxGroup | null;
  readonly ids: readonly string[];
}

/** What one page shows. */
export interface InboxPage {
  readonly parts: readonly InboxPart[];
  /** How many requests are wanted, on all pages. */
  readonly total: number;
  /** The number of the page that this is; the last one where a later was asked for. */
  readonly page: number;
  readonly pages: number;
}

type RiskOf = (tool: string) => ToolRecord["risk_level"];

/** The page of an inbox that a query asks for, of everything that waits. */
export function inboxPage(
  waiting: readonly Waiting[],
  query: InboxQuery,
  riskOf: RiskOf,
): InboxPage {
  const sorted = waiting.filter((one) => isWanted(one, query, riskOf)).sort(orderOf(query.sort));
  const groups = query.group === "none" ? sorted.map((one) => [one]) : together(sorted);
  const pages = Math.max(1, Math.ceil(sorted.length / INBOX_ROWS));
  const page = Math.min(query.page, pages);
  const parts = partsBetween(groups, (page - 1) * INBOX_ROWS, page * INBOX_ROWS);
  return { parts, total: sorted.length, page, pages };
}

function isWanted(
  { facts }: Waiting,
  { q, risk, requester, tool, tenant }: InboxQuery,
  riskOf: RiskOf,
): boolean {
  if (requester !== null && facts.requester.id !== requester) return false;
  if (tool !== null && facts.tool_name !== tool) return false;
  if (tenant !== null && facts.tenant !== tenant) return false;
  if (risk !== null && !["high", "critical"].includes(riskOf(facts.tool_name))) return false;
  if (q === null) return true;
  const { tool_name, resource, method, reference } = facts;
  const texts = [facts.requester.name, tool_name, facts.tenant, resource, method, reference];
  const sought = q.toLowerCase();
  return texts.some((text) => text?.toLowerCase().includes(sought));
}

/** By what it is sorted; ids settle what is equal, so that a page never depends on chance. */
function orderOf(sort: InboxQuery["sort"]): (a: Waiting, b: Waiting) => number {
  return ({ facts: a }, { facts: b }) =>
    sort === "newest"
      ? (a.id < b.id ? 1 : -1)
      : a.expires_at - b.expires_at || (a.id < b.id ? -1 : 1);
}

/** What one requester asks of one tool, at the place of the first of it. */
function together(sorted: readonly Waiting[]): Waiting[][] {
  const groups = Map.groupBy(sorted, keyOf);
  return [...groups.values()];
}

function keyOf({ facts: { requester, tool_name } }: Waiting): string {
  return `${requester.id} ${tool_name}`;
}

function partsBetween(groups: readonly Waiting[][], from: number, to: number): InboxPart[] {
  const parts: { group: InboxGroup | null; ids: string[] }[] = [];
  let at = 0;
  for (const group of groups) {
    const ids = group.slice(Math.max(0, from - at), Math.max(0, to - at)).map(idOf);
    at += group.length;
    const [first] = group;
    if (ids.length === 0 || first === undefined) continue;
    const last = parts.at(-1);
    if (group.length > 1) parts.push({ group: headOf(group, first), ids });
    else if (last?.group === null) last.ids.push(...ids);
    else parts.push({ group: null, ids });
  }
  return parts;
}

function headOf(group: readonly Waiting[], first: Waiting): InboxGroup {
  return {
    key: keyOf(first),
    requester: first.facts.requester,
    tool_name: first.facts.tool_name,
    ids: group.map(idOf),
    mine: group.filter(({ mine }) => mine).map(idOf),
  };
}

function idOf({ facts }: Waiting): string {
  return facts.id;
}

/** One value that an inbox can be narrowed to, and how many requests have it. */
export interface InboxChoice {
  readonly value: string;
  readonly label: string;
  readonly count: number;
}

/** What an inbox can be narrowed to, the most frequent first. */
export interface InboxChoices {
  readonly requesters: readonly InboxChoice[];
  readonly tools: readonly InboxChoice[];
  readonly tenants: readonly InboxChoice[];
}

/** The requesters, tools and tenants of everything that waits. */
export function inboxChoices(waiting: readonly Waiting[]): InboxChoices {
  const facts = waiting.map((one) => one.facts);
  return {
    requesters: counted(facts.map(({ requester: { id, name } }) => [id, name])),
    tools: counted(facts.map(({ tool_name }) => [tool_name, tool_name])),
    tenants: counted(facts.flatMap(({ tenant }) => tenant === null ? [] : [[tenant, tenant]])),
  };
}

function counted(values: readonly (readonly [value: string, label: string])[]): InboxChoice[] {
  const groups = Map.groupBy(values, ([value]) => value);
  return [...groups].map(([value, same]) => ({
    value,
    label: same[0]?.[1] ?? value,
    count: same.length,
  })).sort((a, b) => b.count - a.count || (a.label < b.label ? -1 : 1));
}
