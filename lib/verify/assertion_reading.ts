import { fromBase64Url } from "../base/bytes.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/json_value.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import { type ApprovalStatement, approvalStatement } from "../passkeys/statement.ts";

/** A stored assertion, decoded; nothing about it is verified yet. */
export interface ReadAssertion {
  readonly statement: ApprovalStatement;
  /** As leaves name it. */
  readonly credential: string;
  readonly rpId: string;
  readonly authenticatorData: Uint8Array<ArrayBuffer>;
  readonly clientDataJson: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const TEXTS = [
  ...["issuer", "org", "approval", "action_digest", "view_digest", "member", "nonce"],
  ...["issued_at", "expires_at", "use_before"],
] as const;

const TIMES = ["issued_at", "expires_at", "use_before"] as const;

/** Reads the private part `assertion` of a decision, or says why it is none. */
export function readAssertion(value: JsonValue): ReadAssertion | { readonly problem: string } {
  if (!isJsonObject(value)) return { problem: "is not an object" };
  const { statement, credential_id: id } = value;
  if (typeof id !== "string" || fromBase64Url(id) === null) {
    return { problem: 'has no "credential_id" in base64url' };
  }
  if (!isJsonObject(statement)) return { problem: 'has no object "statement"' };
  const problem = statementProblem(statement);
  if (problem !== null) return { problem };
  const authenticatorData = bytesOf(value, "authenticator_data");
  const clientDataJson = bytesOf(value, "client_data_json");
  const signature = bytesOf(value, "signature");
  if (authenticatorData === null || clientDataJson === null || signature === null) {
    return {
      problem: 'has no "authenticator_data", "client_data_json" and "signature" in base64url',
    };
  }
  const read = statement as ApprovalStatement;
  return {
    statement: read,
    credential: credentialDigest(id),
    rpId: new URL(read.issuer).hostname,
    authenticatorData,
    clientDataJson,
    signature,
  };
}

function statementProblem(statement: JsonObject): string | null {
  const { v, type, level, decision, note_digest: noteDigest, issuer } = statement;
  if (v !== 1 || type !== "countersign.approval-decision") {
    return 'has a statement that is no "countersign.approval-decision" of version 1';
  }
  const absent = TEXTS.find((name) => typeof statement[name] !== "string");
  if (absent !== undefined) return `has a statement without text "${absent}"`;
  const timeless = TIMES.find((name) => !TIME.test(String(statement[name])));
  if (timeless !== undefined) return `has a statement whose "${timeless}" is no time`;
  if (level !== 1 && level !== 2) return "has a statement without level 1 or 2";
  if (decision !== "approve") return "has a statement that does not approve";
  if (noteDigest !== null && typeof noteDigest !== "string") {
    return 'has a statement whose "note_digest" is neither text nor null';
  }
  if (URL.parse(String(issuer))?.origin !== issuer) {
    return 'has a statement whose "issuer" is no origin';
  }
  // Members of the statement are signed for, so none may stand there that nobody compares.
  const known = Object.keys(approvalStatement(statement as ApprovalStatement));
  const unknown = Object.keys(statement).find((name) => !known.includes(name));
  return unknown === undefined ? null : `has a statement with an unknown member "${unknown}"`;
}

function bytesOf(value: JsonObject, name: string): Uint8Array<ArrayBuffer> | null {
  const text = value[name];
  return typeof text === "string" ? fromBase64Url(text) : null;
}
