import { queueAlerts } from "../alerts/queue_alerts.ts";
import { splitReference } from "../catalog/personal_ids.ts";
import { toolDefinitionDigest } from "../catalog/tool_definition.ts";
import type { Decision } from "../decisions/decide.ts";
import { actorOf, type MachineCaller } from "../identity/caller.ts";
import type { Client } from "../identity/client.ts";
import { missingFacts } from "../identity/standing.ts";
import type { JsonObject } from "../json/json_value.ts";
import { schedule } from "../ledger/due.ts";
import type { Transaction } from "../ledger/transaction.ts";
import {
  approvalByToolKey,
  approvalKey,
  approvalOpenKey,
  approvalPendingKey,
  approvalReferenceKey,
} from "../store/keys.ts";
import type { ApprovalLevel, ApprovalRecord } from "../store/records/approval.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import { subjectOf } from "./advance.ts";
import type { Ask } from "./ask.ts";
import {
  frozenRule,
  frozenTool,
  type FrozenView,
  sealText,
  storeView,
  viewDigest,
} from "./frozen_view.ts";
import { type AskCounts, storeCounts, withRequest } from "./limits.ts";
import { makeReference } from "./reference.ts";
import { tellOfApproval } from "./topics.ts";

interface NewApproval {
  readonly decision: Decision;
  readonly tool: ToolRecord;
  readonly ask: Ask;
  readonly client: Client;
  readonly levels: ApprovalLevel;
  readonly levels_skipped: boolean;
  /** Seconds. */
  readonly timeout: number;
}

/**
 * Puts a new request into the commit: its record, the frozen view, what finds it, its deadline and
 * its entry. Whether it may be made has been looked at before.
 */
export function makeApproval(
  transaction: Transaction,
  caller: MachineCaller,
  request: NewApproval,
  counts: AskCounts,
): { record: ApprovalRecord; arguments: Uint8Array } {
  const { snapshot, deps, at, now } = transaction;
  const { decision, tool, ask, levels, levels_skipped } = request;
  const org = snapshot.orgId;
  const id = transaction.id("apr");
  const reference = makeReference(deps.random);
  const expires_at = now + request.timeout * 1000;
  const requester = { type: caller.type, id: caller.id, name: caller.name };
  const view = frozenView(transaction, request, { id, reference, expires_at, requester });
  const { pieces, arguments: args } = storeView(transaction, id, view);
  const { action, resolution } = decision;
  const record: ApprovalRecord = {
    id,
    reference,
    progress: { state: "pending", level: 1 },
    levels,
    levels_skipped,
    duties_separated: snapshot.org.separation_of_duties || tool.requires_second_approval,
    tool_name: tool.name,
    tool_id: tool.id,
    tenant: action.tenant,
    resource: action.resource,
    method: action.method,
    missing_facts: missingFacts(tool, action),
    action_digest: decision.action_digest,
    view_digest: viewDigest(view),
    definition_digest: toolDefinitionDigest(tool),
    requester,
    policy_version: decision.policy_version,
    members_behind: [...caller.members_behind],
    resolved_from: resolution.resolved_from,
    rule_id: resolution.rule?.id ?? null,
    decision_id: decision.id,
    reference_id: ask.reference_id,
    created_at: at,
    expires_at,
    use_seconds: tool.approval_use_seconds ?? snapshot.org.approval_use_seconds,
    decisions: [],
    asked_again: [],
    reason: sealText(deps.sealer, org, id, "reason", ask.reason),
    view_pieces: pieces.length,
    arguments_kept: true,
  };
  transaction.set(approvalKey(org, id), record);
  transaction.set(approvalReferenceKey(org, reference), { id });
  transaction.set(approvalPendingKey(org, id), { id });
  transaction.set(approvalByToolKey(org, tool.name, id), { id });
  transaction.set(approvalOpenKey(org, caller.id, record.action_digest), { id });
  storeCounts(transaction, caller.id, withRequest(counts, expires_at, now));
  schedule(transaction, { kind: "approval_ends", at: expires_at, id });
  queueAlerts(transaction, null, record);
  appendCreated(transaction, caller, request, record);
  tellOfApproval(transaction, id);
  return { record, arguments: args };
}

function frozenView(
  transaction: Transaction,
  { decision, tool, ask, levels, levels_skipped }: NewApproval,
  { id, reference, expires_at, requester }: {
    readonly id: string;
    readonly reference: string;
    readonly expires_at: number;
    readonly requester: JsonObject;
  },
): FrozenView {
  const { action, resolution } = decision;
  return {
    v: 1,
    org: transaction.snapshot.orgId,
    approval: id,
    reference,
    tool: frozenTool(tool),
    tenant_id: action.tenant,
    resource_id: action.resource,
    method: action.method,
    arguments: action.arguments,
    action_digest: decision.action_digest,
    reason: ask.reason,
    context: ask.context,
    reference_id: ask.reference_id,
    requested_by: requester,
    resolved_from: resolution.resolved_from,
    rule: frozenRule(resolution.rule),
    levels,
    levels_skipped,
    created_at: transaction.atText,
    expires_at: new Date(expires_at).toISOString(),
    asked_again: [],
  };
}

function appendCreated(
  transaction: Transaction,
  caller: MachineCaller,
  { ask, client }: NewApproval,
  record: ApprovalRecord,
): void {
  const { reason, context } = ask;
  const { shown, hidden } = splitReference(ask.reference_id);
  transaction.append({
    type: "approval.created",
    actor: actorOf(caller),
    subject: subjectOf(record),
    data: {
      action_digest: record.action_digest,
      decision_id: record.decision_id,
      expires_at: new Date(record.expires_at).toISOString(),
      levels: record.levels,
      levels_skipped: record.levels_skipped,
      reference: record.reference,
      reference_id: shown,
      request_id: client.request_id,
      resolved_from: record.resolved_from,
      rule_id: record.rule_id,
      view_digest: record.view_digest,
    },
    private: { reason, ...(context === null ? {} : { context }), ...hidden },
  });
  if (!record.levels_skipped) return;
  transaction.append({
    type: "approval.level_skipped",
    actor: actorOf(caller),
    subject: subjectOf(record),
    data: { level: 2, why: "group Level 2 has no member who can decide" },
  });
}
