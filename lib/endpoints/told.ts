import { confirmationId } from "../approvals/nonce.ts";
import { openText } from "../approvals/frozen_view.ts";
import type { JsonObject } from "../base/json.ts";
import { pagePath } from "../base/page_path.ts";
import { visibleLine } from "../base/text.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import { approvalKey, runTokenKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import {
  type ApprovalLevel,
  type ApprovalRecord,
  approvalRecord,
} from "../store/records/approval.ts";
import type {
  ApprovalEventType,
  EventRecord,
  Happening,
  HeardType,
} from "../store/records/event.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import { runTokenRecord } from "../store/records/token.ts";

/**
 * What endpoints are told of an event, made when it is sent of the rows as they are then: what was
 * erased meanwhile is not told. It goes to hosts of others, so there are never arguments, context,
 * end users or secrets in it.
 */

/** How a request ended. */
export type ToldOutcome = "approved" | "denied" | "expired" | "cancelled" | "revoked";

/** What is told of a request. */
export type ToldApproval = {
  readonly approval: string;
  readonly reference: string;
  readonly tool_name: string;
  /** Scrubbed, at most 200 characters in one line; the requester's words, which nobody checked. */
  readonly reason: string;
  readonly level: ApprovalLevel;
  /** RFC 3339. */
  readonly expires_at: string;
  /** Its page, for who is signed in. */
  readonly url: string;
  /** These three once it has ended. */
  readonly outcome?: ToldOutcome;
  /** `usr_…`, or the `key_…` that spoke for a member; null where nobody decided. */
  readonly decided_by?: string | null;
  /** Scrubbed, at most 200 characters in one line; the decider's words. */
  readonly note?: string | null;
};

/** An event as it is told: what webhooks are sent, and what the cards of channels are made of. */
export interface ToldEvent {
  /** The same whenever and however often it is told. */
  readonly id: string;
  readonly type: HeardType;
  /** When it happened, RFC 3339. */
  readonly timestamp: string;
  /** What webhooks are sent of it. */
  readonly data: JsonObject;
  /** The same of a request; null of anything else. */
  readonly approval: ToldApproval | null;
  /** That request itself; null of anything else. */
  readonly request: ApprovalRecord | null;
  /** Whether it still stands so: a request that waited may be decided by now. */
  readonly is_news: boolean;
  /** How many levels a request needs; null of anything else. */
  readonly levels: ApprovalLevel | null;
  /** The risk of the tool that a request is for; null of anything else, and of a tool that is gone. */
  readonly risk: ToolRecord["risk_level"] | null;
}

type Telling = Pick<Services, "deps" | "settings">;

/**
 * What is told of an event; null when what it is about is no longer there.
 * @throws {MalformedRecord}, {StoreUnavailable}, {CannotOpen}
 */
export async function toldEvent(
  services: Telling,
  snapshot: Snapshot,
  { id, happening, created_at }: EventRecord,
): Promise<ToldEvent | null> {
  const told = { id, type: happening.type, timestamp: new Date(created_at).toISOString() };
  if ("approval" in happening) {
    const key = approvalKey(snapshot.orgId, happening.approval);
    const found = await readRecord(services.deps.kv, key, approvalRecord);
    if (found === null) return null;
    const approval = toldApproval(services, snapshot.orgId, happening.type, found.value);
    const { tool_name, levels } = found.value;
    const risk = snapshot.tool(tool_name)?.risk_level ?? null;
    const is_news = isNews(happening.type, found.value, services.deps.now());
    return {
      ...told,
      data: approval,
      approval,
      request: found.value,
      is_news,
      levels: levels === 0 ? null : levels,
      risk,
    };
  }
  const data = await factsOf(services, snapshot, happening);
  if (data === null) return null;
  return {
    ...told,
    data,
    approval: null,
    request: null,
    is_news: true,
    levels: null,
    risk: null,
  };
}

function isNews(
  type: ApprovalEventType,
  { progress, expires_at }: Pick<ApprovalRecord, "progress" | "expires_at">,
  now: number,
): boolean {
  if (type !== "approval.created" && type !== "approval.escalated") return true;
  const level = type === "approval.created" ? 1 : 2;
  return progress.state === "pending" && progress.level === level && now < expires_at;
}

/** What the happenings that are of no request are told by; null when there is nothing left of them. */
async function factsOf(
  { deps, settings }: Telling,
  snapshot: Snapshot,
  happening: Exclude<Happening, { readonly approval: string }>,
): Promise<JsonObject | null> {
  switch (happening.type) {
    case "tool.auto_created":
    case "tool.drifted": {
      const { tool_id } = happening;
      const tool = snapshot.tools.values().find(({ id }) => id === tool_id);
      if (tool === undefined) return null;
      const url = settings.url.origin + pagePath("/tools/:name{.+}", { name: tool.name });
      return { tool_name: tool.name, tool_id, url };
    }
    case "credential.needs_reconnect": {
      const { credential } = happening;
      const kept = snapshot.vault.get(credential);
      if (kept === undefined) return null;
      return { credential_id: credential, name: kept.name, owner: kept.owner };
    }
    case "execution.unknown": {
      const key = runTokenKey(snapshot.orgId, happening.token);
      const token = (await readRecord(deps.kv, key, runTokenRecord))?.value;
      if (token === undefined || !("report_due_at" in token)) return null;
      return {
        token_id: token.id,
        tool_name: token.tool,
        due_at: new Date(token.report_due_at).toISOString(),
      };
    }
    case "kill_switch.changed": {
      const { scope, id, active } = happening;
      return { scope, id, active };
    }
    case "confirmation.resolved": {
      const { request, mandate, outcome } = happening;
      return { confirmation_id: confirmationId(request), mandate_id: mandate, outcome };
    }
    case "mandate.revoked":
      return { mandate_id: happening.mandate, by: happening.by };
    case "budget.threshold":
    case "budget.overrun": {
      const { scope_kind, mandate, percent, limit_micros, spent_micros } = happening;
      return {
        scope_kind,
        ...(mandate === null ? {} : { mandate_id: mandate }),
        percent,
        limit_micros,
        spent_micros,
      };
    }
    case "webhook.disabled":
      return { webhook_id: happening.webhook, why: happening.why };
  }
}

/** Most characters of a reason or a note. */
const MAX_WORDS = 200;

/** What endpoints, and its requester, are told of a request by what happened to it. @throws {CannotOpen} */
export function toldApproval(
  { deps, settings }: Telling,
  org: string,
  type: ApprovalEventType,
  record: ApprovalRecord,
): ToldApproval {
  const { id, reference, tool_name, progress, expires_at } = record;
  const words = (name: string, sealed: Uint8Array) =>
    visibleLine(openText(deps.sealer, org, id, name, sealed), MAX_WORDS);
  // Of what the end user alone is asked, nothing is told but that.
  const level = type === "approval.created" || progress.level === 0 ? 1 : progress.level;
  const told = {
    approval: id,
    reference,
    tool_name,
    reason: words("reason", record.reason),
    level,
    expires_at: new Date(expires_at).toISOString(),
    url: settings.url.origin + pagePath("/approvals/:id", { id }),
  };
  const decision = record.decisions.at(-1);
  const outcome = outcomeOf(type, decision?.decision);
  if (outcome === null) return told;
  if (decision === undefined) return { ...told, outcome, decided_by: null, note: null };
  const note = decision.note === null ? null : words(`note ${decision.level}`, decision.note);
  return { ...told, outcome, decided_by: decision.asserted_by ?? decision.member, note };
}

/** How a request ended by what happened; null where it waits on. */
function outcomeOf(
  type: ApprovalEventType,
  decision: "approve" | "deny" | undefined,
): ToldOutcome | null {
  switch (type) {
    case "approval.created":
    case "approval.escalated":
      return null;
    case "approval.decided":
      return decision === "approve" ? "approved" : "denied";
    case "approval.expired":
      return "expired";
    case "approval.cancelled":
      return "cancelled";
    case "approval.revoked":
      return "revoked";
  }
}
