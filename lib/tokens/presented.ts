import { type Action, differingFacts } from "../base/action.ts";
import { canonicalJson } from "../base/canonical.ts";
import { isId } from "../base/id.ts";
import type { JsonObject } from "../base/json.ts";
import { actionDigest } from "../decisions/decide.ts";
import { askerOf, type MachineCaller } from "../identity/caller.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { isBuried, loadStandingTerms, type StandingTerms } from "../mandates/mandate.ts";
import { isUserKeyGone } from "../mandates/user_passkeys.ts";
import { loadReserved } from "../mandates/spending.ts";
import { subTokenKey } from "../store/gateway_keys.ts";
import {
  approvalKey,
  runTokenArgumentsKey,
  runTokenKey,
  unreadableTokenKey,
} from "../store/keys.ts";
import { mandateCountKey } from "../store/mandate_keys.ts";
import { type ApprovalRecord, approvalRecord } from "../store/records/approval.ts";
import { askerId } from "../store/records/identity.ts";
import { jsonObject } from "../store/records/policy.ts";
import type { SubTokenRecord } from "../store/records/sub_token.ts";
import { runTokenArguments, type RunTokenRecord, unreadableToken } from "../store/records/token.ts";
import type { Sealer } from "../store/sealing.ts";
import { loadTokenKey, openTokenKey } from "./token_key.ts";
import { claimsOf, isSignedBy, readToken, type TokenClaims } from "./token_text.ts";

/**
 * What a presented text stands for: a token that this org signed and whose record it has, or no
 * token. What it claims is never believed over the record.
 */

/** What an unspent token rests on; null where it rests on none, and once it is spent. */
export interface TokenGrounds {
  /** The approval that it came from. */
  readonly approval: ApprovalRecord | null;
  /** The mandate that it was minted under, and what that says. */
  readonly mandate: StandingTerms | null;
  /** Whether nothing under a mandate may touch its resource any more. */
  readonly buried: boolean;
  /** Whether the passkey that said yes for the user of the approval speaks for them no longer. */
  readonly user_key_gone: boolean;
  /** The sub-token that it was minted with; null for none, and where it is not known any more. */
  readonly sub_token?: SubTokenRecord | null;
}

/** What counts what becomes of a token. */
export interface TokenCounters {
  /** The rows of `reserved`, in its order. */
  readonly counters: readonly Shared<"budget">[];
  /** The entries about its mandate; null where it is under none. */
  readonly count: Shared<"mandate_count"> | null;
}

/** Reads what counts what becomes of a token. */
export async function loadTokenCounters(
  reader: Reader,
  { reserved, mandate_id }: Pick<RunTokenRecord, "reserved" | "mandate_id">,
): Promise<TokenCounters> {
  const [counters, count] = await Promise.all([
    loadReserved(reader, reserved),
    mandate_id === null ? null : reader.shared(mandateCountKey(reader.snapshot.orgId, mandate_id)),
  ]);
  return { counters, count };
}

/** A token that this org signed, and what the store has of it. */
export interface KnownToken extends TokenGrounds, TokenCounters {
  readonly token: RunTokenRecord;
  readonly claims: TokenClaims;
  /** Whether what was given has the arguments that it was minted for, or none are asked for. */
  readonly same_arguments: boolean;
  /** The arguments it was minted for, where they were asked for and are still known. */
  readonly known_arguments: JsonObject | null;
}

/** Text that is no token of this org. */
export interface UnreadableToken {
  readonly token: null;
  /** When the log last took notice of such a text of this caller, milliseconds; null for never. */
  readonly noted_at: number | null;
}

export type PresentedToken = KnownToken | UnreadableToken;

/**
 * Reads what a presented text stands for, and what is needed to compare `given` with it.
 * @param ownOnly whether what another caller minted is no token here
 */
export async function loadPresentedToken(
  reader: Reader,
  caller: MachineCaller,
  sealer: Sealer,
  { text, given, ownOnly = false }: {
    readonly text: string;
    readonly given: GivenAction;
    readonly ownOnly?: boolean;
  },
): Promise<PresentedToken> {
  const found = await loadSigned(reader, sealer, text);
  if (found === null || (ownOnly && askerId(found.token.minter) !== askerOf(caller))) {
    const noted = await reader.get(unreadableTokenKey(caller.org, caller.id), unreadableToken);
    return { token: null, noted_at: noted?.value.at ?? null };
  }
  const { token } = found;
  const same_arguments = given.arguments === undefined ||
    actionDigest(caller.org, { ...token, arguments: given.arguments }) === token.action_digest;
  const [grounds, counters, known_arguments] = await Promise.all([
    loadGrounds(reader, token),
    loadTokenCounters(reader, token),
    same_arguments ? null : loadKeptArguments(reader, sealer, token),
  ]);
  return { ...found, ...grounds, ...counters, same_arguments, known_arguments };
}

/** What an unspent token rests on. @throws {MalformedRecord} */
export async function loadGrounds(
  reader: Reader,
  { status, approval_id, mandate_id, resource, minter }: RunTokenRecord,
): Promise<TokenGrounds> {
  if (status !== "minted") {
    return { approval: null, mandate: null, buried: false, user_key_gone: false };
  }
  const { orgId } = reader.snapshot;
  const [approval, mandate, buried, sub_token] = await Promise.all([
    // What revokes it writes the token's record too, which the commit checks.
    approval_id === null ? null : reader.peek(approvalKey(orgId, approval_id), approvalRecord),
    mandate_id === null ? null : loadStandingTerms(reader, mandate_id),
    mandate_id === null ? false : isBuried(reader, resource),
    minter.sub_token === undefined ? null : reader.guarded(subTokenKey(orgId, minter.sub_token)),
  ]);
  const user_key_gone = approval !== null && await isUserKeyGone(reader, approval.value);
  return { approval: approval?.value ?? null, mandate, buried, user_key_gone, sub_token };
}

async function loadSigned(
  reader: Reader,
  sealer: Sealer,
  text: string,
): Promise<Pick<KnownToken, "token" | "claims"> | null> {
  const { orgId } = reader.snapshot;
  const read = readToken(text);
  if (read === null || read.claims.org !== orgId || !isId(read.claims.token_id, "rtk")) return null;
  const { kid, record } = await loadTokenKey(reader, read.claims.key_id);
  if (record === null) return null;
  if (!isSignedBy(read, openTokenKey(sealer, orgId, { kid, record }))) return null;
  const token = await reader.guarded(runTokenKey(orgId, read.claims.token_id));
  if (token === null) return null;
  // A stolen signing key alone forges nothing: what was not minted here is not in the store.
  const claims = claimsOf(orgId, token);
  if (canonicalJson(claims) !== read.payload) return null;
  return { token, claims };
}

/** The fields of an action that somebody named; what is absent was not named. */
export type GivenAction = Partial<Action>;

/**
 * Where the named fields differ from a token's action, as JSON pointers; empty when they do not.
 * Which arguments differ can be told only where the minted ones are known; else they are named as a
 * whole.
 */
export function differingAction(
  { token, same_arguments, known_arguments }: Pick<
    KnownToken,
    "token" | "same_arguments" | "known_arguments"
  >,
  given: GivenAction,
): string[] {
  const facts = { tool: token.tool, tenant: token.tenant, resource: token.resource };
  const minted: Action = { ...facts, method: token.method, arguments: known_arguments ?? {} };
  const named: Action = { ...minted, ...given };
  if (!same_arguments && known_arguments !== null) return differingFacts(minted, named);
  const differs = differingFacts({ ...minted, arguments: named.arguments }, named);
  return same_arguments ? differs : ["/arguments", ...differs];
}

/**
 * Keeps the arguments of a minted action sealed beside its token, so that whoever consumes it with
 * others is told which differ. They go with the token's use or end, or where the org retains
 * arguments, when its report was due.
 */
export function keepArguments(
  transaction: Transaction,
  token: RunTokenRecord,
  args: JsonObject,
): void {
  // The digest alone tells that there were none.
  if (Object.keys(args).length === 0) return;
  const { now, deps, snapshot: { org, orgId } } = transaction;
  const key = runTokenArgumentsKey(orgId, token.id);
  const expires_at = token.expires_at +
    (org.retain_arguments ? org.report_within_seconds * 1000 : 0);
  transaction.set(
    key,
    { sealed: deps.sealer.sealJson(key, args), expires_at },
    { expireIn: expires_at - now },
  );
}

/** The arguments that a token was minted for; null when they are not known any more. */
async function loadKeptArguments(
  reader: Reader,
  sealer: Sealer,
  token: RunTokenRecord,
): Promise<JsonObject | null> {
  const { orgId } = reader.snapshot;
  if (actionDigest(orgId, { ...token, arguments: {} }) === token.action_digest) return {};
  const key = runTokenArgumentsKey(orgId, token.id);
  const kept = await reader.peek(key, runTokenArguments);
  if (kept === null || kept.value.expires_at <= reader.now) return null;
  return jsonObject.parse(sealer.openJson(key, kept.value.sealed));
}
