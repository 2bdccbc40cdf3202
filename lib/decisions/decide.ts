import { hash } from "node:crypto";
import type { Action } from "../base/action.ts";
import { atOnce } from "../base/at_once.ts";
import { canonicalJson } from "../base/canonical.ts";
import type { JsonValue } from "../base/json.ts";
import {
  assertNoPersonalIds,
  idsOfAction,
  type SplitReference,
  splitReference,
} from "../catalog/personal_ids.ts";
import type { Deps } from "../deps.ts";
import { writeEvent } from "../events/event.ts";
import {
  actionFor,
  actionWithin,
  actorOf,
  type Client,
  type MachineCaller,
  namedMandate,
  privateClient,
  requireTier,
} from "../identity/caller.ts";
import { countUse } from "../identity/sub_token.ts";
import { isWithin } from "../ledger/clock.ts";
import { mergedInOrder, type Placed, type SealedOff, sealOff } from "../ledger/entry.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { loadMandate, type MandateNaming, type NamedMandate } from "../mandates/mandate.ts";
import type { TakenOver } from "../mandates/spending.ts";
import { discovers, type Guarded, type Resolution, resolve, type Via } from "../policy/chain.ts";
import { draftToolRecord } from "../policy/draft_tool.ts";
import { type RuleWarning, ruleWarnings } from "../policy/rule_warnings.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusal.ts";
import { scrubText } from "../scrub/scrub.ts";
import { discoveryCallerCountKey, discoveryCountKey, toolKey } from "../store/keys.ts";
import { discoveryTimes, type ToolRecord } from "../store/records/policy.ts";
import type { ResolvedFrom } from "../store/records/vocabulary.ts";
import { noteFindings } from "./guarded.ts";
import { type DecidedUnder, decideUnder, underIn } from "./under_mandate.ts";

/**
 * A question becomes a decision, its entry, and, where its tool is unknown, a draft. Every surface
 * that asks what is allowed comes through here, so that there is no decision without its record.
 */

/** What is asked besides the action itself. */
export interface CheckRequest extends MandateNaming {
  readonly action: Action;
  /** As it came; it is scrubbed before it is stored. */
  readonly reason: string | null;
  readonly reference_id: string | null;
  /** What of the caller's own it belongs to, such as a conversation. */
  readonly session_id?: string | null;
  readonly explain: boolean;
}

/**
 * A question and what its entry will say of it whatever the answer is. The digests take longer than
 * the decision, so `prepare` makes them while the commit before is on its way.
 */
export class Question {
  #org: string | null = null;
  #action: Action | null = null;
  #digest = "";
  #sealedOff: SealedOff | null = null;
  /** The arguments in JCS form, which both their digest and the action's are made of. */
  #arguments: string | null = null;
  readonly reference: SplitReference;
  /** The caller's session; null where none is named. */
  readonly session: SplitReference | null;

  constructor(readonly request: CheckRequest, readonly client: Client) {
    this.reference = splitReference(request.reference_id);
    this.session = request.session_id == null ? null : splitReference(request.session_id);
  }

  prepare(deps: Pick<Deps, "random">, org: string): void {
    this.#sealedOff ??= sealOff(privateValues(this), deps.random, { arguments: this.#canonical() });
    if (this.#org !== org) this.digestOf(org, this.request.action);
  }

  /**
   * The digest of the action as it is decided: its facts may have been read, its tenant filled in. It is
   * made once for each such action in turn.
   */
  digestOf(org: string, action: Action): string {
    const { tenant, resource, method } = this.#action ?? this.request.action;
    const same = org === this.#org && tenant === action.tenant && resource === action.resource &&
      method === action.method;
    if (same) return this.#digest;
    this.#digest = actionDigest(org, action, this.#canonical());
    this.#org = org;
    this.#action = action;
    return this.#digest;
  }

  #canonical(): string {
    return this.#arguments ??= canonicalJson(this.request.action.arguments);
  }

  /** What of the question goes into the private part of its entry. */
  sealedOff(retainArguments: boolean): SealedOff {
    const all = this.#sealedOff ?? { digests: {}, parts: {} };
    if (retainArguments || all.parts.arguments === undefined) return all;
    const { arguments_digest: _digest, ...digests } = all.digests;
    const { arguments: _part, ...parts } = all.parts;
    return { digests, parts };
  }
}

function privateValues(
  { request, client, reference, session }: Question,
): Record<string, JsonValue> {
  const { action, reason } = request;
  const values: Record<string, JsonValue> = { ...reference.hidden };
  const hidden = session?.hidden.reference_id;
  if (hidden !== undefined) values.session_id = hidden;
  if (Object.keys(action.arguments).length > 0) values.arguments = action.arguments;
  values.client = privateClient(client);
  if (reason !== null) values.reason = scrubText(reason).text;
  return values;
}

/** A decision and the entry that records it. */
export interface Decision {
  readonly id: string;
  readonly resolution: Resolution;
  readonly policy_version: number;
  readonly action: Action;
  readonly action_digest: string;
  /** Null where no mandate was named. */
  readonly mandate: DecidedUnder | null;
  /** What guards found in its arguments; null for nothing. */
  readonly guarded: Guarded | null;
  /** The time of its entry, in RFC 3339. */
  readonly decided_at: string;
  readonly audit: Placed;
}

/**
 * The one place where a permission is resolved for somebody: decides on the transaction's snapshot
 * and puts the entry into the same commit, so that there is no decision without its record.
 *
 * @param action from `actionWithin`, for the question's caller
 * @param named from `loadQuestion` of the same operation
 * @param taken what an earlier decision counted, which this one counts anew where it allows
 * @param goesOn whether it is made for what an earlier one began, so that it is no use of a sub-token
 * @throws {Refusal} invalid_request for ids that may not enter the log; invalid_credentials for a
 *   sub-token that is used up
 */
export function decide(
  transaction: Transaction,
  caller: MachineCaller,
  question: Question,
  action: Action,
  named: NamedMandate | null,
  taken: TakenOver | null = null,
  goesOn = false,
): Decision {
  const { snapshot } = transaction;
  const { request, client } = question;
  question.prepare(transaction.deps, snapshot.orgId);
  assertNoPersonalIds(snapshot.org, idsOfAction(action));
  const chain = resolve(snapshot, action, caller, {
    via: client.via,
    explain: request.explain,
    mandated: named !== null,
  });
  const { resolution, mandate } = named === null
    ? { resolution: chain, mandate: null }
    : decideUnder(transaction, caller, chain, {
      named,
      action,
      estimate: request.estimated_cost_micros,
      taken,
    });
  const id = transaction.id("dec");
  const digest = question.digestOf(snapshot.orgId, action);
  const policy_version = snapshot.version;
  const { method, resource, tenant, tool } = action;
  const data = {
    action_digest: digest,
    permission: resolution.permission,
    policy_version,
    reference_id: question.reference.shown,
    request_id: client.request_id,
    resolved_from: resolution.resolved_from,
    rule_id: resolution.rule?.id ?? null,
    ...(question.session === null ? {} : { session_id: question.session.shown }),
    ...(caller.sub_token === null
      ? {}
      : { sub_token_use: countUse(transaction, caller.sub_token, goesOn) }),
  };
  const isAllowed = resolution.permission === "allowed";
  const audit = transaction.append({
    id,
    type: "permission.checked",
    actor: actorOf(caller),
    subject: named === null
      ? { method, resource, tenant, tool }
      : { mandate: named.id, method, resource, tenant, tool },
    data: mandate === null ? data : mergedInOrder(data, underIn(mandate, isAllowed, taken)),
    sealedOff: question.sealedOff(snapshot.org.retain_arguments),
  });
  const guarded = chain.guarded ?? null;
  if (guarded !== null) {
    noteFindings(transaction, actorOf(caller), {
      side: "before",
      findings: guarded.findings,
      subject: { tenant: action.tenant, tool: action.tool },
      data: { decision_id: id, request_id: client.request_id },
    });
  }
  return {
    id,
    resolution,
    policy_version,
    action,
    action_digest: digest,
    mandate,
    guarded,
    decided_at: transaction.atText,
    audit,
  };
}

/**
 * The digest that names one concrete call of one org: `sha256:` and the lower-case hex SHA-256 of
 * the RFC 8785 form of its facts, version 1. What is approved, minted and consumed is this.
 *
 * @param args the RFC 8785 form of its arguments, where that was made already
 * @throws {TypeError} when the arguments are not JSON (see `canonicalJson`).
 */
export function actionDigest(
  org: string,
  action: Action,
  args = canonicalJson(action.arguments),
): string {
  // The members in RFC 8785 order, written out because every check comes through here.
  const text = `{"arguments":${args}` +
    `,"method":${canonicalJson(action.method)}` +
    `,"org":${canonicalJson(org)}` +
    `,"resource":${canonicalJson(action.resource)}` +
    `,"tenant":${canonicalJson(action.tenant)}` +
    `,"tool":${canonicalJson(action.tool)}` +
    `,"v":1}`;
  return `sha256:${hash("sha256", text, "hex")}`;
}

/** A decision, and the tool as the catalog has it after the question. */
export interface Checked {
  readonly decision: Decision;
  /** Null when the tool is neither in the catalog nor was registered as a draft. */
  readonly tool: ToolRecord | null;
  /** What is to be said of the rule that decided; only when the decision was to be explained. */
  readonly warnings?: readonly RuleWarning[];
}

/** What a decision is made on besides the policy. */
export interface LoadedQuestion {
  readonly room: DiscoveryRoom | null;
  readonly named: NamedMandate | null;
}

/**
 * Reads what a decision is made on besides the policy: the mandate that is named, and whether an unknown
 * tool may become a draft. The common question reads nothing, and waits for nothing.
 */
export function loadQuestion(
  reader: Reader,
  caller: MachineCaller,
  question: Question,
): LoadedQuestion | Promise<LoadedQuestion> {
  const room = loadRoom(reader, caller, question);
  const named = loadNamed(reader, caller, question);
  if (room === null && named === null) return NOTHING_NAMED;
  return atOnce([room, named], (room, named) => ({ room, named }));
}

const NOTHING_NAMED: LoadedQuestion = { room: null, named: null };

/** Reads the mandate that a question names, or that its caller is bound to; null for none. */
export function loadNamed(
  reader: Reader,
  caller: MachineCaller,
  { request }: Question,
): NamedMandate | Promise<NamedMandate> | null {
  const mandate_id = namedMandate(caller, request.mandate_id);
  if (mandate_id === null) return null;
  const action = actionWithin(reader.snapshot, caller, request.action);
  // Outside of the wall, or stated otherwise than it is sent, the decision refuses.
  if (action instanceof Refusal) return { id: mandate_id, found: null };
  return loadMandate(reader, caller, { mandate_id, user_id: request.user_id }, action);
}

/** Reads whether an unknown tool may become a draft; null where there is nothing to read for it. */
function loadRoom(
  reader: Reader,
  caller: MachineCaller,
  { request, client }: Question,
): Promise<DiscoveryRoom> | null {
  return isDiscovery(reader.snapshot, request.action.tool, client.via)
    ? loadDiscoveryRoom(reader, caller)
    : null;
}

/**
 * Decides about one action and records it; an unknown tool becomes a draft where there is room.
 * @throws {Refusal} tenant_not_permitted, wrong_tier; invalid_request for ids that may not enter the log,
 *   and for facts that are stated otherwise than they are sent
 */
export function checkOne(
  transaction: Transaction,
  caller: MachineCaller,
  question: Question,
  { room, named }: LoadedQuestion,
  taken: TakenOver | null = null,
  goesOn = false,
): Checked {
  const { explain } = question.request;
  // By the trace an agent could map the policy, and look for its gaps.
  if (explain) requireTier(caller, ["standard"]);
  const action = actionFor(transaction.snapshot, caller, question.request.action);
  const decision = decide(transaction, caller, question, action, named, taken, goesOn);
  const tool = toolAfter(transaction, caller, decision, room);
  if (!explain) return { decision, tool };
  const { rule } = decision.resolution;
  const warnings = rule === null ? [] : ruleWarnings(rule, transaction.snapshot);
  return { decision, tool, warnings };
}

const HOUR_MS = 60 * 60 * 1000;

/** What was read to know whether drafts may be made, and what the operation made since. */
export interface DiscoveryRoom {
  org: readonly number[];
  caller: readonly number[];
  readonly drafts: Map<string, ToolRecord>;
}

/** Reads how much room discovery has, where the tool is unknown and may be discovered. */
export async function loadDiscoveryRoom(
  reader: Reader,
  caller: MachineCaller,
): Promise<DiscoveryRoom> {
  const org = caller.org;
  const [ofOrg, ofCaller] = await Promise.all([
    reader.get(discoveryCountKey(org), discoveryTimes),
    reader.get(discoveryCallerCountKey(org, caller.id), discoveryTimes),
  ]);
  return {
    org: ofOrg?.value.times ?? [],
    caller: ofCaller?.value.times ?? [],
    drafts: new Map(),
  };
}

/** Whether asking for this tool now would register a draft, room provided. */
export function isDiscovery(snapshot: Snapshot, tool: string, via: Via): boolean {
  return snapshot.exists && snapshot.tool(tool) === undefined && discovers(snapshot.org, via) &&
    !snapshot.org.kill_switch.active;
}

/**
 * The tool that a question was about: as the catalog has it, or, where it is unknown and there is
 * room, the draft that is registered now, with its entry. Null where there is neither.
 */
export function toolAfter(
  transaction: Transaction,
  caller: MachineCaller,
  decision: Decision,
  room: DiscoveryRoom | null,
): ToolRecord | null {
  const { tool, resolved_from } = decision.resolution;
  if (tool !== null) return tool;
  if (room === null || MAKES_NO_DRAFT.has(resolved_from)) return null;
  const name = decision.action.tool;
  return room.drafts.get(name) ?? registerDraft(transaction, caller, name, room);
}

/** What says that nobody is to look at the tool, or that it is not for whoever asks. */
const MAKES_NO_DRAFT: ReadonlySet<ResolvedFrom> = new Set([
  "kill_switch",
  "sub_token",
  "gate_unknown_tool",
]);

function registerDraft(
  transaction: Transaction,
  caller: MachineCaller,
  tool: string,
  room: DiscoveryRoom,
): ToolRecord | null {
  const { at, now, snapshot } = transaction;
  const recent = (all: readonly number[]) => all.filter((time) => isWithin(HOUR_MS, time, now));
  const ofOrg = recent(room.org);
  const ofCaller = recent(room.caller);
  const full = ofOrg.length >= snapshot.org.discovery_max_per_hour ||
    ofCaller.length >= snapshot.org.discovery_max_per_caller_per_hour ||
    untriaged(snapshot) + room.drafts.size >= snapshot.org.discovery_max_untriaged;
  if (full) return null;
  const record = draftToolRecord(tool, transaction.id("tol"), at);
  const org = snapshot.orgId;
  transaction.setPolicy(toolKey(org, tool), record);
  room.drafts.set(tool, record);
  room.org = [...ofOrg, now];
  room.caller = [...ofCaller, now];
  const expireIn = HOUR_MS;
  transaction.set(discoveryCountKey(org), { times: room.org }, { expireIn });
  transaction.set(discoveryCallerCountKey(org, caller.id), { times: room.caller }, { expireIn });
  transaction.append({
    type: "tool.auto_created",
    actor: actorOf(caller),
    subject: { tool },
    data: { tool_id: record.id, status: record.status },
  });
  writeEvent(transaction, { type: "tool.auto_created", tool_id: record.id });
  return record;
}

function untriaged(snapshot: Snapshot): number {
  let count = 0;
  for (const tool of snapshot.tools.values()) {
    if (tool.discovered && tool.status === "draft") count++;
  }
  return count;
}
