import { actionDigest } from "../actions/action_digest.ts";
import { canonicalJson } from "../base/canonical.ts";
import { isId } from "../base/id.ts";
import type { MachineCaller } from "../identity/caller.ts";
import type { JsonObject } from "../json/json_value.ts";
import type { Reader } from "../ledger/transaction.ts";
import { approvalKey, runTokenKey, unreadableTokenKey } from "../store/keys.ts";
import { type ApprovalRecord, approvalRecord } from "../store/records/approval.ts";
import { type RunTokenRecord, runTokenRecord, unreadableToken } from "../store/records/token.ts";
import type { Sealer } from "../store/sealing.ts";
import { claimsOf, type TokenClaims } from "./claims.ts";
import type { GivenAction } from "./differing_action.ts";
import { loadKeptArguments } from "./kept_arguments.ts";
import { loadTokenKey, openTokenKey } from "./token_key.ts";
import { isSignedBy, readToken } from "./token_text.ts";

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
