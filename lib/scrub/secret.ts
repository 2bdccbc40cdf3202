import { joinOverlaps, type Scan, type Span } from "./scan.ts";
import { findAssignments } from "./secret_assignment.ts";
import {
  BLOCK_HINT,
  findAuthorizations,
  findPrivateKeys,
  findUrlCredentials,
} from "./secret_block.ts";
import { findCommandSecrets, PROGRAM, USER_PAIR } from "./secret_command.ts";
import { SECRET_NAME } from "./secret_names.ts";
import {
  findAwsSecretKeys,
  findTokens,
  findUnknownTokens,
  mayHoldLongTokens,
  TOKEN_START,
} from "./secret_token.ts";
import { StartIndex } from "./start_index.ts";

const STARTS = new StartIndex(TOKEN_START, SECRET_NAME, PROGRAM, USER_PAIR);

/** True for every text in which `findSecrets` finds something, and for few others. */
export function mayHoldSecrets(text: string): boolean {
  return STARTS.find(text, 0) !== null || mayHoldLongTokens(text) || BLOCK_HINT.test(text);
}

/**
 * Secrets, known by their own form or by what stands beside them. Random-looking text alone is not
 * one: commit hashes and digests are normal in a reason.
 */
export function findSecrets(scan: Scan): Span[] {
  return joinOverlaps([
    ...findPrivateKeys(scan),
    ...findTokens(scan),
    ...findUnknownTokens(scan),
    ...findAwsSecretKeys(scan),
    ...findAuthorizations(scan),
    ...findUrlCredentials(scan),
    ...findCommandSecrets(scan),
    ...findAssignments(scan),
  ]);
}
