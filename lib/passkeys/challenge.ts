import { hash } from "node:crypto";
import { toBase64Url } from "../base/bytes.ts";
import { sha256 } from "../base/sha256.ts";
import { notedText, type Statement, statementBytes } from "./statement.ts";

/** The challenge of a statement: SHA-256 of its RFC 8785 form. */
export function challengeBytes(statement: Statement): Uint8Array {
  return sha256(statementBytes(statement));
}

/** The challenge in base64url, as WebAuthn's JSON and the client data have it. */
export function challengeText(statement: Statement): string {
  return toBase64Url(challengeBytes(statement));
}

/** `sha256:` and the hex SHA-256 of a note as it was typed, not scrubbed; null without one. */
export function noteDigest(note: string | null): string | null {
  const text = notedText(note);
  return text === null ? null : `sha256:${hash("sha256", text, "hex")}`;
}
