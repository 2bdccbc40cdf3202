import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { visibleSegments } from "../base/text.ts";
import {
  identityOf,
  inOrder,
  type Item,
  type MachineItem,
  readItem,
  type RuleItem,
  selectorParts,
  type ToolItem,
} from "./builder_items.ts";

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

/** One request of the API that makes an item. */
export interface ApiRequest {
  readonly method: "PUT" | "POST";
  /** Percent-encoded: ASCII without quotes, spaces or anything that a shell looks at. */
  readonly path: string;
  readonly body: JsonObject;
  /** The field of the answer that is shown only once, and whose it is; null where there is none. */
  readonly secret: { readonly field: "token" | "key"; readonly of: string } | null;
}

/** The requests that make all items, in the order in which they are to be sent. */
export function apiRequests(items: readonly Item[]): ApiRequest[] {
  return inOrder(items).map(requestOf);
}

function requestOf(item: Item): ApiRequest {
  switch (item.kind) {
    case "tool":
      return put(`/v1/tools/${segment(item.name)}`, toolBody(item));
    case "tenant":
      return put(`/v1/tenants/${segment(item.id)}`, { name: item.name });
    case "resource":
      return put(`/v1/resources/${segment(item.id)}`, { name: item.name, type: item.type });
    case "rule":
      return put("/v1/rules", ruleBody(item));
    case "agent":
    case "key": {
      const { kind, name, trust_tier, tenant_ids } = item;
      const body = { name, trust_tier, tenant_ids: tenant_ids === null ? null : [...tenant_ids] };
      return kind === "agent"
        ? { method: "POST", path: "/v1/agents", body, secret: { field: "token", of: name } }
        : {
          method: "POST",
          path: "/v1/api-keys",
          body: { ...body, tier: "standard" },
          secret: { field: "key", of: name },
        };
    }
  }
}

/** A tool as the API takes it, its name apart. Whoever runs the script stands for what it says. */
function toolBody(tool: ToolItem): JsonObject {
  return {
    description: tool.description,
    category: tool.category,
    tags: [...tool.tags],
    risk_level: tool.risk_level,
    parameters: tool.parameters,
    default_permission: tool.default_permission,
    annotations: { ...tool.annotations },
    annotations_acknowledged: true,
    requires_second_approval: tool.requires_second_approval,
  };
}

/** A rule as the API takes it. */
function ruleBody(rule: RuleItem): JsonObject {
  const parts = Object.entries(selectorParts(rule)).filter(([, part]) => part !== null);
  return { selector: Object.fromEntries(parts), permission: rule.permission, note: rule.note };
}

function put(path: string, body: JsonObject): ApiRequest {
  return { method: "PUT", path, body, secret: null };
}

/** Beyond what RFC 3986 asks: nothing is left that any of the languages gives a meaning to. */
function segment(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

type ListName = "tools" | "tenants" | "resources" | "rules";

type PolicyItem = Exclude<Item, MachineItem>;

const LISTS: Readonly<Record<PolicyItem["kind"], ListName>> = {
  tool: "tools",
  tenant: "tenants",
  resource: "resources",
  rule: "rules",
};

/**
 * The items as a document for `PUT /v1/policy`; agents and keys are no part of a policy.
 *
 * @param current a document as `GET /v1/policy` gives it, in which the items take the place of what
 *   they name; null for the items alone. A list that would be empty then is left out, for an empty
 *   one empties the policy.
 */
export function policyDocument(items: readonly Item[], current: JsonObject | null): JsonObject {
  const document: JsonObject = { ...current };
  for (const item of inOrder(items).filter(isOfPolicy)) {
    const name = LISTS[item.kind];
    const row = rowOf(item);
    const rows = document[name];
    const identity = rowIdentity(name, row);
    document[name] = [
      ...(Array.isArray(rows) ? rows : []).filter((other) => rowIdentity(name, other) !== identity),
      row,
    ];
  }
  return document;
}

/** The document as a text to be saved. */
export function policyText(items: readonly Item[], current: JsonObject | null): string {
  return `${jsonText(policyDocument(items, current))}\n`;
}

/** How a document that was saved is sent: first to see what it changes. */
export function applyPolicyScript(origin: string): string {
  return String.raw`: "${"${COUNTERSIGN_KEY:?Put a management key into COUNTERSIGN_KEY}"}"
policy() {
  curl -gsS "${origin}/v1/policy$1" -H @<(printf 'X-API-Key: %s' "$COUNTERSIGN_KEY") "${"${@:2}"}"
}
version=$(policy '' -D - -o /dev/null | tr -d '\r' | sed -nE 's/^[Ee][Tt][Aa][Gg]: //p')
policy '' -X PUT -H "If-Match: $version" --data-binary @policy.json                  # what it would change
policy '?dry_run=false' -X PUT -H "If-Match: $version" --data-binary @policy.json    # changes it
`;
}

function isOfPolicy(item: Item): item is PolicyItem {
  return item.kind !== "agent" && item.kind !== "key";
}

function rowOf(item: PolicyItem): JsonObject {
  switch (item.kind) {
    case "tool":
      return { name: item.name, ...toolBody(item) };
    case "tenant":
      return { id: item.id, name: item.name };
    case "resource":
      return { id: item.id, name: item.name, type: item.type };
    case "rule":
      return ruleBody(item);
  }
}

/** What tells rows of one list apart, wherever they come from. */
function rowIdentity(list: ListName, row: JsonValue): JsonValue {
  if (!isJsonObject(row)) return null;
  if (list !== "rules") return row[list === "tools" ? "name" : "id"] ?? null;
  const { selector = {} } = row;
  const part = (name: string) => {
    const value = isJsonObject(selector) ? selector[name] : null;
    return typeof value === "string" ? value : null;
  };
  return identityOf({
    kind: "rule",
    selector: {
      tenant_id: part("tenant_id"),
      resource_id: part("resource_id"),
      tool_name: part("tool_name"),
      method: part("method"),
      tag: part("tag"),
    },
    permission: "disabled",
    note: null,
  });
}

/**
 * JSON for people to read and programs to run: indented, and whatever an eye would not see or would
 * see elsewhere (controls, zero-width, bidirectional characters) written as `\u` and four digits, so
 * that the script says what it does.
 */
export function jsonText(value: JsonValue): string {
  return escapeHidden(JSON.stringify(value, null, 2), codeUnits);
}

/** A text as a JSON string in one line. */
export function jsonString(text: string): string {
  return escapeHidden(JSON.stringify(text), codeUnits);
}

/** Replaces each hidden character of a text by what `escape` makes of it. */
export function escapeHidden(text: string, escape: (character: string) => string): string {
  return visibleSegments(text).map(({ text, hidden }) =>
    hidden === null ? text : Array.from(text, escape).join("")
  ).join("");
}

/** Four digits a UTF-16 unit: characters beyond them are pairs (RFC 8259 section 7). */
function codeUnits(character: string): string {
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
  ).join("");
}
