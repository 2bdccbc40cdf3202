import { settle } from "../approvals/advance.ts";
import { createOrJoin, loadAsk, type LoadedAsk, scrubbedAsk } from "../approvals/ask.ts";
import { consumeApproval, covers } from "../approvals/end.ts";
import {
  loadApproval,
  type LoadedApproval,
  loadReady,
  seen,
  type SeenApproval,
} from "../approvals/seen.ts";
import { settledApproval, statusOf } from "../approvals/state.ts";
import { giveBack } from "../authorize/mint.ts";
import { argumentRefusal, definitionOf } from "../catalog/tool_record.ts";
import {
  actionDigest,
  checkOne,
  type Decision,
  type LoadedQuestion,
  loadQuestion,
  Question,
} from "../decisions/decide.ts";
import { disabledRefusal } from "../decisions/guarded.ts";
import { afterGuards } from "../guards/guards.ts";
import {
  loadOperation,
  operationNow,
  requestRefusal,
  type ToolOperation,
  unknownYet,
} from "../gateway/document.ts";
import { isCurrent, type UpstreamTool } from "../gateway/upstreams.ts";
import type { MachineOperation } from "../identity/acting.ts";
import * as callers from "../identity/caller.ts";
import { schedule } from "../ledger/commit.ts";
import { Deferred } from "../ledger/commit_limits.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { coversSeats } from "../mandates/seats.ts";
import { applyReservation, giveToToken, reservedIn } from "../mandates/spending.ts";
import { resolve } from "../policy/chain.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type AnyRefusal, recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Settings } from "../services.ts";
import { callWaitsKey } from "../store/gateway_keys.ts";
import { askName, runTokenKey } from "../store/keys.ts";
import type { CallRecord, RunningCall } from "../store/records/call.ts";
import type { AfterGuard } from "../store/records/guards.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import type { RunTokenRecord } from "../store/records/token.ts";
import type { UpstreamRecord } from "../store/records/upstream.ts";
import type { VaultRecord } from "../store/records/vault.ts";
import { spend } from "../tokens/consume.ts";
import { callCredential } from "./call_credential.ts";
import { type CallRequest, KEPT_MS, type KnownCall, loadKnown, storeCall } from "./call_record.ts";

/**
 * The first of the two commits of a call: decided, and where it may run its permission used up and
 * the call running, before a byte of it leaves. Where people have to approve it, it waits for them,
 * and whoever asked goes on with it by asking the same again.
 */

/** How much longer than its upstream may take for it a call may take to be reported, seconds. */
const REPORT_SLACK_SECONDS = 60;

/** Thrown where a call may run and nobody has seen to it that its upstream can be called. */
export class NotConnected extends Error {}

/** As what a connection was made: a call that carries another credential needs another one. */
export interface Connection {
  readonly credential: string | null;
}

/** What a call came to by the first commit. */
export type Begun =
  | { readonly is: "known"; readonly call: CallRecord }
  | { readonly is: "pending"; readonly call: CallRecord; readonly approval: SeenApproval }
  | {
    readonly is: "running";
    readonly call: RunningCall;
    readonly tool: UpstreamTool;
    readonly upstream: UpstreamRecord;
    /** What looks at what it answers. */
    readonly guards: readonly AfterGuard[];
    readonly operation: ToolOperation | null;
  };

interface Loaded {
  /** Null where nothing is decided. */
  readonly question: LoadedQuestion | null;
  readonly known: KnownCall | null;
  /** What the known call waits for. */
  readonly asked: LoadedApproval | null;
  readonly ready: LoadedApproval | null;
  readonly ask: LoadedAsk | null;
  readonly operation: ToolOperation | null;
}

/**
 * Decides about a call, and begins it where it may run.
 * @param connected with what its upstream can be called by now, so that a dead one costs no permission;
 *   null where nobody looked
 * @throws {NotConnected}
 * @throws {Refusal} idempotency_mismatch, tenant_not_permitted, wrong_tier; others are recorded
 */
export function beginCall(
  request: CallRequest,
  client: callers.Client,
  { connected, settings }: {
    readonly connected: Connection | null;
    readonly settings: Pick<Settings, "url">;
  },
): MachineOperation<Loaded, Begun | RecordedRefusal> {
  const { action } = request;
  const ask = () =>
    scrubbedAsk({
      reason: request.reason ?? "No reason given.",
      context: null,
      reference_id: null,
      timeout_seconds: null,
    });
  const question = new Question(
    { ...request, reference_id: null, explain: false },
    client,
  );
  return {
    prepare: (deps, org) => question.prepare(deps, org),
    load: (reader, caller) => load(reader, caller, request, question),
    plan(transaction, caller, loaded) {
      const earlier = lookAtKnown(transaction, caller, loaded, request);
      if (earlier !== null && !("goesOn" in earlier)) return earlier;
      const known = earlier?.goesOn ?? null;
      // Another node may have ended what was known when it was read for.
      const { question: on } = loaded;
      if (on === null) throw new Deferred();
      const checked = checkOne(transaction, caller, question, on, null, known !== null);
      const { decision, tool } = checked;
      const call = new CallBegun(transaction, caller, request, { decision, known, client });
      const { permission } = decision.resolution;
      if (permission === "disabled") return call.refuse(disabledRefusal(decision));
      if (tool === null) {
        return call.refuse(new Refusal("tool_not_registered", { tool_name: action.tool }));
      }
      const at = placeOf(transaction, caller, tool, settings);
      if (at instanceof Refusal) return call.refuse(at);
      const operation = loaded.operation && operationNow(loaded.operation, tool);
      const misfit = argumentRefusal(tool, action.arguments) ??
        requestRefusal(at.upstream, operation, action.arguments);
      if (misfit !== null) return call.refuse(misfit);
      const seats = decision.mandate?.seats ?? null;
      const ready = loaded.ready !== null && coversSeats(loaded.ready.record, seats)
        ? loaded.ready
        : null;
      if (permission === "allowed" || ready !== null) {
        const carried = at.credential?.id ?? null;
        if (connected === null || connected.credential !== carried) throw new NotConnected();
        return call.run(at, permission === "allowed" ? null : ready, operation);
      }
      // The policy moved since it was read for: whoever waits for the next commit reads anew.
      if (loaded.ask === null) throw new Deferred();
      const asked = createOrJoin(
        transaction,
        caller,
        { decision, tool, ask: ask(), client },
        loaded.ask,
      );
      return asked instanceof Refusal ? call.refuse(asked, at) : call.wait(at, asked.approval);
    },
  };
}

async function load(
  reader: Reader,
  caller: callers.MachineCaller,
  request: CallRequest,
  question: Question,
): Promise<Loaded> {
  const name = nameOf(reader.snapshot, caller, request);
  const known = await loadKnown(reader, caller, request, name);
  if (known !== null && known.call.status !== "pending") {
    return { question: null, known, asked: null, ready: null, ask: null, operation: null };
  }
  const waits = known?.call.status === "pending" ? known.call.approval_id : null;
  const [loaded, asked, operation] = await Promise.all([
    loadQuestion(reader, caller, question),
    waits === null ? null : loadApproval(reader, waits),
    loadOperation(reader, request.action.tool),
  ]);
  const none = { question: loaded, known, asked, ready: null, ask: null, operation };
  if (!mayNeedPeople(reader.snapshot, caller, request, question.client)) return none;
  const mandate = callers.namedMandate(caller, request.mandate_id);
  const ready = await loadReady(reader, callers.askerOf(caller), name);
  // What costs more by now is asked anew.
  const isCovered = ready !== null && covers(ready.record, request.estimated_cost_micros);
  if (isCovered && mandate === null) return { ...none, ready };
  // Under a mandate more people may have to be asked by now than were.
  const ask = await loadAsk(reader, caller, request.action, mandate);
  return { ...none, ready: isCovered ? ready : null, ask };
}

/** By what asking for this action is found. @throws {Refusal} invalid_request, tenant_not_permitted */
export function nameOf(
  snapshot: Snapshot,
  caller: callers.MachineCaller,
  { action, mandate_id }: Pick<CallRequest, "action" | "mandate_id">,
): string {
  const digest = actionDigest(caller.org, callers.actionFor(snapshot, caller, action));
  return askName(digest, callers.namedMandate(caller, mandate_id));
}

/** Whether people may have to approve it: the policy says so, or a mandate may, which is not read here. */
function mayNeedPeople(
  snapshot: Snapshot,
  caller: callers.MachineCaller,
  { action: stated, mandate_id }: CallRequest,
  { via }: callers.Client,
): boolean {
  const action = callers.actionWithin(snapshot, caller, stated);
  if (action instanceof Refusal) return false;
  const mandated = callers.namedMandate(caller, mandate_id) !== null;
  const { permission } = resolve(snapshot, action, caller, { via, mandated });
  return permission === "requires_approval" || (permission === "allowed" && mandated);
}

/** What a call that is known already comes to, or that it goes on; null where none is known. */
function lookAtKnown(
  transaction: Transaction,
  caller: callers.MachineCaller,
  { known, asked }: Loaded,
  request: CallRequest,
): Begun | RecordedRefusal | { readonly goesOn: CallRecord } | null {
  if (known === null) return null;
  const { call, isNamed } = known;
  const { snapshot, deps: { sealer } } = transaction;
  if (askName(call.action_digest, call.mandate_id) !== nameOf(snapshot, caller, request)) {
    throw new Refusal("idempotency_mismatch", {});
  }
  if (call.status !== "pending") return { is: "known", call };
  if (asked === null) return { goesOn: call };
  const record = settledApproval(asked.record, snapshot, transaction, asked);
  const { progress } = record;
  switch (progress.state) {
    case "pending": {
      const approval = seen({ ...asked, record }, caller, { snapshot, sealer });
      return { is: "pending", call, approval };
    }
    case "approved":
      return { goesOn: call };
    case "used":
      // Where another call of the same action ran by it, one that is asked for anew asks again. Whoever
      // only looks what became of it asks nobody.
      if (request.goes_on === null) return { goesOn: call };
      // falls through
    default: {
      // Without a name it is a new asking, which finds by itself what became of the one before.
      if (!isNamed) return null;
      settle(transaction, asked);
      const because = progress.state === "cancelled" ? progress.because : null;
      const status = statusOf(progress);
      const refusal = progress.state === "used"
        ? new Refusal("approval_used", { token_id: progress.token_id })
        : new Refusal("approval_not_approved", { status, because });
      const { approval_id: _waits, ...rest } = call;
      storeCall(transaction, { ...rest, status: "refused", refusal: told(refusal) });
      return recorded(refusal);
    }
  }
}

/** Where a tool runs. */
interface Place {
  readonly tool: UpstreamTool;
  readonly upstream: UpstreamRecord;
  /** What it carries there; null for nothing. */
  readonly credential: VaultRecord | null;
}

function placeOf(
  { snapshot }: Transaction,
  caller: callers.MachineCaller,
  tool: ToolRecord,
  settings: Pick<Settings, "url">,
): Place | AnyRefusal {
  const { upstream: of } = tool;
  if (of === undefined) return new Refusal("not_of_an_upstream", { tool_name: tool.name });
  const upstream = snapshot.upstreams.get(of.name);
  const runs = { ...tool, upstream: of };
  if (upstream === undefined || !isCurrent(runs, upstream)) return unknownYet(of.name);
  if (upstream.status === "paused") return new Refusal("upstream_paused", { upstream: of.name });
  const credential = callCredential(snapshot, caller, upstream, settings);
  return credential instanceof Refusal ? credential : { tool: runs, upstream, credential };
}

/** Refusals that leave the key of a call free: nothing was done, and it may be done later. */
const LEAVE_FREE: ReadonlySet<AnyRefusal["code"]> = new Set([
  "upstream_unreachable",
  "credential_missing",
  "credential_not_for_origin",
  "credential_needs_reconnect",
  "too_many_pending",
]);

function told({ code, data }: AnyRefusal) {
  return { code, data: { ...data } };
}

/** A call that was decided just now, and what becomes of it in the same commit. */
class CallBegun {
  readonly id: string;

  constructor(
    readonly transaction: Transaction,
    readonly caller: callers.MachineCaller,
    readonly request: CallRequest,
    readonly of: {
      readonly decision: Decision;
      /** The call that goes on, where it waited. */
      readonly known: CallRecord | null;
      readonly client: callers.Client;
    },
  ) {
    this.id = of.known?.id ?? transaction.id("cal");
  }

  get #name(): string {
    return nameOf(this.transaction.snapshot, this.caller, this.request);
  }

  /** A refusal. Of a call that has a name it is what is answered under that from now on. */
  refuse(refusal: AnyRefusal, at: Place | null = null): RecordedRefusal {
    const { decision, client } = this.of;
    giveBack(this.transaction, this.caller, decision, client.request_id);
    const { key_hash, goes_on } = this.request;
    const isNamed = key_hash !== null || goes_on !== null;
    if (!isNamed || LEAVE_FREE.has(refusal.code)) return recorded(refusal);
    const fields = this.#fields(at);
    storeCall(this.transaction, { ...fields, status: "refused", refusal: told(refusal) });
    return recorded(refusal);
  }

  wait(at: Place, approval: SeenApproval): Begun {
    const { transaction, caller } = this;
    const { id: approval_id } = approval.record;
    const call: CallRecord = { ...this.#fields(at), status: "pending", approval_id };
    storeCall(transaction, call);
    if (call.key_hash === null) {
      const key = callWaitsKey(caller.org, callers.askerOf(caller), this.#name);
      const { id, expires_at } = call;
      transaction.set(key, { id, expires_at }, { expireIn: KEPT_MS });
    }
    return { is: "pending", call, approval };
  }

  /** Uses the permission up and has the call run. The token has no text: nobody else can use it. */
  run(
    at: Place,
    ready: LoadedApproval | null,
    operation: ToolOperation | null,
  ): Begun | RecordedRefusal {
    const { transaction, caller, id, of: { decision, known, client } } = this;
    const { tool, upstream, credential } = at;
    const { now, snapshot } = transaction;
    const token_id = transaction.id("rtk");
    const approval = ready === null
      ? null
      : consumeApproval(transaction, ready, caller, decision, token_id);
    if (approval instanceof Refusal) return this.refuse(approval);
    const { tool: name, tenant, resource, method } = decision.action;
    const reservation = decision.mandate?.reservation ?? null;
    const isCounted = decision.resolution.permission === "allowed";
    if (reservation !== null && !isCounted) applyReservation(transaction, reservation);
    const spent = reservation === null ? [] : giveToToken(transaction, reservation, null);
    const minted: Extract<RunTokenRecord, { status: "minted" }> = {
      id: token_id,
      status: "minted",
      tool: name,
      tenant,
      resource,
      method,
      action_digest: decision.action_digest,
      decision_id: decision.id,
      approval_id: approval?.id ?? null,
      policy_version: decision.policy_version,
      mandate_id: decision.mandate?.record?.id ?? null,
      reserved: spent,
      // It is consumed as it is made: what it may cost is counted as spent, by its decision or now.
      holds: false,
      definition_digest: definitionOf(snapshot, name),
      key_id: "",
      minter: callers.partyOf(caller),
      minted_at: transaction.at,
      expires_at: now,
      held_until: null,
    };
    const by = { caller, client, attempt: "consume" } as const;
    const report_within_seconds = upstream.timeout_seconds + REPORT_SLACK_SECONDS;
    const reserved = isCounted ? null : reservedIn(decision.mandate?.record ?? null, spent);
    const own = {
      id,
      upstream: upstream.name,
      credential: credential?.id ?? null,
      report_within_seconds,
      reserved,
    };
    const token = spend(transaction, minted, by, {
      binding: "checked",
      counters: [],
      count: decision.mandate?.count ?? null,
      own,
    });
    transaction.setGuarded(runTokenKey(caller.org, token.id), token);
    // Nearly every call ends long before: a message would wake nobody, and cost as much as a commit.
    const work = { kind: "report_due", at: token.report_due_at, id: token.id } as const;
    schedule(transaction, { ...work, wakes: false });
    const call: RunningCall = {
      ...this.#fields(at),
      status: "running",
      approval_id: minted.approval_id,
      token_id,
      started_at: now,
    };
    if (known !== null && call.key_hash === null) {
      transaction.delete(callWaitsKey(caller.org, callers.askerOf(caller), this.#name));
    }
    storeCall(transaction, call);
    const guards = afterGuards(snapshot.org, tool);
    return { is: "running", call, tool, upstream, guards, operation };
  }

  #fields(at: Place | null) {
    const { transaction, caller, request, of: { decision, known } } = this;
    const { permission, resolved_from } = decision.resolution;
    return {
      id: this.id,
      tool: decision.action.tool,
      upstream: at?.upstream.name ?? "",
      ...(at === null || at.credential === null ? {} : { credential_id: at.credential.id }),
      action_digest: decision.action_digest,
      mandate_id: callers.namedMandate(caller, request.mandate_id),
      requester: callers.partyOf(caller),
      key_hash: request.key_hash,
      decision_id: decision.id,
      permission,
      resolved_from,
      ...(decision.guarded === null ? {} : { findings: [...decision.guarded.findings] }),
      created_at: known?.created_at ?? transaction.at,
      expires_at: transaction.now + KEPT_MS,
    };
  }
}
