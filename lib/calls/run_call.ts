import { hash } from "node:crypto";
import { lookAtApproval } from "../approvals/end.ts";
import { holdUntil } from "../approvals/hold.ts";
import { loadReady, type SeenApproval } from "../approvals/seen.ts";
import { statusOf } from "../approvals/state.ts";
import { refreshOnce } from "../gateway/refresh.ts";
import { isCurrent, loadState } from "../gateway/upstreams.ts";
import type { AnswerLook } from "../guards/result.ts";
import type { MachineOperation } from "../identity/acting.ts";
import {
  actionFor,
  askerOf,
  type Client,
  type MachineCaller,
  namedMandate,
} from "../identity/caller.ts";
import { approvalTopic } from "../ledger/commit.ts";
import { resolve } from "../policy/chain.ts";
import type { Reader } from "../ledger/transaction.ts";
import { type Accepted, type AnyRefusal, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import type { CallRecord, RunningCall } from "../store/records/call.ts";
import type { UpstreamRecord } from "../store/records/upstream.ts";
import {
  type AnsweredResult,
  type CallOutcome,
  MAX_IN_FLIGHT,
  type NotListed,
  type UpstreamPlace,
  type UpstreamProgress,
} from "../upstreams/port.ts";
import { credentialFor } from "../vault/opening.ts";
import { beginCall, type Begun, nameOf, NotConnected } from "./begin_call.ts";
import { callCredential } from "./call_credential.ts";
import { type CallRequest, loadKnown } from "./call_record.ts";
import { CALL_ENDS, kindOf, toldOf } from "./call_state.ts";
import { endCall } from "./end_call.ts";
import { OutcomeGuard, safeWords, TOO_LARGE } from "./guard_outcome.ts";
import { keepResult } from "./kept_result.ts";

/**
 * The one door for calls, by REST and by MCP: see to it that the upstream can be called, use the
 * permission up, call it once, write down what came of it, and only then answer.
 */

/** Whoever calls, as a surface knows them. */
export interface CallingParty {
  readonly services: Services;
  readonly org: string;
  /** The id under which what they have open is counted. */
  readonly credential: string;
  readonly client: Client;
  /** Aborted when they go away. */
  readonly gone: AbortSignal;
  readonly transact: <L, R>(operation: MachineOperation<L, R>) => Promise<Accepted<R>>;
  readonly progress?: (progress: UpstreamProgress) => void;
  /** Told once a second or so while a person is waited for. */
  readonly waiting?: (approval: SeenApproval) => Promise<void> | void;
}

/** How a call is answered. */
export type CallAnswer =
  | { readonly is: "known"; readonly call: CallRecord }
  | { readonly is: "pending"; readonly call: CallRecord; readonly approval: SeenApproval }
  | {
    readonly is: "completed";
    readonly call: CallRecord;
    /** Null where a guard withholds it: the call says which. */
    readonly result: AnsweredResult | null;
  };

/** A list that is older than this is asked for anew before a call, milliseconds. */
const FRESH_LIST_MS = 60_000;

/** When upstreams were listed, as far as each process has read it: by now it may be later. */
const LISTED = new WeakMap<Services, Map<string, number>>();

/** How often it is begun anew where the policy moves between the looking and the commit. */
const TRIES = 4;

/**
 * Runs a call, or has it wait for people.
 * @param seconds how long the answer is held for them
 * @throws {Refusal} what stands against it, and what is told in place of a result
 */
export async function runCall(
  party: CallingParty,
  request: CallRequest,
  seconds: number,
): Promise<CallAnswer> {
  const first = await attempt(party, request);
  if (first.is !== "pending" || seconds === 0) return first;
  const approval = await decided(party, first.approval, seconds);
  const isDecided = statusOf(approval.record.progress) !== "pending";
  // Nothing runs while nobody waits for it.
  if (!isDecided || party.gone.aborted) return { ...first, approval };
  return await attempt(party, request);
}

/** Waits until people have decided, or the seconds are over. @throws {Refusal} too_many_pending */
function decided(
  { services, org, credential, gone, transact, waiting }: CallingParty,
  { record: { id } }: SeenApproval,
  seconds: number,
): Promise<SeenApproval> {
  const look = async () => {
    const approval = await transact(lookAtApproval(id));
    await waiting?.(approval);
    return approval;
  };
  return holdUntil(
    services,
    { credential, topic: approvalTopic(org, id), seconds, gone },
    look,
    ({ record }) => statusOf(record.progress) !== "pending",
  );
}

async function attempt(party: CallingParty, request: CallRequest): Promise<CallAnswer> {
  for (let tries = 1;; tries++) {
    const where = await party.transact(whereItMayRun(party.services, request, party.client));
    try {
      return where === null
        ? answered(await party.transact(beginCall(request, party.client, unconnected(party))))
        : await connected(party, request, where);
    } catch (error) {
      if (!(error instanceof NotConnected) || tries === TRIES) throw error;
    }
  }
}

function unconnected({ services: { settings } }: CallingParty) {
  return { connected: null, settings };
}

/** What a call that does not run is answered. */
function answered(begun: Begun): CallAnswer {
  if (begun.is === "running") throw new Error(`The call ${begun.call.id} runs unconnected.`);
  return begun;
}

/** An upstream that a call may run at, and whether what it offers was asked just now. */
interface Where {
  readonly upstream: UpstreamRecord;
  /** The id of what it would carry; null for nothing. */
  readonly credential: string | null;
  readonly fresh: boolean;
}

/**
 * Where a call would run if it were begun now; null where it would not. Decides nothing: it is so that
 * an upstream that is away costs nobody a permission, and a call that waits for people asks none.
 */
function whereItMayRun(
  services: Services,
  request: CallRequest,
  client: Client,
): MachineOperation<Where | null, Where | null> {
  return {
    load: (reader, caller) => whereNow(services, request, client, { reader, caller }),
    plan: (_transaction, _caller, where) => where,
  };
}

async function whereNow(
  services: Services,
  request: CallRequest,
  client: Client,
  { reader, caller }: { readonly reader: Reader; readonly caller: MachineCaller },
): Promise<Where | null> {
  const { snapshot, now } = reader;
  const action = actionFor(snapshot, caller, request.action);
  const of = snapshot.tool(action.tool)?.upstream;
  const upstream = of === undefined ? undefined : snapshot.upstreams.get(of.name);
  if (of === undefined || upstream?.status !== "active") return null;
  const mandated = namedMandate(caller, request.mandate_id) !== null;
  const { permission } = resolve(snapshot, action, caller, { via: client.via, mandated });
  if (permission === "disabled") return null;
  const name = nameOf(snapshot, caller, request);
  const looking = reader.fromStore;
  // What an HTTP API offers changes with its record; a server is asked again and again.
  const isApi = upstream.kind === "openapi";
  const isFresh = (seen: number) =>
    isApi ? seen === upstream.edition : Math.abs(now - seen) < FRESH_LIST_MS;
  const isNamed = request.key_hash !== null || request.goes_on !== null;
  const seen = LISTED.getOrInsertComputed(services, () => new Map<string, number>());
  const place = JSON.stringify([snapshot.orgId, upstream.name, upstream.generation]);
  const [state, known, ready] = await Promise.all([
    isFresh(seen.get(place) ?? 0) ? null : loadState(looking, upstream.name),
    // One that nothing names could only wait, and does not stand in the way of running.
    isNamed ? loadKnown(looking, caller, request, name) : null,
    permission === "allowed" ? null : loadReady(looking, askerOf(caller), name),
  ]);
  if (known !== null && known.call.status !== "pending") return null;
  if (permission !== "allowed" && ready === null) return null;
  const carried = callCredential(snapshot, caller, upstream, services.settings);
  if (carried instanceof Refusal) throw carried;
  if (state !== null) seen.set(place, (isApi ? state.followed : state.listed_at) ?? 0);
  const fresh = isFresh(seen.get(place) ?? 0) && isCurrent({ upstream: of }, upstream);
  return { upstream, credential: carried?.id ?? null, fresh };
}

/** Runs a call at an upstream that has a place for it. */
async function connected(
  party: CallingParty,
  request: CallRequest,
  { upstream, credential: carried, fresh }: Where,
): Promise<CallAnswer> {
  const { services, org } = party;
  const { name, kind, url, headers } = upstream;
  services.running.take(party.credential);
  let place: UpstreamPlace | null = null;
  try {
    // The list is of the upstream as it is by now: a tool that has changed is a draft after it.
    if (!fresh) {
      const refreshed = await refreshOnce(services, org, name);
      if (refreshed !== null && "is" in refreshed) throw unsent(name, refreshed);
    }
    const credential = credentialFor(services, org, carried);
    const target = { kind, url, headers };
    place = services.deps.upstreams.take({ org_id: org, name, target, credential });
    if (place === null) {
      const limit = `${MAX_IN_FLIGHT} calls at the upstream ${name}`;
      throw new Refusal("too_many_running", { limit, retry_after_seconds: 1 });
    }
    const connection = await place.port.connect(services.stopping);
    if (connection.is === "not_sent") throw unsent(name, connection);
    if (party.gone.aborted) {
      throw unsent(name, { why: "stopped", says: "Whoever called has left." });
    }
    const connected = { credential: carried };
    const { settings } = services;
    const begun = await party.transact(beginCall(request, party.client, { connected, settings }));
    if (begun.is !== "running") return begun;
    if (begun.upstream.generation !== upstream.generation) {
      throw new Error(
        `The call ${begun.call.id} was begun at another upstream than it is connected to.`,
      );
    }
    if (carried !== null) services.lastUsed.note(org, carried, services.deps.now());
    return await sent(party, request, begun, place);
  } finally {
    place?.release();
    services.running.release(party.credential);
  }
}

/** What is told where an upstream was not even connected to. */
function unsent(
  upstream: string,
  { why, says, ...rest }:
    & { why: string; says: string; retry_after_seconds?: number | null }
    & Pick<NotListed, "reconnect">,
): AnyRefusal {
  const told = toldOf({
    is: "not_sent",
    why: isKeptApart(why) ? why : "unreachable",
    says: safeWords(says),
    retry_after_seconds: rest.retry_after_seconds ?? null,
    ...(rest.reconnect === undefined ? {} : { reconnect: rest.reconnect }),
  }, { upstream, call_id: null, token_id: null, execution_id: null });
  if (told === null) throw new Error("Nothing is told of a call that was not sent.");
  return told;
}

/** Whether a reason for which a call was not sent is told as it is, before it was begun, too. */
function isKeptApart(
  why: string,
): why is "busy" | "unauthorized" | "needs_reconnect" | "stopped" {
  return ["busy", "unauthorized", "needs_reconnect", "stopped"].includes(why);
}

/** Sends a call that was begun, and writes down what came of it. */
async function sent(
  party: CallingParty,
  { action, goes_on }: CallRequest,
  { call, tool, upstream, guards, operation }: Extract<Begun, { is: "running" }>,
  { port }: UpstreamPlace,
): Promise<CallAnswer> {
  const { services, org, gone, progress } = party;
  const { deps, ledgers } = services;
  const { annotations, parameters } = tool;
  const since = deps.monotonic();
  const guard = new OutcomeGuard(services, guards);
  let listChanged = false;
  let cutOut = 0;
  const called = {
    name: tool.upstream.tool,
    input_schema: parameters ?? {},
    operation: operation?.http ?? null,
  };
  const send = () =>
    port.call(called, action.arguments, {
      timeout_ms: upstream.timeout_seconds * 1000,
      max_bytes: upstream.max_result_bytes,
      // A half-done write is worse than an answer that nobody reads. Whoever goes on comes back for it.
      signal: annotations.read_only && goes_on === null ? gone : NEVER,
      repeatable: annotations.read_only || annotations.idempotent,
      changed: () => void (listChanged = true),
      redacted: (count) => void (cutOut += count),
      ...(progress === undefined
        ? {}
        : { progress: (said: UpstreamProgress) => progress(guard.progress(said)) }),
    });
  let said = await send();
  if (CALL_ENDS[kindOf(said)].again) said = await send();
  const duration_ms = Math.max(0, Math.round(deps.monotonic() - since));
  const end = CALL_ENDS[kindOf(said)];
  // Over what the upstream said, of which nothing is kept but what may leave.
  const output_digest = said.is === "result" ? `sha256:${hash("sha256", said.json, "hex")}` : null;
  const outcome = await guard.outcome(said);
  const found = withoutEcho(guard.looked(), cutOut);
  const looked = outcome.is === "too_large"
    ? { ...found, findings: [...found.findings, TOO_LARGE] }
    : found;
  const isWithheld = outcome.is === "result" && looked.withheld !== null;
  const names = { upstream: upstream.name, call_id: call.id, token_id: call.token_id };
  const told = (execution_id: string | null) => toldOf(outcome, { ...names, execution_id });
  const isKept = call.key_hash !== null || goes_on !== null || gone.aborted;
  const result = outcome.is === "result" && isKept && !isWithheld
    ? await keepResult(services, org, call.id, wireResult(outcome))
    : null;
  const ended = await ledgers.transact(
    org,
    endCall(call, {
      end,
      told: end.told === null ? null : (id) => told(id) ?? neverTold(call),
      duration_ms,
      output_digest,
      error: "says" in outcome ? outcome.says : null,
      result,
      looked: isWithheld ? looked : { ...looked, withheld: null },
    }),
  );
  if (isUnknownTool(outcome) || listChanged) await refreshOnce(services, org, upstream.name);
  if (outcome.is === "result") {
    return { is: "completed", call: ended, result: isWithheld ? null : outcome };
  }
  throw told("execution_id" in ended ? ended.execution_id : null) ?? neverTold(call);
}

/** With the credential that the answer repeated, which was cut out before any guard saw it. */
function withoutEcho(looked: AnswerLook, count: number): AnswerLook {
  if (count === 0) return looked;
  const others = looked.redactions.filter(({ kind }) => kind !== "credential");
  const found = looked.redactions.find(({ kind }) => kind === "credential")?.count ?? 0;
  return { ...looked, redactions: [{ kind: "credential", count: count + found }, ...others] };
}

const NEVER = new AbortController().signal;

function neverTold({ id }: RunningCall): never {
  throw new Error(`Of the call ${id} there is neither a result nor a refusal.`);
}

/** Invalid parameters, by which upstreams say that they know no such tool, or know it otherwise. */
function isUnknownTool(outcome: CallOutcome): boolean {
  return outcome.is === "failed" && outcome.code === -32602;
}

/**
 * The result as it is answered: text and structured content byte for byte as they may leave,
 * in parts, for a copy of the whole would be as large as the result.
 */
export function wireResult(
  { content, structured_content, is_error }: AnsweredResult,
): Uint8Array<ArrayBuffer>[] {
  const encoder = new TextEncoder();
  const structured = structured_content === null
    ? []
    : [encoder.encode(`,"structured_content":`), structured_content];
  return [
    encoder.encode(`{"content":`),
    content,
    ...structured,
    encoder.encode(`,"is_error":${is_error}}`),
  ];
}
