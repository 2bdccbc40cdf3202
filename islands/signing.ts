import {
  browserSupportsWebAuthn,
  startAuthentication,
  WebAuthnError,
} from "@simplewebauthn/browser";
import type { Action } from "../lib/base/action.ts";
import { toBase64Url } from "../lib/base/bytes.ts";
import { canonicalBytes } from "../lib/base/canonical.ts";
import type { JsonObject } from "../lib/base/json.ts";
import {
  type CeremonyPurpose,
  ceremonyStatement,
  notedText,
  type Statement,
  statementBytes,
} from "../lib/passkeys/statement.ts";

/**
 * Digests and challenges, computed in the page from what it shows: a hash handed over by the
 * server could be of something else. Equal to what lib/passkeys/challenge.ts,
 * lib/approvals/frozen_view.ts and lib/decisions/decide.ts compute.
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

type RequestOptions = Parameters<typeof startAuthentication>[0]["optionsJSON"];

interface Begun {
  readonly nonce: string;
  readonly options: RequestOptions;
}

/**
 * Has the person show a passkey for one purpose, and the server look at it. The challenge is computed
 * here from the purpose, so that nothing else can be signed in its name.
 *
 * @param path answers a POST with a nonce, and one to `<path>/finish` with the result
 */
export async function showPasskey<T>(
  purpose: Exclude<CeremonyPurpose, "enrolment">,
  path: string,
  more: Record<string, unknown> = {},
): Promise<Posted<T>> {
  const begun = await postJson<Begun>(path, more);
  if (!begun.ok) return begun;
  const { nonce, options } = begun.data;
  const challenge = await challengeText(ceremonyStatement(purpose, location.origin, nonce));
  try {
    const response = await startAuthentication({ optionsJSON: { ...options, challenge } });
    return await postJson<T>(`${path}/finish`, { ...more, nonce, response });
  } catch (error) {
    return { ok: false, code: "ceremony_ended", message: ceremonyMessage(error) };
  }
}

const NO_PASSKEYS = "This browser can't use passkeys: it may be an old one, or one inside of " +
  "another app. Open the same link in the device's own browser.";

/** What stands where this browser has no passkeys, such as that of a mail program; empty where it has. */
export function passkeyBar(): string {
  return browserSupportsWebAuthn() ? "" : NO_PASSKEYS;
}

/** What the browser's refusal of a ceremony means, and what to do. */
export function ceremonyMessage(error: unknown): string {
  if (!browserSupportsWebAuthn()) return NO_PASSKEYS;
  const name = error instanceof WebAuthnError && error.cause instanceof Error
    ? error.cause.name
    : error instanceof Error
    ? error.name
    : "";
  switch (name) {
    case "NotAllowedError":
      return "The passkey wasn't shown: the prompt was closed, or took too long. Try again.";
    case "InvalidStateError":
      return "This device already has a passkey for your account. Use that one.";
    case "NotSupportedError":
      return NO_PASSKEYS;
    case "SecurityError":
      return "Passkeys don't work at this address. Open the address that the server names.";
    default:
      return "The passkey couldn't be used. Try again, or use another device.";
  }
}

/** What an endpoint answered: its JSON, or the problem in plain words. */
export type Posted<T> =
  | { readonly ok: true; readonly data: T }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Sends JSON to an endpoint of this origin. Never throws: a lost network is an answer as well. */
export async function postJson<T>(path: string, body: unknown = {}): Promise<Posted<T>> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    return {
      ok: false,
      code: "offline",
      message: "The server can't be reached. Check your connection, then try again.",
    };
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return { ok: true, data: answer as T };
  const { code = "unknown", detail = "", title = "", advice = "" } = answer ?? {};
  // `page_stream.tsx` listens: the page may be its reader's no more.
  dispatchEvent(new CustomEvent("refused", { detail: { code, title, detail } }));
  const what = detail || title || `The server answered ${response.status}. Try again.`;
  return { ok: false, code, message: advice === "" ? what : `${what} ${advice}` };
}
