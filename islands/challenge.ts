import type { Action } from "../lib/actions/action.ts";
import { toBase64Url } from "../lib/base/bytes.ts";
import { canonicalBytes } from "../lib/base/canonical.ts";
import type { JsonObject } from "../lib/json/json_value.ts";
import { notedText, type Statement, statementBytes } from "../lib/passkeys/statement.ts";

/**
 * Digests and challenges, computed in the page from what it shows: a hash handed over by the
 * server could be of something else. Equal to what lib/passkeys/challenge.ts,
 * lib/approvals/frozen_view.ts and lib/actions/action_digest.ts compute.
 */

/** The challenge of a statement: SHA-256 of its RFC 8785 form. */
export async function challengeBytes(statement: Statement): Promise<Uint8Array<ArrayBuffer>> {
  return await sha256(statementBytes(statement));
}

/** The challenge in base64url, as WebAuthn's JSON has it. */
export async function challengeText(statement: Statement): Promise<string> {
  return toBase64Url(await challengeBytes(statement));
}

/** `sha256:` and the hex SHA-256 of a view in RFC 8785 form. */
export async function viewDigest(view: JsonObject): Promise<string> {
  return await digestOf(canonicalBytes(view));
}

/** The digest that names one concrete call of one org. */
export async function actionDigest(org: string, action: Action): Promise<string> {
  const { tenant, resource, tool, method, arguments: args } = action;
  return await digestOf(
    canonicalBytes({ v: 1, org, tenant, resource, tool, method, arguments: args }),
  );
}

/** `sha256:` and the hex SHA-256 of a note as it was typed; null without one. */
export async function noteDigest(note: string | null): Promise<string | null> {
  const text = notedText(note);
  return text === null ? null : await digestOf(new TextEncoder().encode(text));
}

async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hex = Array.from(await sha256(bytes), (byte) => byte.toString(16).padStart(2, "0"));
  return `sha256:${hex.join("")}`;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
