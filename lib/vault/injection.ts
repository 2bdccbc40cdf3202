import { Buffer } from "node:buffer";
import { percentEncoded } from "../openapi/styles.ts";
import { Refusal } from "../refusal.ts";
import type { VaultRecord } from "../store/records/vault.ts";
import type { Injection } from "../upstreams/port.ts";
import { Echo, SHORTEST_SECRET } from "./echo.ts";

/** How a credential goes into a request, and whether it may. Pure. */

/** What of a credential decides how it is sent. */
export type Sent = Pick<VaultRecord, "kind" | "field">;

/** Whether a credential may go to an address: to its own scheme, host and port, and nowhere else. */
export function goesTo({ origins }: Pick<VaultRecord, "origins">, url: string): boolean {
  const origin = originOf(url);
  return origin !== null && origins.includes(origin);
}

/** What stands against sending a credential to an address; null where it may go there. */
export function misplacedAt(
  { id, origins }: Pick<VaultRecord, "id" | "origins">,
  url: string,
): Refusal<"credential_not_for_origin"> | null {
  if (goesTo({ origins }, url)) return null;
  const origin = originOf(url) ?? "";
  return new Refusal("credential_not_for_origin", { credential_id: id, origin, origins });
}

/** Scheme, host and port of an address; null for what has none that a credential could be bound to. */
export function originOf(url: string): string | null {
  const parsed = URL.parse(url);
  return parsed === null || !/^https?:$/.test(parsed.protocol) ? null : parsed.origin;
}

/** What a request carries, of a credential that was opened for it. */
export function injectionOf({ kind, field }: Sent, secret: string): Injection {
  const echo = new Echo(secretsIn(kind, secret));
  return {
    headers: headersOf({ kind, field }, secret),
    parameters: kind === "query" && field !== null ? { [field]: secret } : {},
    withoutIt: (json, turn) => echo.json(json, turn),
  };
}

function headersOf({ kind, field }: Sent, secret: string): Record<string, string> {
  switch (kind) {
    case "bearer":
    case "oauth2":
      return { authorization: `Bearer ${secret}` };
    case "basic":
      return { authorization: `Basic ${Buffer.from(secret).toString("base64")}` };
    case "header":
      return field === null ? {} : { [field]: secret };
    case "query":
      return {};
  }
}

/**
 * What must not come back: all of it, the parts that would do as well (the password of a user, the key
 * behind a word such as `Token`), and what it is sent as, which whoever repeats a request writes anew.
 */
function secretsIn(kind: VaultRecord["kind"], secret: string): string[] {
  return [secret, ...partsOf(kind, secret)].filter((part) => part.length >= SHORTEST_SECRET);
}

function partsOf(kind: VaultRecord["kind"], secret: string): string[] {
  switch (kind) {
    case "basic":
      return [passwordIn(secret), Buffer.from(secret).toString("base64")];
    case "header":
      return secret.split(" ");
    case "query":
      return [percentEncoded(secret), new URLSearchParams({ "": secret }).toString().slice(1)];
    case "bearer":
    case "oauth2":
      return [];
  }
}

/** Of `user:password` what is secret: the user, where there is no password. */
function passwordIn(secret: string): string {
  const colon = secret.indexOf(":");
  return secret.slice(colon + 1) || secret.slice(0, colon);
}

/** Why a text is no secret of this kind; null for one that is. Completes a sentence. */
export function secretProblem(kind: VaultRecord["kind"], secret: string): string | null {
  if (kind === "oauth2") return "is no part of kind oauth2, whose tokens its provider issues";
  const alphabet = kind === "bearer"
    ? /^[\x21-\x7e]+$/
    : /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
  if (!alphabet.test(secret)) {
    return kind === "bearer"
      ? "must be visible characters of ASCII, without spaces"
      : "must be printable ASCII, without spaces around it";
  }
  if (kind === "basic" && !secret.includes(":")) return "must be user:password";
  const shortest = kind === "basic" ? passwordIn(secret) : secret;
  return shortest.length < SHORTEST_SECRET
    ? `must have at least ${SHORTEST_SECRET} characters that are secret: fewer could not be told ` +
      "from other text in what comes back"
    : null;
}
