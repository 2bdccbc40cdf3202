import type { Action } from "../actions/action.ts";
import { actionDigest } from "../actions/action_digest.ts";
import { differingFacts } from "../base/action.ts";
import type { JsonObject } from "../json/json_value.ts";
import type { RunTokenRecord } from "../store/records/token.ts";

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
