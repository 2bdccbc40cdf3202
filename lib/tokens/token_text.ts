import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "../base/canonical.ts";
import { parseStrictJson } from "../base/strict_json.ts";
import { decodeUtf8 } from "../base/text.ts";
import { checksum } from "../identity/credentials.ts";
import type { RunTokenRecord } from "../store/records/token.ts";

/**
 * Run tokens as text: claims, and an HMAC over all of what stands before it. One token has one
 * text; any other spelling of the same bytes is no token.
 */

/** What run tokens start with, known to secret scanners. */
const TOKEN_PREFIX = "cs_run_";

/** Claims have external ids of at most 128 characters; the longest token is well below this. */
const MAX_TOKEN_CHARACTERS = 8192;

const CHECKSUM_CHARACTERS = 7;

const SHAPE = /^cs_run_([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})[0-9a-hjkmnp-tv-z]{7}$/;

/** What a run token says, on the wire and under its signature. */
export const tokenClaims = z.strictObject({
  v: z.literal(1),
  token_id: z.string(),
  org: z.string(),
  action_digest: z.string(),
  tool: z.string(),
  tenant: z.string().nullable(),
  resource: z.string().nullable(),
  method: z.string().nullable(),
  decision_id: z.string(),
  approval_id: z.string().nullable(),
  mandate_id: z.string().exactOptional().describe("Absent where it was minted under none"),
  policy_version: z.number().int(),
  issued_at: z.string(),
  expires_at: z.string(),
  key_id: z.string(),
});

export type TokenClaims = z.infer<typeof tokenClaims>;

/** The same made into code. */
const compiledClaims = z.compile(tokenClaims);

/** The claims that the token of this record carries, in the order in which they are written. */
export function claimsOf(org: string, token: RunTokenRecord): TokenClaims {
  return {
    action_digest: token.action_digest,
    approval_id: token.approval_id,
    decision_id: token.decision_id,
    expires_at: new Date(token.expires_at).toISOString(),
    issued_at: new Date(token.minted_at).toISOString(),
    key_id: token.key_id,
    ...(token.mandate_id === null ? {} : { mandate_id: token.mandate_id }),
    method: token.method,
    org,
    policy_version: token.policy_version,
    resource: token.resource,
    tenant: token.tenant,
    token_id: token.id,
    tool: token.tool,
    v: 1,
  };
}

/** A token taken apart. What it claims is not to be believed before `isSignedBy`. */
interface ReadToken {
  readonly claims: TokenClaims;
  /** The claims as they are written, in RFC 8785 form where we wrote them. */
  readonly payload: string;
  /** What the signature is over. */
  readonly signed: string;
  readonly mac: Uint8Array;
}

/**
 * The text of a token: `cs_run_`, the RFC 8785 form of its claims and its HMAC-SHA256, both in
 * base64url with a dot between, and the checksum that all our secrets end with. The HMAC is over
 * everything before the dot, so that neither claims nor their encoding can be changed.
 */
export function writeToken(claims: TokenClaims, secret: Uint8Array): string {
  const signed = TOKEN_PREFIX + Buffer.from(canonicalJson(claims)).toString("base64url");
  const text = `${signed}.${mac(signed, secret).toString("base64url")}`;
  return text + checksum(text);
}

/** Takes a token apart; null for text that none of our keys can have signed. */
export function readToken(text: string): ReadToken | null {
  if (text.length > MAX_TOKEN_CHARACTERS) return null;
  const [matched, payload = "", signature = ""] = SHAPE.exec(text) ?? [];
  if (matched === undefined) return null;
  if (checksum(text.slice(0, -CHECKSUM_CHARACTERS)) !== text.slice(-CHECKSUM_CHARACTERS)) {
    return null;
  }
  const mac = strictBase64url(signature);
  const read = claimsIn(payload);
  return mac === null || read === null ? null : { ...read, signed: TOKEN_PREFIX + payload, mac };
}

/** Whether a token was signed with this secret; takes the same time however much of it agrees. */
export function isSignedBy(token: ReadToken, secret: Uint8Array): boolean {
  const expected = mac(token.signed, secret);
  return token.mac.length === expected.length && timingSafeEqual(token.mac, expected);
}

function mac(signed: string, secret: Uint8Array): Buffer {
  return createHmac("sha256", secret).update(signed).digest();
}

function claimsIn(payload: string): Pick<ReadToken, "claims" | "payload"> | null {
  const bytes = strictBase64url(payload);
  const text = bytes === null ? null : decodeUtf8(bytes);
  if (text === null || !text.ok) return null;
  const json = parseStrictJson(text.text);
  if (!json.ok) return null;
  const claims = compiledClaims.safeParse(json.value);
  return claims.success ? { claims: claims.data, payload: text.text } : null;
}

/** Refuses the other spellings of the same bytes: one token has one text. */
function strictBase64url(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : null;
}
