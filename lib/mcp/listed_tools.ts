import { assertNoPersonalIds, personalIdProblems } from "../catalog/personal_ids.ts";
import { type MachineCaller, tenantWithin } from "../identity/caller.ts";
import { type Resolution, resolve } from "../policy/chain.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type AnyRefusal, Refusal, type RefusalCode } from "../refusal.ts";
import type { ToolRecord } from "../store/records/policy.ts";

/** An approved tool, and what a check that names nothing else would answer. */
export interface ListedTool {
  readonly tool: ToolRecord;
  /** A code where the check itself would be refused. */
  readonly answer: Pick<Resolution, "permission" | "resolved_from" | "rule"> | RefusalCode;
}

/**
 * The approved tools by name, from after `after` on, as this caller would find them: the same
 * resolution as a check over MCP, recorded nowhere. `next` is the name to go on after.
 */
export function listedTools(
  snapshot: Snapshot,
  caller: MachineCaller,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): { readonly items: ListedTool[]; readonly next: string | null } {
  const approved = [...snapshot.tools.values()].filter(({ name, status }) =>
    status === "approved" && (after === null || name > after)
  );
  approved.sort((a, b) => a.name < b.name ? -1 : 1);
  const tenant = tenantOf(snapshot, caller);
  const answerOf = (tool: ToolRecord): ListedTool["answer"] => {
    if (tenant instanceof Refusal) return tenant.code;
    // One that was named so before it was refused.
    const named = personalIdProblems(snapshot.org, { "/tool_name": tool.name });
    if (named.length > 0) return "invalid_request";
    const action = { tenant, resource: null, tool: tool.name, method: null };
    return resolve(snapshot, action, caller, { via: "mcp" });
  };
  const items = approved.slice(0, limit).map((tool) => ({ tool, answer: answerOf(tool) }));
  return { items, next: approved.length > limit ? items.at(-1)?.tool.name ?? null : null };
}

/** The tenant that a check gets which names none, or why it is refused. */
function tenantOf(snapshot: Snapshot, caller: MachineCaller): string | null | AnyRefusal {
  try {
    const tenant = tenantWithin(caller, null);
    assertNoPersonalIds(snapshot.org, { "/tenant_id": tenant });
    return tenant;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}
