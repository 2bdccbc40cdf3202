import { serialize } from "node:v8";
import type { JsonObject } from "../base/json.ts";
import type { Written } from "../catalog/record_change.ts";
import { mergedTool, type ToolFields } from "../catalog/tool_record.ts";
import { acceptTool } from "../catalog/tools.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import type { UpstreamRecord } from "../store/records/upstream.ts";
import { definitionDigest } from "./definition.ts";
import { ownOf, readDefinition } from "./follow.ts";
import { existingUpstream, toolsOf, type UpstreamTool } from "./upstreams.ts";

/** A tool of an upstream as somebody reads it before they approve it. */
export interface ReadTool {
  readonly upstream: UpstreamRecord;
  readonly tool: UpstreamTool;
  /** As the upstream defines it; null where that is not kept. */
  readonly offered: JsonObject | null;
  /** As it was approved, where it is defined in another way since; null also where that is lost. */
  readonly approved: JsonObject | null;
}

/**
 * Reads one tool of an upstream, by its name in the catalog, with its whole definition.
 * @throws {Refusal} not_found
 */
export function readTool(
  upstream: string,
  name: string,
): CallerOperation<readonly (JsonObject | null)[], ReadTool> {
  const what = `tool ${name} of ${upstream}`;
  return {
    load: async (reader) => {
      const tool = ownOf(reader.snapshot.tool(name) ?? null, upstream)?.upstream;
      if (tool === undefined) return [];
      const { fromStore } = reader;
      return await Promise.all([
        readDefinition(fromStore, upstream, tool.tool, "offered"),
        tool.drifted ? readDefinition(fromStore, upstream, tool.tool, "approved") : null,
      ]);
    },
    plan({ snapshot }, _caller, [kept = null, approved = null]) {
      const record = existingUpstream(snapshot, upstream);
      const tool = ownOf(snapshot.tool(name) ?? null, upstream);
      if (tool === null) throw new Refusal("not_found", { what });
      // Whoever approves does so by the digest: nothing else is shown as what it stands for.
      const isIt = kept !== null &&
        definitionDigest(record, kept) === tool.upstream.definition_digest;
      return { upstream: record, tool, offered: isIt ? kept : null, approved };
    },
  };
}

/** Most tools that one approval names, and most bytes of them: they are one commit. */
export const APPROVED_AT_ONCE = { tools: 100, bytes: 400_000 } as const;

/** A tool that somebody approves, as they have read it. */
export interface ApprovedTool {
  /** Its name in the catalog. */
  readonly name: string;
  /** The definition that they have read; another one is not approved by it. */
  readonly definition_digest: string;
  /** What they say of it. */
  readonly fields: Pick<
    ToolFields,
    "annotations" | "default_permission" | "category" | "tags" | "risk_level"
  >;
}

/**
 * Approves several tools of an upstream at once, each for the definition that was read: whoever
 * approves stands for their annotations. All of them, or none.
 * @throws {Refusal} not_found, definition_changed, invalid_request, owner_required, role_required,
 *   recovery_held, fresh_assertion_required
 */
export function approveTools(
  upstream: string,
  tools: readonly ApprovedTool[],
  request_id: string,
): CallerOperation<void, Written<readonly ToolRecord[]>> {
  return {
    plan(transaction, caller) {
      const { snapshot, at } = transaction;
      existingUpstream(snapshot, upstream);
      const known = new Map(toolsOf(snapshot, upstream).map((tool) => [tool.name, tool]));
      let bytes = 0;
      const record = tools.map(({ name, definition_digest, fields }) => {
        const old = known.get(name);
        if (old === undefined) throw new Refusal("not_found", { what: `tool ${name}` });
        bytes += serialize(old).length;
        if (bytes > APPROVED_AT_ONCE.bytes) {
          throw invalidRequest("/tools", "are more than fits one commit; approve fewer at once");
        }
        const approved = { ...fields, status: "approved", annotations_acknowledged: true } as const;
        const next = mergedTool(old, approved, at);
        const read = { definition_digest };
        return acceptTool(transaction, { caller, request_id }, old, next, read).record;
      });
      return { record, created: false, policy_version: transaction.policyVersion };
    },
  };
}
