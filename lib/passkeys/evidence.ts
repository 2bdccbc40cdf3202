import { fromBase64Url, toBase64Url, toHex } from "../base/bytes.ts";
import type { JsonObject } from "../base/json.ts";
import { sha256 } from "../base/sha256.ts";
import type { PasskeyRecord } from "../store/records/people.ts";
import type { AssertionResponse } from "./responses.ts";
import type { ApprovalStatement, RevocationStatement, UserStatement } from "./statement.ts";

/**
 * What an entry of the log holds of a passkey, so that anybody can check a decision by it later
 * with the log alone.
 */

/**
 * All that shows that a passkey signed a decision: with the passkey's public key, which the log has
 * too, anyone can check it without trusting what else is stored. At most 7 KiB as JSON.
 */
interface AssertionEvidence extends JsonObject {
  /** base64url, as the four after the statement. */
  credential_id: string;
  statement: ApprovalStatement | UserStatement | RevocationStatement;
  authenticator_data: string;
  client_data_json: string;
  signature: string;
}

/** What an entry carries in its leaf, and what it only commits to. */
interface EvidenceParts<Data extends JsonObject, Private extends JsonObject> {
  readonly data: Data;
  readonly private: Private;
}

/**
 * Names a passkey in a leaf: `sha256:` and the hex SHA-256 of its credential id, which is random
 * and long enough that nobody guesses it. The id itself could be told to a browser.
 *
 * @throws {TypeError} when the id is not base64url.
 */
export function credentialDigest(credentialId: string): string {
  const bytes = fromBase64Url(credentialId);
  if (bytes === null) throw new TypeError(`Credential id "${credentialId}" is not base64url`);
  return `sha256:${toHex(sha256(bytes))}`;
}

/** What an `approval.decided` entry holds of a decision that its member, or the user, signed. */
export function decisionEvidence(
  statement: ApprovalStatement | UserStatement,
  response: AssertionResponse,
): EvidenceParts<
  { asserted_by: null; credential: string },
  { assertion: AssertionEvidence }
> {
  const signed = signedEvidence(statement, response);
  return { ...signed, data: { asserted_by: null, ...signed.data } };
}

/** What a `mandate.revoked` entry holds of a revocation that the user signed. */
export function revocationEvidence(
  statement: RevocationStatement,
  response: AssertionResponse,
): EvidenceParts<{ credential: string }, { assertion: AssertionEvidence }> {
  return signedEvidence(statement, response);
}

function signedEvidence(
  statement: AssertionEvidence["statement"],
  response: AssertionResponse,
): EvidenceParts<{ credential: string }, { assertion: AssertionEvidence }> {
  const { authenticatorData, clientDataJSON, signature } = response.response;
  return {
    data: { credential: credentialDigest(response.id) },
    private: {
      assertion: {
        credential_id: response.id,
        statement,
        authenticator_data: authenticatorData,
        client_data_json: clientDataJSON,
        signature,
      },
    },
  };
}

/**
 * What a `passkey.enrolled` entry of an org holds. One is due in the log of every org in which its
 * member may decide, before the first decision by it.
 */
export function enrolmentEvidence(
  passkey: Pick<PasskeyRecord, "credential_id" | "public_key">,
): EvidenceParts<{ credential: string }, { credential_id: string; public_key: string }> {
  const { credential_id, public_key } = passkey;
  return {
    data: { credential: credentialDigest(credential_id) },
    private: { credential_id, public_key: toBase64Url(public_key) },
  };
}

/** What a `passkey.removed` entry of an org holds. */
export function removalEvidence(credentialId: string): { readonly data: { credential: string } } {
  return { data: { credential: credentialDigest(credentialId) } };
}
