import { readItem } from "../onboarding/builder_items.ts";
import { identityOf, type Item } from "./item.ts";

/**
 * What a script is to make, as a list of forms that were filled in: each the text of its fields
 * (`application/x-www-form-urlencoded`), so that a plan fits an address and is read by one reader.
 */
export type Plan = readonly string[];

/** More than anybody types, and still within what an address holds. */
const MAX_ITEMS = 200;

/** The plan that a text holds, one form a line; what cannot be read is left out. */
export function parsePlan(text: string): Plan {
  const lines = text.split(/\r?\n/).filter((line) => itemOf(line) !== null);
  return lines.slice(0, MAX_ITEMS);
}

/** The plan as a text. */
export function planText(plan: Plan): string {
  return plan.join("\n");
}

/** The items of a plan. */
export function itemsOf(plan: Plan): Item[] {
  return plan.flatMap((line) => itemOf(line) ?? []);
}

/** The plan with one form more; one that names the same thing goes. */
export function withForm(plan: Plan, fields: URLSearchParams): Plan {
  const line = fields.toString();
  const added = itemOf(line);
  if (added === null) return plan;
  const identity = identityOf(added);
  const others = plan.filter((other) => {
    const item = itemOf(other);
    return item !== null && identityOf(item) !== identity;
  });
  return [...others, line].slice(-MAX_ITEMS);
}

/** The plan without the form at `index`. */
export function withoutForm(plan: Plan, index: number): Plan {
  return plan.filter((_, i) => i !== index);
}

function itemOf(line: string): Item | null {
  const read = readItem(new URLSearchParams(line));
  return read.ok ? read.item : null;
}
