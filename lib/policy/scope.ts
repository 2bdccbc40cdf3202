import type { SubTokenScope } from "../store/records/sub_token.ts";
import type { ActionFacts } from "./levels.ts";
import { isSameMethod } from "./rule_index.ts";

/**
 * What a sub-token reaches. Every list has to name what the action says, and what the action leaves
 * out is in no list: so nothing is reached by leaving a fact out. Pure.
 */

/** @param tags of the tool, as the catalog has it at this moment */
export function isWithinScope(
  { tools, tags: reached, methods, resources, tenant_ids }: SubTokenScope,
  { tool, method, resource, tenant }: ActionFacts,
  tags: readonly string[],
): boolean {
  return isNamed(tools, tool) && isNamed(resources, resource) && isNamed(tenant_ids, tenant) &&
    (methods === null || (method !== null && methods.some((one) => isSameMethod(one, method)))) &&
    (reached === null || reached.some((tag) => tags.includes(tag)));
}

/** Letter by letter: an id that only looks like another one is another one. */
function isNamed(names: readonly string[] | null, name: string | null): boolean {
  return names === null || (name !== null && names.includes(name));
}
