import type { Action } from "../base/action.ts";
import { splitReference } from "../catalog/personal_ids.ts";
import { argumentRefusal, toolDefinitionDigest } from "../catalog/tool_record.ts";
import { actionDigest, type Decision } from "../decisions/decide.ts";
import { renderFindings } from "../decisions/guarded.ts";
import {
  loadOperation,
  operationNow,
  type ToolOperation,
  unwritable,
} from "../gateway/document.ts";
import * as callers from "../identity/caller.ts";
import { levelsFor } from "../identity/deciders.ts";
import { missingFacts } from "../identity/standing.ts";
import { schedule, tellOfApproval } from "../ledger/commit.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { firstOfLine } from "../mandates/mandate.ts";
import { confirmedBy, loadUserPasskeys } from "../mandates/user_passkeys.ts";
import { statedFacts } from "../policy/facts.ts";
import { type AnyRefusal, invalidRequest, Refusal } from "../refusal.ts";
import { scrubJson, scrubText } from "../scrub/scrub.ts";
import {
  approvalByToolKey,
  approvalKey,
  approvalOpenKey,
  approvalReferenceKey,
  askName,
} from "../store/keys.ts";
import { approvalByMandateKey, mandateKey } from "../store/mandate_keys.ts";
import type { ApprovalRecord, AskHistory, Stand } from "../store/records/approval.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import type { UserSeat } from "../store/records/user.ts";
import { actsAs, frozenActing, loadActing, type LoadedActing } from "../vault/acting.ts";
import { settle, storeHistory, storeWaiting, subjectOf, tellOfMove } from "./advance.ts";
import { type Ask, type Asked, type AskedUser, type Asking, join, userOf } from "./asking.ts";
import {
  askedUnder,
  frozenMandate,
  frozenRule,
  frozenTool,
  type FrozenView,
  loadView,
  type SealedView,
  sealText,
  storeView,
  viewDigest,
} from "./frozen_view.ts";
import {
  countsNow,
  denialRest,
  limitReached,
  loadCounts,
  type LoadedCounts,
  storeCounts,
  withRequest,
} from "./limits.ts";
import { CONFIRM_MS, loadNonceKey, newNonce, storeNonce } from "./nonce.ts";
import {
  askNameOf,
  lineName,
  loadApproval,
  type LoadedApproval,
  loadHistory,
  makeReference,
  seen,
} from "./seen.ts";
import { openUntil, seatNames } from "./state.ts";

/**
 * Asking for an approval, in the commit of the decision that requires it. What its approver will
 * see is frozen here; asked again while it is pending, it is the same request with one more asking.
 */

/** Most bytes of a context in canonical form, before it is scrubbed. */
export const MAX_CONTEXT_BYTES = 16 * 1024;

/** What has to be read before an asking. */
export interface LoadedAsk {
  readonly open: { readonly loaded: LoadedApproval; readonly view: SealedView } | null;
  readonly counts: LoadedCounts;
  readonly history: AskHistory;
  /** What is known of it under all mandates of a line; null for none. */
  readonly line: AskHistory | null;
  /** What an end user is asked with; null where no mandate is named. */
  readonly user: AskedUser | null;
  /** Whose account acts, where it runs through here. */
  readonly acting: LoadedActing | null;
  readonly operation: ToolOperation | null;
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
 * @throws {Refusal} invalid_request, tenant_not_permitted
 */
export async function loadAsk(
  reader: Reader,
  caller: callers.MachineCaller,
  action: Action,
  mandate: string | null,
): Promise<LoadedAsk> {
  const { orgId } = reader.snapshot;
  const digest = actionDigest(orgId, callers.actionFor(reader.snapshot, caller, action));
  const name = askName(digest, mandate);
  const pointer = await reader.guarded(approvalOpenKey(orgId, callers.askerOf(caller), name));
  const loaded = pointer === null ? null : await loadApproval(reader, pointer.id);
  // The limits of asking count for a whole line of mandates: a further one is no way around them.
  const first = mandate === null ? null : await firstOfLine(reader, mandate);
  const isOurs = reader.snapshot.tool(action.tool)?.upstream !== undefined;
  const [counts, history, line, user, view, acting, operation] = await Promise.all([
    loadCounts(reader, caller.id, first),
    loaded?.history ?? loadHistory(reader, caller.id, name),
    first === null ? null : loadHistory(reader, caller.id, lineName(digest, first)),
    mandate === null ? null : loadUser(reader, mandate, loaded),
    loaded === null ? null : loadView(reader, orgId, loaded.record),
    isOurs ? loadActing(reader, caller, action.tool) : null,
    isOurs ? loadOperation(reader, action.tool) : null,
  ]);
  const open = loaded === null || view === null ? null : { loaded, view };
  return { open, counts, history, line, user, acting, operation };
}

async function loadUser(
  reader: Reader,
  mandate: string,
  open: LoadedApproval | null,
): Promise<LoadedAsk["user"]> {
  const record = await reader.guarded(mandateKey(reader.snapshot.orgId, mandate));
  if (record === null) return null;
  const seat = open?.record.progress.state === "pending" ? open.record.user_seat : null;
  const [passkeys, key] = await Promise.all([
    loadUserPasskeys(reader, record.user_id),
    loadNonceKey(reader, seat),
  ]);
  return { passkeys, key };
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
  caller: callers.MachineCaller,
  request: Asking,
  loaded: LoadedAsk,
): Asked | AnyRefusal {
  const { decision, tool } = request;
  const args = decision.action.arguments;
  const operation = loaded.operation && operationNow(loaded.operation, tool);
  const misfit = argumentRefusal(tool, args) ?? (operation && unwritable(operation, args));
  if (misfit !== null) return misfit;
  const current = loaded.open === null ? null : settle(transaction, loaded.open.loaded);
  if (loaded.open !== null && current?.record.progress.state === "pending") {
    const joined = join(transaction, caller, request, current, {
      ...loaded,
      view: loaded.open.view,
    });
    if (joined instanceof Refusal) return joined;
    return { ...joined, nonce: handed(caller, joined.nonce) };
  }
  return create(transaction, caller, request, loaded);
}

function create(
  transaction: Transaction,
  caller: callers.MachineCaller,
  request: Asking,
  loaded: Omit<LoadedAsk, "open">,
): Asked | AnyRefusal {
  const { now, snapshot, deps } = transaction;
  const { tool, ask } = request;
  const rest = denialRest(loaded.history, now) ??
    (loaded.line === null ? null : denialRest(loaded.line, now));
  if (rest !== null) return new Refusal("recently_denied", rest);
  const seats = request.decision.mandate?.seats ?? null;
  const levels = seats === null || seats.members
    ? levelsFor(tool, snapshot.org, snapshot.members)
    : { levels: 0 as const, levels_skipped: false };
  if (levels === null) return new Refusal("no_second_level", {});
  const longest = tool.approval_timeout_seconds ?? snapshot.org.approval_timeout_seconds;
  const timeout = ask.timeout_seconds ?? longest;
  if (timeout > longest) {
    return invalidRequest(
      "/timeout_seconds",
      `is ${timeout}; a request may shorten the ${longest} seconds of the tool, not lengthen them`,
    );
  }
  const asksUserAlone = levels.levels === 0;
  const rows = asksUserAlone ? loaded.counts.ofUser ?? loaded.counts : loaded.counts;
  const counts = countsNow(transaction, rows);
  const limit = limitReached(counts, now);
  if (limit !== null) return new Refusal("too_many_pending", limit);
  const made = makeApproval(transaction, caller, {
    ...request,
    ...levels,
    timeout,
    user: seats?.user ? userOf(loaded) : null,
    acting: loaded.acting,
    operation: loaded.operation && operationNow(loaded.operation, tool),
  });
  storeCounts(transaction, rows, withRequest(counts, made.record.expires_at, now));
  storeHistory(transaction, made.record, {
    ...loaded.history,
    asked: loaded.history.asked + 1,
  });
  const approval = seen(made, caller, { snapshot, sealer: deps.sealer });
  return { approval, joined: false, nonce: handed(caller, made.nonce) };
}

/** A nonce for whoever asked, if they may have it: an agent would say its own yes with it. */
function handed({ tier }: callers.MachineCaller, nonce: string | null): string | null {
  return tier === "standard" ? nonce : null;
}

/** A request that may be made. */
interface NewApproval {
  readonly decision: Decision;
  readonly tool: ToolRecord;
  readonly ask: Ask;
  readonly client: callers.Client;
  readonly levels: Stand;
  readonly levels_skipped: boolean;
  /** Seconds. */
  readonly timeout: number;
  /** What the end user is asked with; null where they are not. */
  readonly user: AskedUser | null;
  readonly acting: LoadedActing | null;
  readonly operation: ToolOperation | null;
}

/**
 * Puts a new request into the commit: its record, the frozen view, what finds it, its deadline and
 * its entry. Whether it may be made has been looked at before.
 */
function makeApproval(
  transaction: Transaction,
  caller: callers.MachineCaller,
  request: NewApproval,
): { record: ApprovalRecord; arguments: Uint8Array; nonce: string | null } {
  const { snapshot, deps, at, now } = transaction;
  const { decision, tool, ask, levels, levels_skipped } = request;
  const org = snapshot.orgId;
  const id = transaction.id("apr");
  const reference = makeReference(deps.random);
  const mandate = decision.mandate?.record ?? null;
  const lasts = levels === 0
    ? Math.min(CONFIRM_MS, request.timeout * 1000)
    : request.timeout * 1000;
  const ends_at = now + lasts;
  const expires_at = mandate === null ? ends_at : Math.min(ends_at, mandate.expires_at);
  const asked = userSeatOf(transaction, request, { id, expires_at });
  const user_seat = asked?.seat ?? null;
  const requester = { ...callers.partyOf(caller), name: caller.name };
  const acts_as = tool.upstream === undefined ? undefined : actsAs(snapshot, requester, tool.name);
  const view = frozenView(transaction, request, {
    id,
    reference,
    expires_at,
    requester,
    confirm_by: user_seat?.confirm_by ?? null,
  });
  const { pieces, arguments: args } = storeView(transaction, id, view);
  const { action, resolution } = decision;
  const record: ApprovalRecord = {
    id,
    reference,
    progress: { state: "pending", level: user_seat === null ? 1 : 0 },
    levels,
    user_seat,
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
    ...(acts_as === undefined ? {} : { acts_as }),
    requester,
    policy_version: decision.policy_version,
    members_behind: [...caller.members_behind],
    resolved_from: resolution.resolved_from,
    rule_id: resolution.rule?.id ?? null,
    decision_id: decision.id,
    mandate: mandate === null ? null : askedUnder(mandate),
    estimated_cost_micros: decision.mandate?.reservation?.estimate ?? null,
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
  storeWaiting(transaction, record);
  transaction.set(approvalByToolKey(org, tool.name, id), { id });
  transaction.setGuarded(approvalOpenKey(org, callers.askerOf(caller), askNameOf(record)), { id });
  if (mandate !== null) transaction.set(approvalByMandateKey(org, mandate.id, id), { id });
  if (user_seat !== null) storeNonce(transaction, id, user_seat);
  schedule(transaction, { kind: "approval_ends", at: openUntil(record), id });
  tellOfMove(transaction, null, record);
  appendCreated(transaction, caller, request, record);
  tellOfApproval(transaction, id);
  return { record, arguments: args, nonce: asked?.nonce ?? null };
}

/** The end user's seat of a new request, and its nonce; null where they are not asked. */
function userSeatOf(
  transaction: Transaction,
  { decision, user }: Pick<NewApproval, "decision" | "user">,
  { id, expires_at }: { readonly id: string; readonly expires_at: number },
): { readonly seat: UserSeat; readonly nonce: string } | null {
  const { record = null, seats = null } = decision.mandate ?? {};
  if (user === null || record === null || seats === null) return null;
  const { now } = transaction;
  const { nonce, ...made } = newNonce(transaction, user.key, id);
  const seat: UserSeat = {
    ...made,
    user_id: record.user_id,
    confirm_by: confirmedBy(user.passkeys, seats.confirm_by, transaction),
    expires_at: Math.min(expires_at, now + CONFIRM_MS),
    refused: 0,
    answer: null,
  };
  return { seat, nonce };
}

function frozenView(
  transaction: Transaction,
  { decision, tool, ask, levels, levels_skipped, acting, operation }: NewApproval,
  { id, reference, expires_at, requester, confirm_by }: {
    readonly id: string;
    readonly reference: string;
    readonly expires_at: number;
    readonly requester: ApprovalRecord["requester"];
    readonly confirm_by: UserSeat["confirm_by"] | null;
  },
): FrozenView {
  const { action, resolution } = decision;
  const { orgId, upstreams } = transaction.snapshot;
  const mandate = decision.mandate?.record ?? null;
  const stated = tool.upstream === undefined ? [] : statedFacts(tool, action);
  const acts_as = tool.upstream === undefined
    ? null
    : frozenActing(transaction, requester, tool.name, acting);
  return {
    v: 1,
    org: orgId,
    approval: id,
    reference,
    tool: frozenTool(tool, upstreams.get(tool.upstream?.name ?? "") ?? null, operation),
    tenant_id: action.tenant,
    resource_id: action.resource,
    method: action.method,
    arguments: action.arguments,
    action_digest: decision.action_digest,
    reason: ask.reason,
    context: ask.context,
    reference_id: ask.reference_id,
    requested_by: requester,
    ...(acts_as === null ? {} : { acts_as }),
    resolved_from: resolution.resolved_from,
    rule: frozenRule(resolution.rule),
    ...(mandate === null ? {} : {
      mandate: frozenMandate(mandate),
      estimated_cost_micros: decision.mandate?.reservation?.estimate ?? null,
    }),
    ...(decision.guarded === null ? {} : { findings: renderFindings(decision.guarded.findings) }),
    ...(stated.length === 0 ? {} : { stated }),
    ...(confirm_by === null
      ? {}
      : { seats: seatNames({ user_seat: { confirm_by }, levels }), confirm_by }),
    levels,
    levels_skipped,
    created_at: transaction.atText,
    expires_at: new Date(expires_at).toISOString(),
    asked_again: [],
  };
}

function appendCreated(
  transaction: Transaction,
  caller: callers.MachineCaller,
  { ask, client }: NewApproval,
  record: ApprovalRecord,
): void {
  const { reason, context } = ask;
  const { shown, hidden } = splitReference(ask.reference_id);
  transaction.append({
    type: "approval.created",
    actor: callers.actorOf(caller),
    subject: subjectOf(record),
    data: {
      action_digest: record.action_digest,
      ...(record.acts_as == null ? {} : { acts_as: record.acts_as }),
      decision_id: record.decision_id,
      expires_at: new Date(record.expires_at).toISOString(),
      levels: record.levels,
      levels_skipped: record.levels_skipped,
      ...(record.mandate === null ? {} : {
        mandate_id: record.mandate.id,
        estimated_cost_micros: record.estimated_cost_micros,
      }),
      ...(record.user_seat === null ? {} : {
        seats: seatNames(record),
        confirm_by: record.user_seat.confirm_by,
        user_until: new Date(record.user_seat.expires_at).toISOString(),
      }),
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
    actor: callers.actorOf(caller),
    subject: subjectOf(record),
    data: { level: 2, why: "group Level 2 has no member who can decide" },
  });
}
