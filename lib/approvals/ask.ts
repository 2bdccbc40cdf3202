import type { Action } from "../base/action.ts";
import type { JsonObject } from "../base/json.ts";
import { splitReference } from "../catalog/personal_ids.ts";
import { argumentRefusal, toolDefinitionDigest } from "../catalog/tool_record.ts";
import { actionDigest, type Decision } from "../decisions/decide.ts";
import { actorOf, type Client, type MachineCaller, tenantWithin } from "../identity/caller.ts";
import { levelsFor } from "../identity/deciders.ts";
import { missingFacts } from "../identity/standing.ts";
import { schedule, tellOfApproval } from "../ledger/due.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { type AnyRefusal, invalidRequest, Refusal } from "../refusal.ts";
import { scrubJson, scrubText } from "../scrub/scrub.ts";
import {
  approvalByToolKey,
  approvalKey,
  approvalOpenKey,
  approvalPendingKey,
  approvalReferenceKey,
} from "../store/keys.ts";
import {
  type ApprovalLevel,
  approvalPointer,
  type ApprovalRecord,
  type AskHistory,
} from "../store/records/approval.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import { queueAlerts, settle, storeHistory, subjectOf } from "./advance.ts";
import {
  frozenRule,
  frozenTool,
  type FrozenView,
  loadView,
  openView,
  type SealedView,
  sealText,
  storeAsking,
  storeView,
  viewDigest,
} from "./frozen_view.ts";
import {
  ASK_LIMITS,
  type AskCounts,
  denialRest,
  limitReached,
  storeCounts,
  withRequest,
} from "./limits.ts";
import {
  loadApproval,
  loadCounts,
  type LoadedApproval,
  loadHistory,
  makeReference,
  seen,
  type SeenApproval,
} from "./seen.ts";

/**
 * Asking for an approval, in the commit of the decision that requires it. What its approver will
 * see is frozen here; asked again while it is pending, it is the same request with one more asking.
 */

/** Most bytes of a context in canonical form, before it is scrubbed. */
export const MAX_CONTEXT_BYTES = 16 * 1024;

/** What is said to the approver besides the action; scrubbed already. */
export interface Ask {
  readonly reason: string;
  readonly context: JsonObject | null;
  readonly reference_id: string | null;
  /** Null for as long as the tool or the org has it. */
  readonly timeout_seconds: number | null;
}

/** The request that came of an asking: a new one, or the one that was pending already. */
export interface Asked {
  readonly approval: SeenApproval;
  readonly joined: boolean;
}

/** What has to be read before an asking. */
export interface LoadedAsk {
  readonly open: { readonly loaded: LoadedApproval; readonly view: SealedView } | null;
  readonly counts: AskCounts;
  readonly history: AskHistory;
}

/** An asking without personal data and secrets in what it says. */
export function scrubbedAsk(ask: Ask): Ask {
  return {
    ...ask,
    reason: scrubText(ask.reason).text,
    context: ask.context === null ? null : scrubJson(ask.context).value,
  };
}

/**
 * Reads what an asking about this action depends on.
 * @throws {Refusal} tenant_not_permitted
 */
export async function loadAsk(
  reader: Reader,
  caller: MachineCaller,
  action: Action,
): Promise<LoadedAsk> {
  const { orgId } = reader.snapshot;
  const digest = actionDigest(orgId, { ...action, tenant: tenantWithin(caller, action.tenant) });
  const pointer = await reader.get(approvalOpenKey(orgId, caller.id, digest), approvalPointer);
  const loaded = pointer === null ? null : await loadApproval(reader, pointer.value.id);
  if (loaded !== null) {
    const view = await loadView(reader, orgId, loaded.record);
    return { open: { loaded, view }, counts: loaded.counts, history: loaded.history };
  }
  const [counts, history] = await Promise.all([
    loadCounts(reader, caller.id),
    loadHistory(reader, caller.id, digest),
  ]);
  return { open: null, counts, history };
}

/**
 * Turns a decision that requires an approval into one, or joins the request that this caller has
 * pending for the same action. Part of the decision's own commit. A refusal is returned, so that
 * the entry of the decision stays.
 *
 * @param ask from `scrubbedAsk`
 * @param loaded from `loadAsk` for the same caller and action
 */
export function createOrJoin(
  transaction: Transaction,
  caller: MachineCaller,
  request: {
    readonly decision: Decision;
    readonly tool: ToolRecord;
    readonly ask: Ask;
    readonly client: Client;
  },
  loaded: LoadedAsk,
): Asked | AnyRefusal {
  const { decision, tool } = request;
  const misfit = argumentRefusal(tool, decision.action.arguments);
  if (misfit !== null) return misfit;
  const current = loaded.open === null ? null : settle(transaction, loaded.open.loaded);
  if (loaded.open !== null && current?.record.progress.state === "pending") {
    return join(transaction, caller, request, current, loaded.open.view);
  }
  return create(transaction, caller, request, {
    counts: current?.counts ?? loaded.counts,
    history: loaded.history,
  });
}

type Request = Parameters<typeof createOrJoin>[2];

function create(
  transaction: Transaction,
  caller: MachineCaller,
  request: Request,
  loaded: Pick<LoadedAsk, "counts" | "history">,
): Asked | AnyRefusal {
  const { now, snapshot, deps } = transaction;
  const { tool, ask } = request;
  const rest = denialRest(loaded.history, now);
  if (rest !== null) return new Refusal("recently_denied", rest);
  const levels = levelsFor(tool, snapshot.org, snapshot.members);
  if (levels === null) return new Refusal("no_second_level", {});
  const longest = tool.approval_timeout_seconds ?? snapshot.org.approval_timeout_seconds;
  const timeout = ask.timeout_seconds ?? longest;
  if (timeout > longest) {
    return invalidRequest(
      "/timeout_seconds",
      `is ${timeout}; a request may shorten the ${longest} seconds of the tool, not lengthen them`,
    );
  }
  const limit = limitReached(loaded.counts, now);
  if (limit !== null) return new Refusal("too_many_pending", limit);
  const made = makeApproval(transaction, caller, { ...request, ...levels, timeout }, loaded.counts);
  storeHistory(transaction, made.record, {
    ...loaded.history,
    asked: loaded.history.asked + 1,
  });
  const approval = seen(made, caller, { snapshot, sealer: deps.sealer });
  return { approval, joined: false };
}

function join(
  transaction: Transaction,
  caller: MachineCaller,
  { decision, ask, client }: Request,
  loaded: LoadedApproval,
  sealed: SealedView,
): Asked | AnyRefusal {
  const { snapshot, deps, atText } = transaction;
  const { record } = loaded;
  if (record.asked_again.length >= ASK_LIMITS.asked_again) {
    return new Refusal("too_many_pending", {
      limit: `one request can be asked again ${ASK_LIMITS.asked_again} times`,
      retry_after_seconds: 60,
    });
  }
  const view = openView(deps.sealer, snapshot.orgId, record, sealed);
  if (view === null) throw new Error(`The pending request ${record.id} has lost its arguments.`);
  const { reason, context, reference_id } = ask;
  const { shown, hidden } = splitReference(reference_id);
  const asking = { at: atText, reason, context, reference_id };
  const digest = viewDigest(asking);
  const asked_again = [...record.asked_again, { at: atText, digest }];
  const next = { ...record, asked_again, view_digest: viewDigest({ ...view, asked_again }) };
  storeAsking(transaction, record.id, record.asked_again.length, asking);
  storeHistory(transaction, record, { ...loaded.history, asked: loaded.history.asked + 1 });
  transaction.set(approvalKey(snapshot.orgId, record.id), next);
  transaction.append({
    type: "approval.asked_again",
    actor: actorOf(caller),
    subject: subjectOf(record),
    data: {
      ask: asked_again.length,
      ask_digest: digest,
      decision_id: decision.id,
      reference_id: shown,
      request_id: client.request_id,
      view_digest: next.view_digest,
    },
    private: { reason, ...(context === null ? {} : { context }), ...hidden },
  });
  tellOfApproval(transaction, record.id);
  const approval = seen({ ...loaded, record: next }, caller, { snapshot, sealer: deps.sealer });
  return { approval, joined: true };
}

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
function makeApproval(
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
