import type { JsonObject } from "../../lib/json/json_value.ts";
import type { GivenAction } from "../../lib/tokens/differing_action.ts";

/** The fields of an action that a body names; null is a name too, of having none. */
export function givenAction(fields: {
  tool_name?: string | undefined;
  tenant_id?: string | null | undefined;
  resource_id?: string | null | undefined;
  method?: string | null | undefined;
  arguments?: JsonObject | null | undefined;
}): GivenAction {
  const { tool_name, tenant_id, resource_id, method, arguments: args } = fields;
  return {
    ...(tool_name === undefined ? {} : { tool: tool_name }),
    ...(tenant_id === undefined ? {} : { tenant: tenant_id }),
    ...(resource_id === undefined ? {} : { resource: resource_id }),
    ...(method === undefined ? {} : { method }),
    ...(args === undefined ? {} : { arguments: args ?? {} }),
  };
}
