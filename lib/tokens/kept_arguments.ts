import { z } from "zod";
import { actionDigest } from "../actions/action_digest.ts";
import { isJsonObject, type JsonObject } from "../json/json_value.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { runTokenArgumentsKey } from "../store/keys.ts";
import { runTokenArguments, type RunTokenRecord } from "../store/records/token.ts";
import type { Sealer } from "../store/sealing.ts";

const jsonObject = z.custom<JsonObject>(isJsonObject, "expected a JSON object");

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
export async function loadKeptArguments(
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
