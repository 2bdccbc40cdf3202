import type { RuleRecord, Selector } from "../store/records/policy.ts";
import { type Level, PERMISSIONS } from "../store/records/vocabulary.ts";
import { levelOfSelector } from "./levels.ts";

/**
 * An org's rules in nested maps, so that the walk looks only at rules that can match. It must find
 * exactly what a search through all of them would.
 */

/** What a method may look like: 1-64 printable ASCII characters, no space at either end. */
export const METHOD_FORM = /^[!-~](?:[ -~]{0,62}[!-~])?$/;

/** Any ASCII text; what was stored before methods were ASCII is compared as it is. */
const ASCII = /^[\0-\x7f]*$/;

/**
 * The form in which methods are compared by rules, `methods` of tools and gates: without case, so
 * that `delete` does not pass a rule about `DELETE`. Digests have a method as it was sent.
 */
export function foldedMethod(method: string): string {
  return ASCII.test(method) ? method.toLowerCase() : method;
}

/** Whether two methods are the same one to rules, tools and gates. */
export function isSameMethod(a: string, b: string): boolean {
  return a === b || foldedMethod(a) === foldedMethod(b);
}

/** The form in which selectors are compared: two with the same one are of one rule. */
export function foldedSelector(selector: Selector): Selector {
  const { method } = selector;
  return method === null ? selector : { ...selector, method: foldedMethod(method) };
}

/** The order in which a selector's parts lead down the tree. */
const PATH = ["tenant_id", "resource_id", "tool_name", "method", "tag"] as const;

/**
 * One fork of the tree. A child that leads to a single rule is that rule itself: its selector says
 * what further forks would have said, and even a map of one entry takes V8 some 180 bytes.
 */
class Branch {
  rule: RuleRecord | undefined = undefined;
  tenant_id: Map<string, Child> | undefined = undefined;
  resource_id: Map<string, Child> | undefined = undefined;
  tool_name: Map<string, Child> | undefined = undefined;
  method: Map<string, Child> | undefined = undefined;
  tag: Map<string, Child> | undefined = undefined;
}

type Child = Branch | RuleRecord;

/**
 * An org's rules, found by level. Nested maps by tenant, resource, tool, method and tag; strings
 * are compared exactly, but for methods without case, and never joined, so no two selectors can be
 * taken for one another.
 *
 * Of rules whose selectors differ in the case of the method alone, which only a store of before can
 * hold, the strictest is the rule; the others are its twins, and are in no list.
 */
export class RuleIndex implements Iterable<RuleRecord> {
  #root = new Branch();
  #byId = new Map<string, RuleRecord>();
  /** Twins by the path of their rule, the one first that would be the rule without it. */
  readonly #twins = new Map<string, readonly RuleRecord[]>();
  /** The greatest id added since `#byId` was last known to be in order; null: out of order. */
  #lastId: string | null = "";

  /** How many rules there are. */
  get size(): number {
    return this.#byId.size;
  }

  /** Whether any rule names a tenant, registered or not. */
  get hasTenantRules(): boolean {
    return this.#root.tenant_id !== undefined;
  }

  /** Whether any rule names this tenant. */
  hasTenant(tenant: string): boolean {
    return this.#scope(tenant) !== undefined;
  }

  /**
   * Whether any rule of the tenant (null: of the org) names this resource: one look-up that saves
   * a walk four of them for a resource without rules.
   */
  hasResource(tenant: string | null, resource: string): boolean {
    const scope = this.#scope(tenant);
    if (scope instanceof Branch) return scope.resource_id?.has(resource) === true;
    return scope !== undefined && scope.selector.resource_id === resource;
  }

  /**
   * The rule at one level for these facts, of the tenant's own rules or (null) of the org's. Facts
   * that the level does not speak of are ignored; undefined when one that it needs is null.
   * @param method in its folded form
   */
  find(
    level: Level,
    tenant: string | null,
    resource: string | null,
    tool: string | null,
    method: string | null,
    tag: string | null,
  ): RuleRecord | undefined {
    let at = this.#scope(tenant);
    for (const part of level.parts) {
      if (!(at instanceof Branch)) break;
      switch (part) {
        case "resource_id":
          at = resource === null ? undefined : at.resource_id?.get(resource);
          break;
        case "tool_name":
          at = tool === null ? undefined : at.tool_name?.get(tool);
          break;
        case "method":
          at = method === null ? undefined : at.method?.get(method);
          break;
        case "tag":
          at = tag === null ? undefined : at.tag?.get(tag);
          break;
      }
    }
    if (at === undefined) return undefined;
    if (at instanceof Branch) return at.rule;
    return speaksOf(at.selector, level, tenant, resource, tool, method, tag) ? at : undefined;
  }

  /** The rule of this selector, however its method is spelled. */
  get(selector: Selector): RuleRecord | undefined {
    const level = levelOfSelector(selector);
    if (level === null) return undefined;
    const { tenant_id, resource_id, tool_name, method, tag } = selector;
    const folded = method === null ? null : foldedMethod(method);
    return this.find(level, tenant_id, resource_id, tool_name, folded, tag);
  }

  /** The rules that are stored beside the one of this selector, and are not in force. */
  twinsOf(selector: Selector): readonly RuleRecord[] {
    return this.#twins.size === 0 ? NONE : this.#twins.get(pathText(selector)) ?? NONE;
  }

  /** The rule with this id. */
  byId(id: string): RuleRecord | undefined {
    return this.#byId.get(id);
  }

  /**
   * Adds a rule, in place of the one with exactly the same selector or the same id. The record is
   * kept as it is and must not be changed afterwards.
   *
   * @throws {RangeError} when the selector is none of the eight levels.
   */
  set(rule: RuleRecord): void {
    if (levelOfSelector(rule.selector) === null) {
      throw new RangeError(
        `Cannot index rule "${rule.id}": its selector ${JSON.stringify(rule.selector)} ` +
          "is none of the eight levels",
      );
    }
    const sameId = this.#byId.get(rule.id);
    // Its twins come into their own, before it is put where it belongs now.
    if (sameId !== undefined && this.twinsOf(sameId.selector).length > 0) {
      this.remove(sameId.selector);
    }
    const rivals = this.#stored(rule.selector).filter((other) =>
      other.id !== rule.id && !isSpelledAlike(other.selector, rule.selector)
    );
    this.#contend(rule.selector, [...rivals, rule]);
  }

  /** Removes the rule with exactly this selector; false when there is none. */
  remove(selector: Selector): boolean {
    const stored = this.#stored(selector);
    const others = stored.filter((other) => !isSpelledAlike(other.selector, selector));
    if (others.length === stored.length) return false;
    this.#contend(selector, others);
    return true;
  }

  /** Every rule by ascending id, which is the order of creation and the same on every node. */
  [Symbol.iterator](): MapIterator<RuleRecord> {
    if (this.#lastId === null) {
      const sorted = [...this.#byId.values()].sort(byAscendingId);
      this.#byId = new Map(sorted.map((rule) => [rule.id, rule]));
      this.#lastId = sorted.at(-1)?.id ?? "";
    }
    return this.#byId.values();
  }

  /** The rules that name this tenant (null: those that name none), by ascending id. */
  forTenant(tenant: string | null): RuleRecord[] {
    const scope = this.#scope(tenant);
    const found: RuleRecord[] = [];
    if (scope !== undefined) collect(scope, found);
    return found.sort(byAscendingId);
  }

  #scope(tenant: string | null): Child | undefined {
    return tenant === null ? this.#root : this.#root.tenant_id?.get(tenant);
  }

  /** The rule of a selector and its twins. */
  #stored(selector: Selector): readonly RuleRecord[] {
    const rule = this.get(selector);
    return rule === undefined ? NONE : [rule, ...this.twinsOf(selector)];
  }

  /** Makes these all that is stored for a selector: the strictest is the rule. */
  #contend(selector: Selector, rules: RuleRecord[]): void {
    const [first, ...twins] = rules.sort(byStrictness);
    if (twins.length > 0) this.#twins.set(pathText(selector), twins);
    else if (this.#twins.size > 0) this.#twins.delete(pathText(selector));
    if (first !== undefined) {
      this.#place(first);
      return;
    }
    const rule = this.get(selector);
    if (rule === undefined) return;
    this.#drop(rule);
    this.#byId.delete(rule.id);
  }

  /** Makes it the rule of its selector. */
  #place(rule: RuleRecord): void {
    const sameId = this.#byId.get(rule.id);
    if (sameId !== undefined) this.#drop(sameId);
    const sameSelector = this.get(rule.selector);
    if (sameSelector !== undefined) {
      this.#drop(sameSelector);
      this.#byId.delete(sameSelector.id);
    }
    insert(this.#root, rule, 0);
    // Replacing the value of an id leaves the id in its place.
    if (sameId === undefined) {
      this.#lastId = this.#lastId !== null && this.#lastId < rule.id ? rule.id : null;
    }
    this.#byId.set(rule.id, rule);
  }

  #drop(rule: RuleRecord): void {
    drop(this.#root, pathOf(rule.selector), 0);
  }
}

const NONE: readonly RuleRecord[] = [];

/** The strictest first, of equally strict ones the oldest: the same on every node. */
function byStrictness(a: RuleRecord, b: RuleRecord): number {
  return PERMISSIONS.indexOf(b.permission) - PERMISSIONS.indexOf(a.permission) ||
    byAscendingId(a, b);
}

/** Whether two selectors of one rule are the same to the letter. */
function isSpelledAlike(a: Selector, b: Selector): boolean {
  return a.method === b.method;
}

function byAscendingId(a: RuleRecord, b: RuleRecord): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function speaksOf(
  selector: Selector,
  level: Level,
  tenant: string | null,
  resource: string | null,
  tool: string | null,
  method: string | null,
  tag: string | null,
): boolean {
  if (selector.tenant_id !== tenant || levelOfSelector(selector) !== level) return false;
  // At the same level the same parts are null, so a part that is not must be the fact itself.
  return (selector.resource_id === null || selector.resource_id === resource) &&
    (selector.tool_name === null || selector.tool_name === tool) &&
    (selector.method === null || (method !== null && isSameMethod(selector.method, method))) &&
    (selector.tag === null || selector.tag === tag);
}

type Step = readonly [part: (typeof PATH)[number], value: string];

function pathOf(selector: Selector): Step[] {
  const path: Step[] = [];
  for (const part of PATH) {
    const value = selector[part];
    if (value !== null) path.push([part, part === "method" ? foldedMethod(value) : value]);
  }
  return path;
}

function pathText(selector: Selector): string {
  return JSON.stringify(pathOf(selector));
}

/** Puts a rule that the tree does not hold yet under `branch`, which is `depth` steps down. */
function insert(branch: Branch, rule: RuleRecord, depth: number): void {
  const step = pathOf(rule.selector)[depth];
  if (step === undefined) {
    branch.rule = rule;
    return;
  }
  const [part, value] = step;
  const children = branch[part] ??= new Map<string, Child>();
  const child = children.get(value);
  if (child === undefined) {
    children.set(value, rule);
  } else if (child instanceof Branch) {
    insert(child, rule, depth + 1);
  } else {
    const parting = new Branch();
    children.set(value, parting);
    insert(parting, child, depth + 1);
    insert(parting, rule, depth + 1);
  }
}

/** Takes out the rule at the end of `path`, which the tree holds, and what it leaves empty. */
function drop(branch: Branch, path: readonly Step[], depth: number): void {
  const step = path[depth];
  if (step === undefined) {
    branch.rule = undefined;
    return;
  }
  const [part, value] = step;
  const children = branch[part];
  const child = children?.get(value);
  if (children === undefined || child === undefined) return;
  if (child instanceof Branch) {
    drop(child, path, depth + 1);
    if (!isEmpty(child)) return;
  }
  children.delete(value);
  if (children.size === 0) branch[part] = undefined;
}

function isEmpty(branch: Branch): boolean {
  return branch.rule === undefined && PATH.every((part) => branch[part] === undefined);
}

function collect(child: Child, found: RuleRecord[]): void {
  if (!(child instanceof Branch)) {
    found.push(child);
    return;
  }
  if (child.rule !== undefined) found.push(child.rule);
  for (const part of PATH) {
    // Only the root has tenants below it, and they are not the org's own rules.
    if (part === "tenant_id") continue;
    for (const next of child[part]?.values() ?? []) collect(next, found);
  }
}
