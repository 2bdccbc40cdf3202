import { encodeCrockford, isId } from "../base/id.ts";
import type { JsonObject } from "../base/json.ts";
import { askerOf, type Caller, isWithinWall } from "../identity/caller.ts";
import { someoneCanDecide } from "../identity/deciders.ts";
import { clocksAt } from "../ledger/clock.ts";
import type { Reader } from "../ledger/transaction.ts";
import { loadStanding } from "../mandates/mandate.ts";
import { isUserKeyGone } from "../mandates/user_passkeys.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusal.ts";
import {
  approvalHistoryKey,
  approvalKey,
  approvalReadyKey,
  approvalReferenceKey,
  askName,
} from "../store/keys.ts";
import {
  approvalPointer,
  type ApprovalRecord,
  approvalRecord,
  type AskHistory,
  type LevelDecision,
} from "../store/records/approval.ts";
import { askerId, type Party } from "../store/records/identity.ts";
import type { MandateRecord } from "../store/records/mandate.ts";
import type { Sealer } from "../store/sealing.ts";
import { loadArguments, openArguments, openText } from "./frozen_view.ts";
import { loadCounts, type LoadedCounts } from "./limits.ts";
import { settledApproval } from "./state.ts";

/**
 * A request as it is read, and as one caller may see it: whether they may know of it, whether they
 * see its arguments, and by which id or reference it is found.
 */

/** A request as one caller may see it. */
export interface SeenApproval {
  readonly record: ApprovalRecord;
  readonly reason: string;
  /** Whether this caller may see the arguments, what was noted, and the view that is decided on. */
  readonly inside: boolean;
  /** Null for who may not see them, and once they were erased. */
  readonly arguments: JsonObject | null;
  readonly decisions: readonly SeenDecision[];
  readonly warning: "no_eligible_approver" | null;
}

interface SeenDecision extends Omit<LevelDecision, "note"> {
  /** Null for who may not see it, and where there is none. */
  readonly note: string | null;
}

/**
 * Whether a caller may know of a request at all: members of every one, keys inside the wall of their
 * tenants, an agent only of its own and of those of the sub-tokens that it made, a sub-token of its own.
 */
export function isVisible(
  caller: Caller,
  { requester, tenant }: Pick<ApprovalRecord, "requester" | "tenant">,
): boolean {
  if (isOwn(caller, { requester })) return true;
  if (["management", "agent", "sub_token"].includes(caller.tier)) return false;
  return isWithinWall(caller, tenant);
}

/** Whether this caller made the request: what was asked through a sub-token is that one's alone. */
export function isRequester(
  caller: Pick<Caller, "id" | "type" | "sub_token">,
  { requester }: { readonly requester: Party },
): boolean {
  return isOwn(caller, { requester }) && askerOf(caller) === askerId(requester);
}

/** Whether it is this caller's to know of and to take back: made by it, or with a sub-token of its own. */
export function isOwn(
  { id, type, sub_token }: Pick<Caller, "id" | "type" | "sub_token">,
  { requester }: { readonly requester: Party },
): boolean {
  return type === requester.type && id === requester.id &&
    (sub_token === null || sub_token.id === requester.sub_token);
}

/**
 * Arguments, and what was noted on a decision, go to who asked and to who decides: to a member who
 * may decide at one of the request's levels, unless a recovery of theirs is on hold.
 */
export function seesArguments(
  caller: Caller,
  record: Pick<ApprovalRecord, "levels" | "requester">,
): boolean {
  if (caller.tier === "member") {
    const levels = Math.max(1, record.levels);
    return caller.held_until === null && caller.levels.some((level) => level <= levels);
  }
  return caller.tier === "approver" || isOwn(caller, record);
}

/** The request, if this caller may know of it. @throws {Refusal} not_found */
export function visible(caller: Caller, loaded: LoadedApproval | null): LoadedApproval {
  if (loaded === null || !isVisible(caller, loaded.record)) {
    throw new Refusal("not_found", { what: "approval" });
  }
  return loaded;
}

/** A request as this caller may see it. @throws {CannotOpen} */
export function seen(
  { record, arguments: args }: Pick<LoadedApproval, "record" | "arguments">,
  caller: Caller,
  { snapshot, sealer }: { readonly snapshot: Snapshot; readonly sealer: Sealer },
): SeenApproval {
  const { orgId } = snapshot;
  const inside = seesArguments(caller, record);
  const isPending = record.progress.state === "pending";
  return {
    record,
    reason: openText(sealer, orgId, record.id, "reason", record.reason),
    inside,
    arguments: inside && args !== null ? openArguments(sealer, orgId, record.id, args) : null,
    decisions: record.decisions.map(({ note, ...decision }) => ({
      ...decision,
      note: inside && note !== null
        ? openText(sealer, orgId, record.id, `note ${decision.level}`, note)
        : null,
    })),
    warning: isPending && !someoneCanDecide(record, snapshot) ? "no_eligible_approver" : null,
  };
}

/** By what the requests for the action of this one are found. */
export function askNameOf(
  { action_digest, mandate }: Pick<ApprovalRecord, "action_digest" | "mandate">,
): string {
  return askName(action_digest, mandate?.id ?? null);
}

/**
 * By what is known that an action was denied under any mandate of a line: whoever hands theirs on is
 * not asking anew by that.
 */
export function lineName(action_digest: string, first: string): string {
  return askName(action_digest, `line:${first}`);
}

/** A request, and what a commit that moves it has to have read. */
export interface LoadedApproval {
  readonly record: ApprovalRecord;
  /** The mandate that it was asked under; null for none. */
  readonly mandate: MandateRecord | null;
  /** Whether the passkey that said yes for its user speaks for them no longer. */
  readonly user_key_gone: boolean;
  /** Sealed; null once they were erased. */
  readonly arguments: Uint8Array | null;
  /** Null once it is not pending. */
  readonly counts: LoadedCounts | null;
  readonly history: AskHistory;
}

/** The counts that a request is counted in. */
async function loadCountsOf(
  reader: Reader,
  { requester, mandate, levels }: Pick<ApprovalRecord, "requester" | "mandate" | "levels">,
): Promise<LoadedCounts> {
  const counts = await loadCounts(
    reader,
    requester.id,
    levels === 0 ? mandate?.first ?? mandate?.id ?? null : null,
  );
  return counts.ofUser ?? counts;
}

export const NO_HISTORY: AskHistory = { asked: 0, denied: 0, last_denial: null };

/**
 * Reads a request by its id or its reference; null when the org has none such.
 * @throws {MalformedRecord}
 */
export async function loadApproval(
  reader: Reader,
  idOrReference: string,
): Promise<LoadedApproval | null> {
  const id = await idOf(reader, idOrReference);
  if (id === null) return null;
  const { orgId } = reader.snapshot;
  const record = (await reader.get(approvalKey(orgId, id), approvalRecord))?.value;
  if (record === undefined) return null;
  const isPending = record.progress.state === "pending";
  const [mandate, user_key_gone, args, counts, history] = await Promise.all([
    record.mandate === null ? null : loadStanding(reader, record.mandate.id),
    isUserKeyGone(reader, record),
    loadArguments(reader, orgId, record),
    isPending ? loadCountsOf(reader, record) : null,
    loadHistory(reader, record.requester.id, askNameOf(record)),
  ]);
  return { record, mandate, user_key_gone, arguments: args, counts, history };
}

/**
 * Reads the request that this requester has approved and unused for an action, by its `askName`; null when there is
 * none that still counts.
 * @throws {MalformedRecord}
 */
export async function loadReady(
  reader: Reader,
  requester: string,
  name: string,
): Promise<LoadedApproval | null> {
  const key = approvalReadyKey(reader.snapshot.orgId, requester, name);
  const pointer = await reader.guarded(key);
  const loaded = pointer === null ? null : await loadApproval(reader, pointer.id);
  if (loaded === null) return null;
  const { progress } = settledApproval(
    loaded.record,
    reader.snapshot,
    clocksAt(reader.now),
    loaded,
  );
  return progress.state === "approved" ? loaded : null;
}

/** Reads what a requester asked about an action before, by its `askName`. */
export async function loadHistory(
  reader: Reader,
  requester: string,
  name: string,
): Promise<AskHistory> {
  const key = approvalHistoryKey(reader.snapshot.orgId, requester, name);
  return await reader.guarded(key) ?? NO_HISTORY;
}

async function idOf(reader: Reader, idOrReference: string): Promise<string | null> {
  if (isId(idOrReference, "apr")) return idOrReference;
  const reference = readReference(idOrReference);
  if (reference === null) return null;
  const key = approvalReferenceKey(reader.snapshot.orgId, reference);
  // Written once, with the request itself, and never changed.
  return (await reader.peek(key, approvalPointer))?.value.id ?? null;
}

const REFERENCE = /^REF-[0-9A-HJKMNP-TV-Z]{8}-[0-9A-HJKMNP-TV-Z]{4}$/;

/** A new reference for people to say and type: `REF-XXXXXXXX-XXXX`, 60 random bits. */
export function makeReference(random: (bytes: number) => Uint8Array): string {
  const text = encodeCrockford(random(8)).slice(-12).toUpperCase();
  return `REF-${text.slice(0, 8)}-${text.slice(8)}`;
}

/**
 * The reference that somebody typed, as it was made: small letters count as capitals, and the
 * letters that Crockford's alphabet leaves out as the digits they look like. Null for other text.
 */
function readReference(typed: string): string | null {
  const upper = typed.toUpperCase();
  if (!upper.startsWith("REF-")) return null;
  const text = "REF-" + upper.slice(4).replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  return REFERENCE.test(text) ? text : null;
}
