import type { Snapshot } from "../policy/snapshot.ts";
import type { InputProblem } from "../refusal.ts";
import type {
  CategoryRecord,
  ResourceRecord,
  RuleRecord,
  Selector,
  TenantRecord,
  ToolRecord,
} from "../store/records/policy.ts";
import type { ResourceFields } from "./resources.ts";
import type { RuleFields } from "./rules.ts";
import type { TenantFields } from "./tenants.ts";
import type { ToolFields } from "./tool_record.ts";

/**
 * An edit of the policy, as it is asked for: a whole document or a part of one, and the records
 * that it takes away.
 */

/** A policy as one document, each row of it whole. */
export interface PolicyDocument {
  readonly tools?: readonly (ToolFields & { readonly name: string })[];
  readonly categories?: readonly CategoryRecord[];
  readonly tenants?: readonly (TenantFields & { readonly id: string })[];
  readonly resources?: readonly (ResourceFields & { readonly id: string })[];
  readonly rules?: readonly RuleFields[];
}

/** Rows that are to go, by what names them: a rule by its selector or its id. */
interface PolicyRemovals {
  readonly tools?: readonly string[];
  readonly categories?: readonly string[];
  readonly tenants?: readonly string[];
  readonly resources?: readonly string[];
  readonly rules?: readonly (Selector | string)[];
}

/**
 * What somebody wants of a policy: `whole`, that it is what a document says, a kind that is left out
 * as it is and an empty one emptied; or `part`, that rows become what the document says, that rows
 * go, and that everything else stays.
 */
export type PolicyEdit =
  | { readonly of: "whole"; readonly document: PolicyDocument }
  | {
    readonly of: "part";
    readonly document: PolicyDocument;
    readonly remove: PolicyRemovals;
  };

/** The records of a policy that a snapshot does not hold. */
export interface Described {
  readonly tenants: readonly TenantRecord[];
  readonly resources: readonly ResourceRecord[];
}

/** The records that an edit takes away. */
export interface LeavingRows {
  readonly tools: readonly ToolRecord[];
  readonly categories: readonly CategoryRecord[];
  readonly tenants: readonly TenantRecord[];
  readonly resources: readonly ResourceRecord[];
  readonly rules: readonly RuleRecord[];
}

/** Where the document of an edit stands in the request. */
export function pointerOf(edit: PolicyEdit): string {
  return edit.of === "whole" ? "" : "/put";
}

/**
 * The records that an edit takes away, and what stands against it. A tenant takes its rules along,
 * but for those that the edit puts, or a whole document leaves to its own list.
 */
export function leavingRows(
  snapshot: Snapshot,
  described: Described,
  edit: PolicyEdit,
): { readonly leaving: LeavingRows; readonly problems: readonly InputProblem[] } {
  const { document } = edit;
  const named = edit.of === "whole"
    ? { leaving: absentRows(snapshot, described, document), problems: [] }
    : removedRows(snapshot, described, document, edit.remove);
  if (edit.of === "whole" && document.rules !== undefined) return named;
  const { leaving } = named;
  const rules = new Set(leaving.rules);
  const put = new Set(document.rules?.map(({ selector }) => snapshot.rules.get(selector)));
  for (const { id } of leaving.tenants) {
    if (!snapshot.rules.hasTenant(id)) continue;
    for (const rule of snapshot.rules.forTenant(id)) if (!put.has(rule)) rules.add(rule);
  }
  return { ...named, leaving: { ...leaving, rules: [...rules] } };
}

/** What a whole document does not name, of the kinds that it has. Drafts stay. */
function absentRows(
  snapshot: Snapshot,
  { tenants, resources }: Described,
  document: PolicyDocument,
): LeavingRows {
  const nameOf = ({ name }: { readonly name: string }) => name;
  const idOf = ({ id }: { readonly id: string }) => id;
  const rules = document.rules?.map(({ selector }) => snapshot.rules.get(selector));
  const inUse = snapshot.tools.values().filter(({ status }) => status !== "draft");
  return {
    tools: absent(inUse, nameOf, document.tools?.map(nameOf)),
    categories: absent(snapshot.categories.values(), nameOf, document.categories?.map(nameOf)),
    tenants: absent(tenants, idOf, document.tenants?.map(idOf)),
    resources: absent(resources, idOf, document.resources?.map(idOf)),
    rules: absent(snapshot.rules, (rule) => rule, rules),
  };
}

function absent<T, N>(
  known: Iterable<T>,
  nameOf: (one: T) => N,
  named: readonly (N | undefined)[] | undefined,
): T[] {
  if (named === undefined) return [];
  const names = new Set(named);
  return [...known].filter((one) => !names.has(nameOf(one)));
}

/** What an edit of a part names to go. Each has to be there, once, and not to be put as well. */
function removedRows(
  snapshot: Snapshot,
  described: Described,
  document: PolicyDocument,
  remove: PolicyRemovals,
): { readonly leaving: LeavingRows; readonly problems: readonly InputProblem[] } {
  const problems: InputProblem[] = [];
  const tenants = new Map(described.tenants.map((tenant) => [tenant.id, tenant]));
  const resources = new Map(described.resources.map((resource) => [resource.id, resource]));
  const found = <N, T>(
    kind: keyof PolicyRemovals,
    names: readonly N[] = [],
    find: (name: N) => T | undefined,
    put: readonly (T | undefined)[] = [],
  ): T[] => {
    const kept = new Set(put);
    const rows = new Set<T>();
    names.forEach((name, i) => {
      const row = find(name);
      const message = row === undefined
        ? "names nothing that is there: read the policy again"
        : kept.has(row)
        ? "is put by the same request: leave out one of both"
        : rows.has(row)
        ? "is named twice: name each once"
        : null;
      if (message !== null) problems.push({ path: `/remove/${kind}/${i}`, message });
      else if (row !== undefined) rows.add(row);
    });
    return [...rows];
  };
  const tool = (name: string) => snapshot.tool(name);
  const category = (name: string) => snapshot.category(name);
  const tenant = (id: string) => tenants.get(id);
  const resource = (id: string) => resources.get(id);
  const rule = (name: Selector | string) =>
    typeof name === "string" ? snapshot.rules.byId(name) : snapshot.rules.get(name);
  const leaving: LeavingRows = {
    tools: found("tools", remove.tools, tool, document.tools?.map(({ name }) => tool(name))),
    categories: found(
      "categories",
      remove.categories,
      category,
      document.categories?.map(({ name }) => category(name)),
    ),
    tenants: found(
      "tenants",
      remove.tenants,
      tenant,
      document.tenants?.map(({ id }) => tenant(id)),
    ),
    resources: found(
      "resources",
      remove.resources,
      resource,
      document.resources?.map(({ id }) => resource(id)),
    ),
    rules: found(
      "rules",
      remove.rules,
      rule,
      document.rules?.map(({ selector }) => rule(selector)),
    ),
  };
  return { leaving, problems };
}
