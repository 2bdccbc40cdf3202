import { ruleBody, toolBody } from "../builder/api_request.ts";
import { identityOf, inOrder, type Item, type MachineItem } from "../builder/item.ts";
import { jsonText } from "../builder/json_text.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/json_value.ts";

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
  return String.raw`export COUNTERSIGN_KEY=…   # a management key
policy() {
  curl -sS "${origin}/v1/policy$1" -H @<(printf 'X-API-Key: %s' "$COUNTERSIGN_KEY") "${"${@:2}"}"
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
