import { pagePath } from "../base/page_path.ts";
import { type FieldProblem, ITEM_KINDS, type ItemKind, readItem } from "./builder_items.ts";
import { parsePlan, type Plan, planText, withForm, withoutForm } from "./builder_plan.ts";
import { type OutputKey, outputOf } from "./builder_scripts.ts";

/** Where the policy document begins: with the policy as it is, or with nothing. */
type PolicyBase = "current" | "none";

/** A form that was refused, as it was typed. */
export interface RefusedForm {
  readonly kind: ItemKind;
  /** The text of its fields. */
  readonly fields: string;
  readonly errors: readonly FieldProblem[];
}

/** Everything that the API Builder shows depends on: JSON, and all of it in the page's address. */
export interface BuilderState {
  readonly plan: Plan;
  readonly output: OutputKey;
  readonly base: PolicyBase;
  /** The kind whose form is in use. */
  readonly kind: ItemKind | null;
  readonly refused: RefusedForm | null;
}

/** What of an address is not a field of a form. */
const OWN = ["plan", "output", "base", "remove"] as const;

/**
 * The state that an address stands for. A form that it holds is added to the plan, or refused;
 * `remove` takes out the form of that number.
 */
export function builderState(query: URLSearchParams): BuilderState {
  const remove = query.get("remove") ?? "";
  const before = parsePlan(query.get("plan") ?? "");
  const plan = /^\d{1,4}$/.test(remove) ? withoutForm(before, Number(remove)) : before;
  const kind = ITEM_KINDS.find((one) => one === query.get("kind")) ?? null;
  const shared = {
    output: outputOf(query.get("output") ?? "").key,
    base: query.get("base") === "none" ? "none" as const : "current" as const,
    kind,
  };
  if (kind === null) return { ...shared, plan, refused: null };
  const fields = new URLSearchParams(query);
  for (const name of OWN) fields.delete(name);
  const read = readItem(fields);
  return read.ok
    ? { ...shared, plan: withForm(plan, fields), refused: null }
    : { ...shared, plan, refused: { kind, fields: fields.toString(), errors: read.errors } };
}

/** The address of a state, and of one that differs from it in something. */
export function builderPath(
  { plan, output, base }: BuilderState,
  otherwise: Partial<Pick<BuilderState, "output" | "base">> & { readonly remove?: number } = {},
): string {
  const { remove, ...changed } = otherwise;
  return pagePath("/api-builder", { output, base, ...changed, plan: planText(plan), remove });
}
