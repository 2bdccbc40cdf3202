import type { JsonObject } from "../base/json.ts";
import { levelOfSelector } from "../policy/levels.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type InputProblem, Refusal } from "../refusal.ts";
import type { Selector } from "../store/records/policy.ts";
import type { GivenIds } from "./personal_ids.ts";

/**
 * What a selector of a rule may be: one of the eight levels, and no pattern. What only looks like a
 * pattern is taken where exactly that name is registered.
 */

/** What of an org's catalog bears exactly this id or name, whatever characters it has. */
export interface Registered {
  tenant(id: string): boolean;
  resource(id: string): boolean;
  tag(name: string): boolean;
}

/** What there is in a catalog besides resources, which no snapshot holds. */
export function registeredIn(
  snapshot: Snapshot,
  resource: (id: string) => boolean,
): Registered {
  return {
    tenant: (id) => snapshot.isTenantRegistered(id),
    resource,
    tag: (name) => snapshot.tools.values().some(({ tags }) => tags.includes(name)),
  };
}

/** What is wrong with the parts that a selector names, at its place in a request. */
export function levelProblems(selector: Selector, at: string): InputProblem[] {
  if (levelOfSelector(selector) !== null) return [];
  const given = Object.keys(givenParts(selector)).join(" + ") || "nothing";
  const message = `names ${given}, which is none of the eight levels: name a tool, a resource, a ` +
    "method or several of these, or a tag alone; a tenant may come with any of them";
  return [{ path: at, message }];
}

/**
 * Parts of a selector that look like patterns. Nothing here takes one: such a rule would be kept
 * without a word, and speak of nothing that anybody meant.
 */
export function patternProblems(
  selector: Selector,
  at: string,
  registered: Registered,
): InputProblem[] {
  const problems: InputProblem[] = [];
  const look = (part: keyof Selector, isThere: (id: string) => boolean, instead: string) => {
    const text = selector[part];
    const character = text === null ? null : patternIn(text);
    if (text === null || character === null || isThere(text)) return;
    problems.push({
      path: `${at}/${part}`,
      message: `holds ${character}, and no pattern is understood: ${instead}`,
    });
  };
  look(
    "method",
    () => false,
    "leave it out for a rule about every method, make one rule for each method, or list what the " +
      "tool takes in its methods",
  );
  look(
    "resource_id",
    registered.resource,
    "leave it out for a rule about every resource, or make one rule for each; a resource whose " +
      "id is exactly this has to be registered first",
  );
  look(
    "tenant_id",
    registered.tenant,
    "leave it out for a rule of the whole organization, or make one rule for each tenant; a " +
      "tenant whose id is exactly this has to be registered first",
  );
  look(
    "tag",
    registered.tag,
    "make one rule for each tag; a tag that is exactly this has to be on a tool first",
  );
  return problems;
}

/** @throws {Refusal} invalid_selector when there is a problem */
export function refuseSelectors(errors: readonly InputProblem[]): void {
  if (errors.length > 0) throw new Refusal("invalid_selector", { errors: errors.slice(0, 20) });
}

/** The parts that a selector names, without those that are null. */
export function givenParts(selector: Selector): JsonObject {
  return Object.fromEntries(Object.entries(selector).filter(([, part]) => part !== null));
}

/** The names and external ids in a selector, by their place in a request. */
export function idsOf(
  { tenant_id, resource_id, tool_name, method }: Selector,
  at: string,
): GivenIds {
  return {
    [`${at}/tenant_id`]: tenant_id,
    [`${at}/resource_id`]: resource_id,
    [`${at}/tool_name`]: tool_name,
    [`${at}/method`]: method,
  };
}

/**
 * Where other systems take patterns, nothing here does: a name is compared as it stands. One that
 * holds a character of patterns would be kept without a word, and match what nobody meant.
 */
const PATTERN_CHARACTER = /[*?|]/;

/** The first character of a name that only a pattern would hold; null when there is none. */
export function patternIn(name: string): string | null {
  return PATTERN_CHARACTER.exec(name)?.[0] ?? null;
}
