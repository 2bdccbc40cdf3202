import { fromBase64Url, toHex } from "../base/bytes.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { sha256 } from "../base/sha256.ts";
import { parseStrictJson } from "../base/strict_json.ts";
import { decodeUtf8 } from "../base/text.ts";
import { jwkThumbprint, verifyEd25519 } from "../tlog/log_key.ts";
import { type CheckedEntry, isIndex, isTime } from "./export_lines.ts";
import { entryFinding, type Finding, meaningOf, shown, wholeFinding } from "./finding.ts";

/**
 * Signed receipts, of the form that is a JWS: what one claims, whether a key of its time signed that,
 * and whether it is what the log says at the place that it names. Runs in the browser.
 */

/** A receipt as it was read; nothing is verified yet. */
export interface SignedReceipt {
  readonly claims: JsonObject;
  readonly kid: string;
  readonly id: string;
  readonly issued_at: string;
  /** Where it says that its entry stands. */
  readonly place: { readonly log: string; readonly index: number; readonly leaf_hash: string };
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** A key of receipts, and when it counts. */
export interface ReceiptKey {
  readonly kid: string;
  /** The public key in Base64url. */
  readonly x: string;
  readonly active_from: string;
  /** Not included; null for a key that none has followed. */
  readonly active_until: string | null;
}

type Read<T> = { readonly ok: true } & T | { readonly ok: false; readonly message: string };

/** The type of the log's entries that make keys of receipts. */
const KEY_TYPE = "key.set";

/** Whether a file is a signed receipt, and not an entry with its proof. */
export function isSignedReceipt(value: JsonValue): boolean {
  return isJsonObject(value) && (isJsonObject(value.receipt) || "protected" in value);
}

/** Reads a receipt, as it was answered or by itself. */
export function parseSignedReceipt(value: JsonValue): Read<{ receipt: SignedReceipt }> {
  const jws = isJsonObject(value) && isJsonObject(value.receipt) ? value.receipt : value;
  if (!isJsonObject(jws)) return malformed("is not a JSON object");
  if (jws.schema_version === "4") return malformed("is of the form allowly-4; ask for allowly-5");
  const { protected: head, payload, signature } = jws;
  if (Object.keys(jws).sort().join() !== "payload,protected,signature") {
    return malformed('has other members than "protected", "payload" and "signature"');
  }
  if (typeof head !== "string" || typeof payload !== "string" || typeof signature !== "string") {
    return malformed("has a part that is no text");
  }
  const header = jsonIn(head);
  const claims = jsonIn(payload);
  const bytes = fromBase64Url(signature);
  if (header === null || claims === null || bytes?.length !== 64) {
    return malformed("has a part that is not what Base64url makes of it");
  }
  const { alg, typ, kid } = header;
  if (alg !== "EdDSA" || typ !== "allowly-receipt+jws" || typeof kid !== "string") {
    return malformed('has a header without alg "EdDSA", typ "allowly-receipt+jws" and kid');
  }
  const { receipt_id: id, issued_at, context } = claims;
  const place = isJsonObject(context) ? context.countersign : null;
  if (claims.schema_version !== "5" || typeof id !== "string" || !isTime(issued_at)) {
    return malformed("claims no id, no time, or another version than 5");
  }
  if (
    !isJsonObject(place) || typeof place.log !== "string" || !isIndex(place.index) ||
    typeof place.leaf_hash !== "string"
  ) return malformed("does not say where in a log it stands");
  const { log, index, leaf_hash } = place;
  const signed = new TextEncoder().encode(`${head}.${payload}`);
  const found = { log, index, leaf_hash };
  return {
    ok: true,
    receipt: { claims, kid, id, issued_at, place: found, signed, signature: bytes },
  };
}

/** Reads the document of an organization's keys. */
export function parseReceiptKeys(value: JsonValue): Read<{ org: string; keys: ReceiptKey[] }> {
  if (
    !isJsonObject(value) || typeof value.workspace_id !== "string" || !Array.isArray(value.keys)
  ) {
    return { ok: false, message: 'Keys are not {"workspace_id": …, "keys": […]}' };
  }
  const keys = value.keys.map(keyOf);
  if (!keys.every((key) => key !== null)) {
    return { ok: false, message: "A key is no Ed25519 key with its window and its thumbprint" };
  }
  return { ok: true, org: value.workspace_id, keys };
}

function keyOf(key: JsonValue): ReceiptKey | null {
  if (!isJsonObject(key)) return null;
  const { key_id: kid, public_key: x, active_from, active_until = null } = key;
  if (typeof kid !== "string" || typeof x !== "string" || !isTime(active_from)) return null;
  if (active_until !== null && !isTime(active_until)) return null;
  if (jwkThumbprint({ kty: "OKP", crv: "Ed25519", x }) !== kid) return null;
  return { kid, x, active_from, active_until };
}

/** What came of a check, in words for whoever looks on. JSON. */
export interface SignedVerdict {
  readonly tone: "success" | "danger" | "warning";
  readonly title: string;
  readonly says: string;
}

/** Checks a receipt with the document of keys, as both were read. Never throws. */
export async function signedVerdict(
  value: JsonValue,
  published: JsonValue,
): Promise<SignedVerdict> {
  const read = parseSignedReceipt(value);
  const keys = parseReceiptKeys(published);
  if (!read.ok) return provesNothing(`${read.message}.`);
  if (!keys.ok) return provesNothing(`${keys.message}.`);
  if (read.receipt.claims.workspace_id !== keys.org) {
    return provesNothing("The keys are of another organization.");
  }
  try {
    const finding = await signatureFinding(read.receipt, keys.keys);
    if (finding !== null) return provesNothing(`${finding.what}. ${meaningOf(finding.code)}`);
  } catch (error) {
    const unsupported = error instanceof DOMException && error.name === "NotSupportedError";
    return {
      tone: "warning",
      title: "Not checked",
      says: unsupported
        ? "This browser can't check Ed25519 signatures. Use a current one, or the command line."
        : `The check itself failed, so nothing is proven: ${String(error)}`,
    };
  }
  return {
    tone: "success",
    title: "Your browser checked it: the signature is good",
    says:
      "A key of its time signed exactly these claims. That the key is the organization's, and the " +
      "entry in its log, shows the proof of the entry.",
  };
}

function provesNothing(says: string): SignedVerdict {
  return { tone: "danger", title: "This receipt proves nothing", says };
}

/** What is wrong with a receipt's signature, or null: a key of its time made it. */
export async function signatureFinding(
  { kid, id, issued_at, signed, signature }: SignedReceipt,
  keys: readonly ReceiptKey[],
): Promise<Finding | null> {
  const key = keys.find((one) => one.kid === kid);
  if (key === undefined) {
    const what = `Receipt ${id} is signed by key ${kid}, which is none of the ${keys.length} known`;
    return wholeFinding("unpinned_key", what);
  }
  const { x, active_from, active_until } = key;
  if (issued_at < active_from || (active_until !== null && issued_at >= active_until)) {
    const what = `Receipt ${id} is of ${issued_at}, and key ${kid} counts from ${active_from} to ${
      active_until ?? "now"
    }`;
    return wholeFinding("key_retired", what);
  }
  const isSigned = await verifyEd25519({ kty: "OKP", crv: "Ed25519", x }, signed, signature);
  if (isSigned) return null;
  return wholeFinding("receipt_unsigned", `The signature of receipt ${id} is not by key ${kid}`);
}

/** The fingerprint of a key, as receipts' verifiers compare it; null for what is no key. */
export function fingerprint({ x }: ReceiptKey): string | null {
  const bytes = fromBase64Url(x);
  return bytes === null ? null : `sha256:${toHex(sha256(bytes))}`;
}

/** Receipts held against the log that they say to be of, and its keys as the log tells of them. */
export class ReceiptsOfLog {
  readonly #open = new Map<number, SignedReceipt[]>();
  readonly #keys: ReceiptKey[] = [];

  constructor(receipts: readonly SignedReceipt[], readonly origin: string) {
    for (const receipt of receipts) {
      const { index } = receipt.place;
      this.#open.set(index, [...this.#open.get(index) ?? [], receipt]);
    }
  }

  /** Takes in an entry that the checkpoint covers, or says which receipt of it is wrong. */
  take(entry: CheckedEntry, index: number, org: string): Finding | null {
    if (entry.type === KEY_TYPE) this.#learn(entry);
    const receipts = this.#open.get(index) ?? [];
    this.#open.delete(index);
    for (const receipt of receipts) {
      const wrong = entryProblem(receipt, entry, { org, origin: this.origin });
      if (wrong === null) continue;
      return entryFinding("receipt_mismatch", index, `Receipt ${receipt.id} ${wrong}`);
    }
    return null;
  }

  /** What is wrong with one whose entry was not there, or whose key the log does not know. */
  async end(receipts: readonly SignedReceipt[]): Promise<Finding | null> {
    for (const [index, [receipt]] of this.#open) {
      const what = `Receipt ${receipt?.id} says to be entry ${index}, which the log does not have`;
      return entryFinding("receipt_not_included", index, what);
    }
    for (const receipt of receipts) {
      const finding = await signatureFinding(receipt, this.#keys);
      if (finding !== null) return finding;
    }
    return null;
  }

  #learn({ subject, data }: CheckedEntry): void {
    const key = keyOf({
      key_id: subject.key ?? null,
      public_key: data.public_key ?? null,
      active_from: data.active_from ?? null,
      active_until: null,
    });
    if (key === null || data.signs !== "receipts") return;
    const before = this.#keys.at(-1);
    if (before !== undefined) {
      this.#keys[this.#keys.length - 1] = { ...before, active_until: key.active_from };
    }
    this.#keys.push(key);
  }
}

/** What the claims of a receipt are, by the type of its entry. */
const CLAIMED: Readonly<Record<string, readonly [event: string, decision: string]>> = {
  "mandate.granted": ["authorization.create", "authorization_granted"],
  "mandate.revoked": ["authorization.revoke", "authorization_revoked"],
  "mandate.superseded": ["authorization.revoke", "authorization_revoked"],
  "budget.settled": ["budget.settle", "budget_settled"],
  "execution.logged": ["budget.settle", "budget_settled"],
};

const VERDICTS: Readonly<Record<string, readonly string[]>> = {
  allowed: ["allow"],
  disabled: ["deny"],
  requires_approval: ["confirm", "escalate"],
};

/** What a receipt claims otherwise than its entry says; null for nothing. */
function entryProblem(
  { claims, id, issued_at, place }: SignedReceipt,
  entry: CheckedEntry,
  { org, origin }: { readonly org: string; readonly origin: string },
): string | null {
  const { leaf_hash, log } = place;
  const { type, subject, data } = entry;
  const said = (name: string, got: JsonValue | undefined, expected: JsonValue | undefined) =>
    (got ?? null) === (expected ?? null)
      ? null
      : `claims ${name} ${shown(got)}; the entry says ${shown(expected)}`;
  const common = said("the leaf hash", leaf_hash, toHex(entry.leafHash)) ??
    said("the log", log, origin) ??
    said("the organization", claims.workspace_id, org) ??
    said("the id", id, `rcp_${entry.id.slice(4)}`) ??
    said("the time", issued_at, entry.at);
  if (common !== null) return common;
  if (type === "permission.checked") {
    const decisions = VERDICTS[String(data.permission)] ?? [];
    const mandate = typeof data.mandate_seq === "number" ? subject.mandate : null;
    return said("the action", claims.action, subject.tool) ??
      said("the resource", claims.resource, subject.resource) ??
      said("the mandate", claims.authorization_id, mandate) ??
      said("the reason", claims.reason, data.resolved_from) ??
      (decisions.includes(String(claims.decision))
        ? null
        : said("the decision", claims.decision, data.permission));
  }
  if (type === "token.minted") {
    return said("the action", claims.action, subject.tool) ??
      said("the resource", claims.resource, subject.resource) ??
      said("the mandate", claims.authorization_id, subject.mandate) ??
      said("the decision", claims.decision, subject.approval == null ? null : "allow");
  }
  if (type === "approval.decided") {
    const decided = data.decision === "approve" ? "approved" : "rejected";
    const isFit = claims.decision === `confirmation_${decided}` ||
      claims.decision === `escalation_${decided}`;
    return isFit ? null : said("the decision", claims.decision, data.decision);
  }
  const [event, decision] = CLAIMED[type] ?? [null, null];
  return said("the event", claims.event, event) ??
    said("the decision", claims.decision, decision) ??
    (type.startsWith("mandate.")
      ? said("the mandate", claims.authorization_id, subject.mandate)
      : null);
}

function jsonIn(part: string): JsonObject | null {
  const bytes = fromBase64Url(part);
  const text = bytes === null ? null : decodeUtf8(bytes);
  const json = text?.ok ? parseStrictJson(text.text) : null;
  return json?.ok && isJsonObject(json.value) ? json.value : null;
}

function malformed(what: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message: `Receipt ${what}` };
}
