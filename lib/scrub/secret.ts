import { joinOverlaps, type Scan, type Span } from "./scan.ts";
import { findAssignments } from "./secret_assignment.ts";
import { findAuthorizations, findPrivateKeys, findUrlCredentials } from "./secret_block.ts";
import { findAwsSecretKeys, findTokens } from "./secret_token.ts";

/**
 * Secrets, known by their own form or by what stands beside them. Random-looking text alone is not
 * one: commit hashes and digests are normal in a reason.
 */
export function findSecrets(scan: Scan): Span[] {
  return joinOverlaps([
    ...findPrivateKeys(scan),
    ...findTokens(scan),
    ...findAwsSecretKeys(scan),
    ...findAuthorizations(scan),
    ...findUrlCredentials(scan),
    ...findAssignments(scan),
  ]);
}
