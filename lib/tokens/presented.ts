import { type Action, differingFacts } from "../base/action.ts";
import { canonicalJson } from "../base/canonical.ts";
import { isId } from "../base/id.ts";
import type { JsonObject } from "../base/json.ts";
import { actionDigest } from "../decisions/decide.ts";
import type { MachineCaller } from "../identity/caller.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import {
  approvalKey,
  runTokenArgumentsKey,
  runTokenKey,
  unreadableTokenKey,
} from "../store/keys.ts";
import { type ApprovalRecord, approvalRecord } from "../store/records/approval.ts";
import { jsonObject } from "../store/records/policy.ts";
import {
  runTokenArguments,
  type RunTokenRecord,
  runTokenRecord,
  unreadableToken,
} from "../store/records/token.ts";
import type { Sealer } from "../store/sealing.ts";
import { loadTokenKey, openTokenKey } from "./token_key.ts";
import { claimsOf, isSignedBy, readToken, type TokenClaims } from "./token_text.ts";

/**
 * What a presented text stands for: a token that this org signed and whose record it has, or no
 * token. What it claims is never believed over the record.
 */

/** A token that this org signed, and what the store has of it. */
export interface KnownToken {
  readonly token: RunTokenRecord;
  readonly claims: TokenClaims;
  /** The approval that an unspent token came from; null where none did, and once it is spent. */
  readonly approval: ApprovalRecord | null;
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
  if (found === null || (ownOnly && found.token.minter.id !== caller.id)) {
    const noted = await reader.get(unreadableTokenKey(caller.org, caller.id), unreadableToken);
    return { token: null, noted_at: noted?.value.at ?? null };
  }
  const { token } = found;
  const differs = given.arguments !== undefined &&
    actionDigest(caller.org, { ...token, arguments: given.arguments }) !== token.action_digest;
  const [approval, known_arguments] = await Promise.all([
    loadApprovalOf(reader, token),
    differs ? loadKeptArguments(reader, sealer, token) : null,
  ]);
  return { ...found, approval, known_arguments };
}

/** The approval that an unspent token came from; null where none did. @throws {MalformedRecord} */
export async function loadApprovalOf(
  reader: Reader,
  { status, approval_id }: RunTokenRecord,
): Promise<ApprovalRecord | null> {
  if (status !== "minted" || approval_id === null) return null;
  // What revokes it writes the token's record too, which the commit checks.
  const key = approvalKey(reader.snapshot.orgId, approval_id);
  return (await reader.peek(key, approvalRecord))?.value ?? null;
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
  const found = await reader.get(runTokenKey(orgId, read.claims.token_id), runTokenRecord);
  if (found === null) return null;
  // A stolen signing key alone forges nothing: what was not minted here is not in the store.
  const claims = claimsOf(orgId, found.value);
  if (canonicalJson(claims) !== canonicalJson(read.claims)) return null;
  return { token: found.value, claims };
}

/** The fields of an action that somebody named; what is absent was not named. */
export type GivenAction = Partial<Action>;

/**
 * Where the named fields differ from a token's action, as JSON pointers; empty when they do not.
 * Arguments are held against the digest. Which of them differ can be told only where the minted
 * ones are `known`; else they are named as a whole.
 */
export function differingAction(
  org: string,
  token: RunTokenRecord,
  given: GivenAction,
  known: JsonObject | null,
): string[] {
  const facts = { tool: token.tool, tenant: token.tenant, resource: token.resource };
  const minted: Action = { ...facts, method: token.method, arguments: known ?? {} };
  const named: Action = { ...minted, ...given };
  const sameArguments = given.arguments === undefined ||
    actionDigest(org, { ...minted, arguments: given.arguments }) === token.action_digest;
  if (sameArguments) return differingFacts({ ...minted, arguments: named.arguments }, named);
  if (known !== null) return differingFacts(minted, named);
  return ["/arguments", ...differingFacts({ ...minted, arguments: named.arguments }, named)];
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
