import { manyRuleWarnings, type RuleWarning, type Tools } from "../policy/rule_warnings.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import {
  categoryWidens,
  liftsTenantGate,
  type RuleStep,
  ruleWidens,
  tenantWidens,
  toolWidens,
} from "../policy/widening.ts";
import type { InputProblem } from "../refusal.ts";
import type {
  ResourceRecord,
  RuleRecord,
  Selector,
  TenantRecord,
  ToolRecord,
} from "../store/records/policy.ts";
import { categoryChange } from "./categories.ts";
import { personalIdProblems } from "./personal_ids.ts";
import {
  type Described,
  type LeavingRows,
  leavingRows,
  pointerOf,
  type PolicyDocument,
  type PolicyEdit,
} from "./policy_edit.ts";
import { changedFields, hasEffect, type RecordChange } from "./record_change.ts";
import { resourceChange } from "./resources.ts";
import { ruleChange, ruleRecordOf } from "./rules.ts";
import { idsOf, patternProblems, type Registered } from "./selectors.ts";
import { tenantChange } from "./tenants.ts";
import {
  archivedTool,
  assertDefinitionRead,
  replacedTool,
  TOOL_FIELDS,
  toolProblems,
} from "./tool_record.ts";
import { toolChange } from "./tools.ts";

/**
 * What an edit of the policy would make different: one row for each record, with what stands
 * against it, what is to be said of it, and whether it lets more through. Pure; `apply_policy.ts`
 * carries it out.
 */

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
 * What an edit makes different. Tools that go are archived, everything else is removed.
 * @throws {Refusal} definition_changed
 */
export function documentChanges(
  snapshot: Snapshot,
  described: Described,
  edit: PolicyEdit,
  making: Making,
): DocumentChanges {
  const { leaving, problems: unknown } = leavingRows(snapshot, described, edit);
  const { document } = edit;
  const at = pointerOf(edit);
  const rows: RowChange[] = [];
  const problems: InputProblem[] = [...unknown];
  const add = (row: RowChange, ...found: InputProblem[]) => {
    if (!hasEffect(row.change)) return;
    rows.push(row);
    problems.push(...found);
  };
  const context: Adding = { snapshot, described, document, at, making, add };
  addTools(context, leaving);
  addCategories(context, leaving);
  addTenants(context, leaving);
  addResources(context, leaving);
  addRules(context, leaving);
  const selectorProblems: InputProblem[] = [];
  const warnings: DocumentWarning[] = [];
  const registered = registeredAfter(snapshot, described, document, leaving);
  const warningsOf = manyRuleWarnings(toolsAfter(snapshot, rows));
  document.rules?.forEach(({ selector, permission }, i) => {
    const old = snapshot.rules.get(selector);
    if (old === undefined) {
      selectorProblems.push(...patternProblems(selector, `${at}/rules/${i}/selector`, registered));
    }
    if (old?.permission === permission) return;
    for (const warning of warningsOf({ selector, permission })) {
      warnings.push({ ...warning, path: `${at}/rules/${i}` });
    }
  });
  const steps = rows.flatMap(({ rule }) => rule ?? []);
  const widens = rows.some((row) => row.widens) || liftsTenantGate(snapshot.rules, steps);
  return { rows, problems, selectorProblems, warnings, widens };
}

type Add = (row: RowChange, ...problems: InputProblem[]) => void;

interface Adding {
  readonly snapshot: Snapshot;
  readonly described: Described;
  readonly document: PolicyDocument;
  /** JSON pointer of the document in the request. */
  readonly at: string;
  readonly making: Making;
  readonly add: Add;
}

function addTools({ snapshot, document, at, making, add }: Adding, { tools }: LeavingRows): void {
  document.tools?.forEach(({ name, ...fields }, i) => {
    const old = snapshot.tool(name) ?? null;
    const next = replacedTool(name, fields, old, { id: making.id("tol"), at: making.at });
    assertDefinitionRead(snapshot, old, next, fields.definition_digest ?? null);
    const change = toolChange(snapshot.orgId, old, next);
    // A draft that is listed as it stands is not triaged by that.
    if (changedFields({ ...change, fields: TOOL_FIELDS }).length === 0) return;
    const problems = toolProblems(snapshot.org, old, next).map(({ path, message }) => ({
      path: `${at}/tools/${i}${path}`,
      message,
    }));
    add(toolRow(snapshot, change, { old, next }), ...problems);
  });
  for (const old of tools) {
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

function addCategories({ snapshot, document, add }: Adding, { categories }: LeavingRows): void {
  const org = snapshot.orgId;
  for (const next of document.categories ?? []) {
    const old = snapshot.category(next.name) ?? null;
    const widens = categoryWidens(old, next);
    const change = categoryChange(org, old, next);
    add({ kind: "categories", change, widens, label: { name: next.name } });
  }
  for (const old of categories) {
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
  { snapshot, described, document, at, making, add }: Adding,
  { tenants }: LeavingRows,
): void {
  const known = byId(described.tenants);
  document.tenants?.forEach((fields, i) => {
    const { id } = fields;
    const old = known.get(id) ?? null;
    const next: TenantRecord = { ...fields, created_at: old?.created_at ?? making.at };
    const personal = personalIdProblems(snapshot.org, { [`${at}/tenants/${i}/id`]: id });
    add(tenantRow(snapshot, old, next), ...personal);
  });
  for (const old of tenants) add(tenantRow(snapshot, old, null));
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
  { snapshot, described, document, at, making, add }: Adding,
  { resources }: LeavingRows,
): void {
  const org = snapshot.orgId;
  const known = byId(described.resources);
  document.resources?.forEach((fields, i) => {
    const { id } = fields;
    const old = known.get(id) ?? null;
    const next: ResourceRecord = { ...fields, created_at: old?.created_at ?? making.at };
    const personal = personalIdProblems(snapshot.org, { [`${at}/resources/${i}/id`]: id });
    const change = resourceChange(org, old, next);
    add({ kind: "resources", change, widens: false, label: { id } }, ...personal);
  });
  for (const old of resources) {
    const change = resourceChange(org, old, null);
    add({ kind: "resources", change, widens: false, label: { id: old.id } });
  }
}

/** What there is once the document is applied; of tags also those of tools that go. */
function registeredAfter(
  snapshot: Snapshot,
  described: Described,
  { tools = [], tenants = [], resources = [] }: PolicyDocument,
  leaving: LeavingRows,
): Registered {
  const tenantIds = idsAfter(described.tenants, leaving.tenants, tenants);
  const resourceIds = idsAfter(described.resources, leaving.resources, resources);
  const tags = new Set([...tools, ...snapshot.tools.values()].flatMap(({ tags = [] }) => tags));
  return {
    tenant: (id) => tenantIds.has(id),
    resource: (id) => resourceIds.has(id),
    tag: (name) => tags.has(name),
  };
}

type WithId = { readonly id: string };

function idsAfter(
  known: readonly WithId[],
  leaving: readonly WithId[],
  put: readonly WithId[],
): Set<string> {
  const ids = new Set(known.map(({ id }) => id));
  for (const { id } of leaving) ids.delete(id);
  for (const { id } of put) ids.add(id);
  return ids;
}

/** The tools once the document is applied. */
function toolsAfter(snapshot: Snapshot, rows: readonly RowChange[]): Tools {
  const tools = new Map(snapshot.tools);
  for (const { tool } of rows) if (tool !== undefined) tools.set(tool.next.name, tool.next);
  return { tools, tool: (name) => tools.get(name) };
}

function addRules({ snapshot, document, at, making, add }: Adding, { rules }: LeavingRows): void {
  document.rules?.forEach((fields, i) => {
    const old = snapshot.rules.get(fields.selector) ?? null;
    const next = ruleRecordOf(fields, old, { id: making.id("rul"), at: making.at });
    const ids = idsOf(fields.selector, `${at}/rules/${i}/selector`);
    addRule(snapshot, old, next, add, ...personalIdProblems(snapshot.org, ids));
  });
  for (const old of rules) addRule(snapshot, old, null, add);
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

function byId<T extends WithId>(records: readonly T[]): Map<string, T> {
  return new Map(records.map((record) => [record.id, record]));
}
