import type { JsonObject } from "../json/json_value.ts";
import { foldedSelector } from "../policy/names.ts";
import type { Permission } from "../policy/permission.ts";

/** What a script makes, in the order in which it makes it. */
export const ITEM_KINDS = ["tool", "tenant", "resource", "rule", "agent", "key"] as const;

export type ItemKind = (typeof ITEM_KINDS)[number];

export interface ToolItem {
  readonly kind: "tool";
  readonly name: string;
  readonly description: string;
  readonly category: string | null;
  readonly tags: readonly string[];
  readonly risk_level: "low" | "medium" | "high" | "critical";
  /** JSON Schema of the arguments; null takes any. */
  readonly parameters: JsonObject | null;
  readonly default_permission: Permission;
  readonly annotations: {
    readonly read_only: boolean;
    readonly destructive: boolean;
    readonly idempotent: boolean;
    readonly open_world: boolean;
  };
  readonly requires_second_approval: boolean;
}

export interface TenantItem {
  readonly kind: "tenant";
  readonly id: string;
  readonly name: string | null;
}

export interface ResourceItem {
  readonly kind: "resource";
  readonly id: string;
  readonly name: string | null;
  readonly type: string | null;
}

export interface RuleItem {
  readonly kind: "rule";
  /** Null is a part that the rule does not speak of. */
  readonly selector: {
    readonly tenant_id: string | null;
    readonly resource_id: string | null;
    readonly tool_name: string | null;
    readonly method: string | null;
    readonly tag: string | null;
  };
  readonly permission: Permission;
  readonly note: string | null;
}

/** An agent, or a standard key. */
export interface MachineItem {
  readonly kind: "agent" | "key";
  readonly name: string;
  readonly trust_tier: number;
  /** Null for all tenants. */
  readonly tenant_ids: readonly string[] | null;
}

/** One thing that a script makes. */
export type Item = ToolItem | TenantItem | ResourceItem | RuleItem | MachineItem;

/** What tells things of one kind apart: a later one of the same takes the place of an earlier one. */
export function identityOf(item: Item): string {
  switch (item.kind) {
    case "tenant":
    case "resource":
      return JSON.stringify([item.kind, item.id]);
    case "rule":
      return JSON.stringify([item.kind, ...Object.values(foldedSelector(selectorParts(item)))]);
    default:
      return JSON.stringify([item.kind, item.name]);
  }
}

/** What people call an item in a list. */
export function itemName(item: Item): string {
  if (item.kind === "tenant" || item.kind === "resource") return item.id;
  if (item.kind !== "rule") return item.name;
  return Object.values(selectorParts(item)).filter((part) => part !== null).join(" · ");
}

/** The items in the order in which they are made. */
export function inOrder(items: readonly Item[]): Item[] {
  return items.toSorted((a, b) => ITEM_KINDS.indexOf(a.kind) - ITEM_KINDS.indexOf(b.kind));
}

/** The parts of a rule's selector in one order, wherever the rule comes from. */
export function selectorParts({ selector }: RuleItem): RuleItem["selector"] {
  const { tenant_id, resource_id, tool_name, method, tag } = selector;
  return { tenant_id, resource_id, tool_name, method, tag };
}
