import { joinOverlaps, type Scan, type Span } from "./scan.ts";
import { findAssignments } from "./secret_assignment.ts";
import {
  BLOCK_HINT,
  findAuthorizations,
  findPrivateKeys,
  findPuttyKeys,
  findUrlCredentials,
} from "./secret_block.ts";
import { findCommandSecrets, POSITIONAL, PROGRAM, USER_PAIR } from "./secret_command.ts";
import { NAME_PATTERNS } from "./secret_names.ts";
import {
  findAwsSecretKeys,
  findMarkedTokens,
  findTokens,
  findUnknownTokens,
  hasLongRun,
  mayHoldLongTokens,
  TOKEN_START,
} from "./secret_token.ts";
import { StartIndex } from "./start_index.ts";

const STARTS = new StartIndex(TOKEN_START, PROGRAM, USER_PAIR, POSITIONAL, ...NAME_PATTERNS);

/** True for every text in which `findSecrets` finds something, and for few others. */
export function mayHoldSecrets(text: string): boolean {
  return STARTS.find(text, 0) !== null || mayHoldLongTokens(text) || BLOCK_HINT.test(text);
}

function findLongTokens(scan: Scan): Span[] {
  return [...findMarkedTokens(scan), ...findUnknownTokens(scan), ...findAwsSecretKeys(scan)];
}

/**
 * Secrets, known by their own form or by what stands beside them. Random-looking text alone is not
 * one: commit hashes and digests are normal in a reason.
 */
export function findSecrets(scan: Scan): Span[] {
  return joinOverlaps([
    ...findPrivateKeys(scan),
    ...findPuttyKeys(scan),
    ...findTokens(scan),
    ...(hasLongRun(scan.text) ? findLongTokens(scan) : []),
    ...findAuthorizations(scan),
    ...findUrlCredentials(scan),
    ...findCommandSecrets(scan),
    ...findAssignments(scan),
  ]);
}
