import type { Snapshot } from "../policy/snapshot.ts";
import type { InputProblem } from "../refusals/refusal.ts";
import type {
  CategoryRecord,
  ResourceRecord,
  RuleRecord,
  Selector,
  TenantRecord,
  ToolRecord,
} from "../store/records/policy.ts";
import { categoryChange } from "./categories.ts";
import { personalIdProblems } from "./personal_ids.ts";
import { changedFields, hasEffect, type RecordChange } from "./record_change.ts";
import { resourceChange, type ResourceFields } from "./resources.ts";
import { type RuleWarning, ruleWarnings, type Tools } from "./rule_warnings.ts";
import { ruleChange, type RuleFields, ruleRecordOf } from "./rules.ts";
import { idsOf, patternProblems, type Registered } from "./selectors.ts";
import { tenantChange, type TenantFields } from "./tenants.ts";
import { replacedTool, TOOL_FIELDS, type ToolFields, toolProblems } from "./tool_record.ts";
import { archivedTool, toolChange } from "./tools.ts";
import {
  categoryWidens,
  liftsTenantGate,
  type RuleStep,
  ruleWidens,
  tenantWidens,
  toolWidens,
} from "./widening.ts";

/** A whole policy as one document. A kind that is left out stays as it is; an empty one is emptied. */
export interface PolicyDocument {
  readonly tools?: readonly (ToolFields & { readonly name: string })[];
  readonly categories?: readonly CategoryRecord[];
  readonly tenants?: readonly (TenantFields & { readonly id: string })[];
  readonly resources?: readonly (ResourceFields & { readonly id: string })[];
  readonly rules?: readonly RuleFields[];
}

/** The records of a policy that a snapshot does not hold. */
export interface Described {
  readonly tenants: readonly TenantRecord[];
  readonly resources: readonly ResourceRecord[];
}

/** One row that a document changes, besides the record change the tool or rule that it is about. */
export interface RowChange {
  readonly kind: "tools" | "categories" | "tenants" | "resources" | "rules";
  readonly change: RecordChange;
  /** Whether it lets more through. */
  readonly widens: boolean;
  readonly tool?: { readonly old: ToolRecord | null; readonly next: ToolRecord };
  readonly rule?: RuleStep;
  /** How the difference names it. */
  readonly label: { readonly [name: string]: string | Selector };
}

/** What is to be said of a rule that a document makes, at its place in the document. */
export interface DocumentWarning extends RuleWarning {
  readonly path: string;
}

/** What applying a document would do, and what stands against it. */
export interface DocumentChanges {
  readonly rows: readonly RowChange[];
  readonly problems: readonly InputProblem[];
  /** Selectors that look like patterns. */
  readonly selectorProblems: readonly InputProblem[];
  readonly warnings: readonly DocumentWarning[];
  /** Whether any of it, or all of it together, lets more through. */
  readonly widens: boolean;
}

/** Ids for new records, and the time of the commit in milliseconds. */
export interface Making {
  readonly id: (prefix: "tol" | "rul") => string;
  readonly at: number;
}

/**
 * What a document makes different. Rows that it does not name go: tools are archived (drafts stay as
 * they are), everything else is removed. A tenant that goes takes its rules along where the document
 * leaves the rules out.
 */
export function documentChanges(
  snapshot: Snapshot,
  described: Described,
  document: PolicyDocument,
  making: Making,
): DocumentChanges {
  const rows: RowChange[] = [];
  const problems: InputProblem[] = [];
  const add = (row: RowChange, ...found: InputProblem[]) => {
    if (!hasEffect(row.change)) return;
    rows.push(row);
    problems.push(...found);
  };
  addTools(snapshot, document, making, add);
  addCategories(snapshot, document, add);
  addTenants(snapshot, described, document, making, add);
  addResources(snapshot, described, document, making, add);
  const selectorProblems: InputProblem[] = [];
  const warnings: DocumentWarning[] = [];
  if (document.rules !== undefined) {
    addRules(snapshot, document.rules, making, add);
    const registered = registeredAfter(snapshot, described, document);
    const tools = toolsAfter(snapshot, rows);
    document.rules.forEach(({ selector, permission }, i) => {
      const old = snapshot.rules.get(selector);
      if (old === undefined) {
        selectorProblems.push(...patternProblems(selector, `/rules/${i}/selector`, registered));
      }
      if (old?.permission === permission) return;
      for (const warning of ruleWarnings({ selector, permission }, tools)) {
        warnings.push({ ...warning, path: `/rules/${i}` });
      }
    });
  }
  const steps = rows.flatMap(({ rule }) => rule ?? []);
  const widens = rows.some((row) => row.widens) || liftsTenantGate(snapshot.rules, steps);
  return { rows, problems, selectorProblems, warnings, widens };
}

type Add = (row: RowChange, ...problems: InputProblem[]) => void;

function addTools(snapshot: Snapshot, { tools }: PolicyDocument, making: Making, add: Add): void {
  if (tools === undefined) return;
  tools.forEach(({ name, ...fields }, i) => {
    const old = snapshot.tool(name) ?? null;
    const next = replacedTool(name, fields, old, { id: making.id("tol"), at: making.at });
    const change = toolChange(snapshot.orgId, old, next);
    // A draft that is listed as it stands is not triaged by that.
    if (changedFields({ ...change, fields: TOOL_FIELDS }).length === 0) return;
    const problems = toolProblems(old, next).map(({ path, message }) => ({
      path: `/tools/${i}${path}`,
      message,
    }));
    add(toolRow(snapshot, change, { old, next }), ...problems);
  });
  const named = new Set(tools.map(({ name }) => name));
  for (const old of snapshot.tools.values()) {
    if (named.has(old.name) || old.status === "draft") continue;
    const next = archivedTool(old, making.at);
    const change = toolChange(snapshot.orgId, old, next);
    add(toolRow(snapshot, change, { old, next }));
  }
}

function toolRow(
  snapshot: Snapshot,
  change: RecordChange,
  tool: { readonly old: ToolRecord | null; readonly next: ToolRecord },
): RowChange {
  const widens = toolWidens(tool.old, tool.next, snapshot);
  return { kind: "tools", change, widens, label: { name: tool.next.name }, tool };
}

function addCategories(snapshot: Snapshot, { categories }: PolicyDocument, add: Add): void {
  if (categories === undefined) return;
  const org = snapshot.orgId;
  for (const next of categories) {
    const old = snapshot.category(next.name) ?? null;
    const widens = categoryWidens(old, next);
    const change = categoryChange(org, old, next);
    add({ kind: "categories", change, widens, label: { name: next.name } });
  }
  const named = new Set(categories.map(({ name }) => name));
  for (const old of snapshot.categories.values()) {
    if (named.has(old.name)) continue;
    const change = categoryChange(org, old, null);
    add({
      kind: "categories",
      change,
      widens: categoryWidens(old, null),
      label: { name: old.name },
    });
  }
}

function addTenants(
  snapshot: Snapshot,
  described: Described,
  { tenants, rules }: PolicyDocument,
  { at }: Making,
  add: Add,
): void {
  if (tenants === undefined) return;
  const known = byId(described.tenants);
  tenants.forEach((fields, i) => {
    const { id } = fields;
    const old = known.get(id) ?? null;
    const next: TenantRecord = { ...fields, created_at: old?.created_at ?? at };
    const personal = personalIdProblems(snapshot.org, { [`/tenants/${i}/id`]: id });
    add(tenantRow(snapshot, old, next), ...personal);
    known.delete(id);
  });
  for (const [id, old] of known) {
    add(tenantRow(snapshot, old, null));
    if (rules !== undefined || !snapshot.rules.hasTenant(id)) continue;
    for (const rule of snapshot.rules.forTenant(id)) addRule(snapshot, rule, null, add);
  }
}

function tenantRow(
  { orgId, rules }: Snapshot,
  old: TenantRecord | null,
  next: TenantRecord | null,
): RowChange {
  const change = tenantChange(orgId, old, next);
  const label = { id: next?.id ?? old?.id ?? "" };
  return { kind: "tenants", change, widens: tenantWidens(old, next, rules), label };
}

function addResources(
  snapshot: Snapshot,
  described: Described,
  { resources }: PolicyDocument,
  { at }: Making,
  add: Add,
): void {
  if (resources === undefined) return;
  const org = snapshot.orgId;
  const known = byId(described.resources);
  resources.forEach((fields, i) => {
    const { id } = fields;
    const old = known.get(id) ?? null;
    const next: ResourceRecord = { ...fields, created_at: old?.created_at ?? at };
    const personal = personalIdProblems(snapshot.org, { [`/resources/${i}/id`]: id });
    const change = resourceChange(org, old, next);
    add({ kind: "resources", change, widens: false, label: { id } }, ...personal);
    known.delete(id);
  });
  for (const [id, old] of known) {
    const change = resourceChange(org, old, null);
    add({ kind: "resources", change, widens: false, label: { id } });
  }
}

/** What there is once the document is applied; of tags also those of tools that go. */
function registeredAfter(
  snapshot: Snapshot,
  described: Described,
  document: PolicyDocument,
): Registered {
  const { tools = [], tenants = described.tenants, resources = described.resources } = document;
  const tenantIds = new Set(tenants.map(({ id }) => id));
  const resourceIds = new Set(resources.map(({ id }) => id));
  const tags = new Set([...tools, ...snapshot.tools.values()].flatMap(({ tags = [] }) => tags));
  return {
    tenant: (id) => tenantIds.has(id),
    resource: (id) => resourceIds.has(id),
    tag: (name) => tags.has(name),
  };
}

/** The tools once the document is applied. */
function toolsAfter(snapshot: Snapshot, rows: readonly RowChange[]): Tools {
  const tools = new Map(snapshot.tools);
  for (const { tool } of rows) if (tool !== undefined) tools.set(tool.next.name, tool.next);
  return { tools, tool: (name) => tools.get(name) };
}

function addRules(
  snapshot: Snapshot,
  rules: readonly RuleFields[],
  making: Making,
  add: Add,
): void {
  const named = new Set<string>();
  rules.forEach((fields, i) => {
    const old = snapshot.rules.get(fields.selector) ?? null;
    const next = ruleRecordOf(fields, old, { id: making.id("rul"), at: making.at });
    const ids = idsOf(fields.selector, `/rules/${i}/selector`);
    addRule(snapshot, old, next, add, ...personalIdProblems(snapshot.org, ids));
    if (old !== null) named.add(old.id);
  });
  for (const old of snapshot.rules) if (!named.has(old.id)) addRule(snapshot, old, null, add);
}

/** Adds the change of a rule, if it is one, and with it what is stored beside the rule. */
function addRule(
  { orgId, rules }: Snapshot,
  old: RuleRecord | null,
  next: RuleRecord | null,
  add: Add,
  ...problems: InputProblem[]
): void {
  const row = ruleRow(orgId, old, next);
  if (!hasEffect(row.change)) return;
  // They go first: the rule may take the spelling of one of them, and so its row.
  for (const twin of old === null ? [] : rules.twinsOf(old.selector)) {
    // It decides nothing, so its going lets nothing through.
    add({ ...ruleRow(orgId, twin, null), widens: false });
  }
  add(row, ...problems);
}

function ruleRow(org: string, old: RuleRecord | null, next: RuleRecord | null): RowChange {
  const change = ruleChange(org, old, next);
  const rule = next ?? old;
  return {
    kind: "rules",
    change,
    widens: ruleWidens(old, next),
    rule: { old, next },
    label: rule === null ? {} : { selector: rule.selector, permission: rule.permission },
  };
}

function byId<T extends { readonly id: string }>(records: readonly T[]): Map<string, T> {
  return new Map(records.map((record) => [record.id, record]));
}
