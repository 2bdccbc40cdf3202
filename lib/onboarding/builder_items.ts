import { isJsonObject, type JsonObject } from "../base/json.ts";
import { isDotSegment } from "../base/text.ts";
import { parseStrictJson } from "../base/strict_json.ts";
import { levelOfSelector } from "../policy/levels.ts";
import { foldedSelector } from "../policy/rule_index.ts";
import { type Permission, PERMISSIONS } from "../store/records/vocabulary.ts";

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

interface TenantItem {
  readonly kind: "tenant";
  readonly id: string;
  readonly name: string | null;
}

interface ResourceItem {
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

/** What is wrong with a field of a form. */
export interface FieldProblem {
  /** Null for the form as a whole. */
  readonly name: string | null;
  readonly message: string;
}

export type ReadItem =
  | { readonly ok: true; readonly item: Item }
  | { readonly ok: false; readonly errors: readonly FieldProblem[] };

const RISKS = ["low", "medium", "high", "critical"] as const;

/**
 * The item that a form names, by the field `kind` and those of its kind. Only what a script could not
 * be written for is refused here: the rest is for the API to say, which knows the organization.
 */
export function readItem(fields: URLSearchParams): ReadItem {
  const kind = ITEM_KINDS.find((one) => one === fields.get("kind"));
  if (kind === undefined) return { ok: false, errors: [{ name: "kind", message: "is unknown" }] };
  const form = new ItemForm(fields);
  const item = READERS[kind](form);
  return form.errors.length === 0 ? { ok: true, item } : { ok: false, errors: form.errors };
}

const READERS: Readonly<Record<ItemKind, (form: ItemForm) => Item>> = {
  tool: (form) => ({
    kind: "tool",
    name: form.inAddress("name"),
    description: form.text("description"),
    category: form.optional("category"),
    tags: form.list("tags"),
    risk_level: form.oneOf("risk_level", RISKS, "medium"),
    parameters: form.jsonObject("parameters"),
    default_permission: form.permission("default_permission"),
    annotations: annotationsOf(form),
    requires_second_approval: form.ticked("requires_second_approval"),
  }),
  tenant: (form) => ({
    kind: "tenant",
    id: form.inAddress("id"),
    name: form.optional("name"),
  }),
  resource: (form) => ({
    kind: "resource",
    id: form.inAddress("id"),
    name: form.optional("name"),
    type: form.optional("type"),
  }),
  rule(form) {
    const selector = {
      tenant_id: form.optional("tenant_id"),
      resource_id: form.optional("resource_id"),
      tool_name: form.optional("tool_name"),
      method: form.optional("method"),
      tag: form.optional("tag"),
    };
    if (levelOfSelector(selector) === null) {
      form.errors.push({
        name: null,
        message:
          "A rule names a tool, a resource, a method, or several of these, or a tag alone; " +
          "a tenant may come with any of them.",
      });
    }
    return {
      kind: "rule",
      selector,
      permission: form.permission("permission"),
      note: form.optional("note"),
    };
  },
  agent: (form) => machineOf("agent", form),
  key: (form) => machineOf("key", form),
};

function machineOf(kind: "agent" | "key", form: ItemForm): Item {
  const tenants = form.list("tenant_ids");
  return {
    kind,
    name: form.required("name"),
    trust_tier: Number(form.oneOf("trust_tier", ["0", "1", "2", "3"], "0")),
    tenant_ids: tenants.length === 0 ? null : tenants,
  };
}

function annotationsOf(form: ItemForm): ToolItem["annotations"] {
  return {
    read_only: form.ticked("read_only"),
    destructive: form.ticked("destructive"),
    idempotent: form.ticked("idempotent"),
    open_world: form.ticked("open_world"),
  };
}

/** The fields of one form, and what is wrong with them. */
class ItemForm {
  readonly errors: FieldProblem[] = [];

  constructor(readonly fields: URLSearchParams) {}

  text(name: string): string {
    return (this.fields.get(name) ?? "").replaceAll("\r\n", "\n").trim();
  }

  optional(name: string): string | null {
    const value = this.text(name);
    return value === "" ? null : value;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === "") this.#refuse(name, "must not be empty");
    return value;
  }

  /** A name that becomes part of an address. */
  inAddress(name: string): string {
    const value = this.required(name);
    if (isDotSegment(value)) {
      this.#refuse(name, "cannot be . or .., which an address cannot hold");
    }
    return value;
  }

  list(name: string): string[] {
    const parts = this.text(name).split(/[\n,]/).map((part) => part.trim());
    return [...new Set(parts.filter((part) => part !== ""))];
  }

  ticked(name: string): boolean {
    return this.fields.has(name);
  }

  oneOf<T extends string>(name: string, options: readonly T[], otherwise: T): T {
    const value = this.text(name);
    const found = options.find((option) => option === value);
    if (found === undefined && value !== "") {
      this.#refuse(name, `must be one of: ${options.join(", ")}`);
    }
    return found ?? otherwise;
  }

  permission(name: string): Permission {
    return this.oneOf(name, PERMISSIONS, "requires_approval");
  }

  jsonObject(name: string): JsonObject | null {
    const text = this.text(name);
    if (text === "") return null;
    const parsed = parseStrictJson(text);
    if (!parsed.ok) {
      this.#refuse(name, `is not JSON: ${parsed.message}`);
      return null;
    }
    if (isJsonObject(parsed.value)) return parsed.value;
    this.#refuse(name, "must be a JSON object");
    return null;
  }

  #refuse(name: string, message: string): void {
    this.errors.push({ name, message });
  }
}
