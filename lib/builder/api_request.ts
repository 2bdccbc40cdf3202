import type { JsonObject } from "../json/json_value.ts";
import { inOrder, type Item, type RuleItem, selectorParts, type ToolItem } from "./item.ts";

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
export function toolBody(tool: ToolItem): JsonObject {
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
export function ruleBody(rule: RuleItem): JsonObject {
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
