import { differingPointers, type JsonObject, MAX_DIFFERING_POINTERS } from "./json.ts";

/** One concrete intended call. A part that the caller did not name is null. */
export interface Action {
  readonly tenant: string | null;
  readonly resource: string | null;
  readonly tool: string;
  readonly method: string | null;
  readonly arguments: JsonObject;
}

/**
 * Where two actions differ, as sorted JSON pointers into the action's fields as the API names
 * them (`/tenant_id`, `/arguments/amount`). At most 50; the arguments give way first, so that a
 * different tool or tenant is always named.
 */
export function differingFacts(a: Action, b: Action): string[] {
  const facts: string[] = [];
  if (a.method !== b.method) facts.push("/method");
  if (a.resource !== b.resource) facts.push("/resource_id");
  if (a.tenant !== b.tenant) facts.push("/tenant_id");
  if (a.tool !== b.tool) facts.push("/tool_name");
  const members = differingPointers(a.arguments, b.arguments)
    .slice(0, MAX_DIFFERING_POINTERS - facts.length)
    .map((pointer) => `/arguments${pointer}`);
  return [...members, ...facts];
}
