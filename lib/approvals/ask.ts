import type { Action } from "../actions/action.ts";
import { actionDigest } from "../actions/action_digest.ts";
import { splitReference } from "../catalog/personal_ids.ts";
import type { Decision } from "../decisions/decide.ts";
import { actorOf, type MachineCaller, tenantWithin } from "../identity/caller.ts";
import type { Client } from "../identity/client.ts";
import type { JsonObject } from "../json/json_value.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { argumentProblems } from "../parameters/argument_problems.ts";
import { type AnyRefusal, invalidRequest, Refusal } from "../refusal.ts";
import { scrubJson, scrubText } from "../scrub/scrub.ts";
import { approvalKey, approvalOpenKey } from "../store/keys.ts";
import { approvalPointer, type AskHistory } from "../store/records/approval.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import { settle, storeHistory, subjectOf } from "./advance.ts";
import { levelsFor } from "./deciders.ts";
import { loadView, openView, type SealedView, storeAsking, viewDigest } from "./frozen_view.ts";
import { ASK_LIMITS, type AskCounts, denialRest, limitReached } from "./limits.ts";
import { makeApproval } from "./make_approval.ts";
import { loadApproval, loadCounts, type LoadedApproval, loadHistory } from "./seen.ts";
import { seen, type SeenApproval } from "./seen_approval.ts";
import { tellOfApproval } from "./topics.ts";

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
  const errors = tool.parameters === null
    ? []
    : argumentProblems(tool.parameters, decision.action.arguments);
  if (errors.length > 0) {
    return new Refusal("invalid_arguments", {
      errors: errors.map(({ path, message }) => ({ path: `/arguments${path}`, message })),
    });
  }
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
