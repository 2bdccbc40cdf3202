import { fromHex, toHex } from "../base/bytes.ts";
import { canonicalBytes } from "../base/canonical.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import { leafHash } from "../base/sha256.ts";
import { parseStrictJson } from "../base/strict_json.ts";
import { parseCheckpoint, type ParsedCheckpoint, verifySignature } from "../tlog/checkpoint.ts";
import { isThumbprint, type LogKey, logKey, parseLogKeys } from "../tlog/log_key.ts";
import { type InclusionStep, inclusionSteps, verifyConsistency } from "../tlog/verify_proof.ts";
import { isIndex } from "./export_lines.ts";
import { type Finding, type FindingCode, meaningOf } from "./finding.ts";
import { parseReceipt, type Receipt, verifyReceipt } from "./verify_receipt.ts";

/**
 * A receipt checked for a person who looks on: what they pasted is read, and every check told with
 * its values, under a verdict that says where the key came from. Runs in the browser.
 */

/** What somebody who checks a receipt knows besides it, from elsewhere. */
export interface Known {
  /** The log's keys, or the fingerprint of one; null for who has neither. */
  readonly key: readonly LogKey[] | string | null;
  /** A checkpoint of the same log that was kept; null for none. */
  readonly earlier: ParsedCheckpoint | null;
  /** That the log of one size is the beginning of the other; null for none. */
  readonly consistency: ConsistencyProof | null;
}

/** What proves that a log only grew between two sizes. */
interface ConsistencyProof {
  readonly from: number;
  readonly to: number;
  readonly hashes: readonly Uint8Array[];
}

/** Nothing but the receipt itself. */
export const NOTHING_KNOWN: Known = { key: null, earlier: null, consistency: null };

export type CheckName = "entry" | "inclusion" | "signature" | "key" | "earlier";

/** One thing that was checked, with what went into it. JSON. */
export interface Check {
  readonly name: CheckName;
  /** `open`: what would decide it is not there. `skipped`: something before it was wrong. */
  readonly outcome: "passed" | "failed" | "open" | "skipped";
  /** What was found, in sentences. */
  readonly says: string;
  readonly values: readonly { readonly term: string; readonly value: string }[];
}

/** What is known of a receipt once it was checked. JSON. */
export interface ReceiptCheck {
  /**
   * `proven` by a key from elsewhere; `consistent` in itself, which whoever made it up could have
   * brought about as well; `wrong`.
   */
  readonly verdict: "proven" | "consistent" | "wrong";
  readonly checks: readonly Check[];
  /** Every fold of the proof, from the leaf up. */
  readonly folds: readonly Fold[];
}

/** One fold of the proof; hashes in hex. */
export interface Fold {
  readonly side: InclusionStep["side"];
  readonly sibling: string;
  readonly hash: string;
}

/**
 * Verifies a receipt as `verifyReceipt` does, and tells each check with its values. Without a key
 * from elsewhere it is checked against the key that it brings, and the verdict says so.
 * @throws {DOMException} NotSupportedError where the runtime knows no Ed25519
 */
export async function checkReceipt(receipt: Receipt, known: Known): Promise<ReceiptCheck> {
  const { entry, index, size, inclusion, checkpoint } = receipt;
  const own = logKey(checkpoint.origin, receipt.key);
  const keys = known.key === null || typeof known.key === "string" ? [own] : known.key;
  const verdict = await verifyReceipt(receipt, keys);
  const finding = verdict.ok ? null : verdict.finding;
  const hash = leafHash(canonicalBytes(entry));
  const folds = inclusionSteps(hash, index, size, inclusion) ?? [];
  const checks = [
    ...receiptChecks(receipt, own, finding, toHex(hash)).map((check) =>
      check.name === "key" && finding === null ? keyCheck(check, own.kid, known.key) : check
    ),
    ...known.earlier === null
      ? []
      : [await earlierCheck(checkpoint, keys, known.earlier, known.consistency)],
  ];
  return {
    verdict: checks.some(({ outcome }) => outcome === "failed")
      ? "wrong"
      : known.key === null
      ? "consistent"
      : "proven",
    checks,
    folds: folds.map(({ side, ...step }) => ({
      side,
      sibling: toHex(step.sibling),
      hash: toHex(step.hash),
    })),
  };
}

/** In the order that `verifyReceipt` goes in. */
const ORDER = ["entry", "inclusion", "signature", "key"] as const;

/** The check that a finding about a receipt belongs to. */
function checkOf(code: FindingCode): (typeof ORDER)[number] {
  switch (code) {
    case "receipt_size_mismatch":
    case "receipt_not_included":
      return "inclusion";
    case "bad_signature":
    case "receipt_unsigned":
      return "signature";
    case "unpinned_key":
    case "key_retired":
    case "origin_mismatch":
    case "receipt_key_mismatch":
      return "key";
    default:
      return "entry";
  }
}

function receiptChecks(
  { index, size, leafHash: given, checkpoint }: Receipt,
  own: LogKey,
  finding: Finding | null,
  computed: string,
): Check[] {
  const root = toHex(checkpoint.rootHash);
  const passed: Record<(typeof ORDER)[number], Omit<Check, "name" | "outcome">> = {
    entry: {
      says: `Entry ${index} is whole: its bytes give the leaf hash.`,
      values: [
        { term: "Leaf hash, computed here", value: computed },
        { term: "Leaf hash, as given", value: given },
      ],
    },
    inclusion: {
      says: `The proof leads from entry ${index} to the root of the log of ${size} entries.`,
      values: [{ term: "Root in the checkpoint", value: root }],
    },
    signature: {
      says: "The signature on the checkpoint is valid.",
      values: [
        { term: "Log", value: checkpoint.origin },
        { term: "Entries covered", value: String(checkpoint.size) },
      ],
    },
    key: { says: "", values: [{ term: "Key fingerprint", value: own.kid }] },
  };
  const failing = finding === null ? null : checkOf(finding.code);
  return ORDER.map((name) => {
    if (finding === null || failing === null) return { name, outcome: "passed", ...passed[name] };
    if (name === failing) {
      return { name, outcome: "failed", ...told(finding), values: passed[name].values };
    }
    // Whether a signature fits is not looked at before its key is one that counts.
    const before = ORDER.indexOf(name) < ORDER.indexOf(failing) && name !== "signature";
    return before ? { name, outcome: "passed", ...passed[name] } : skipped(name);
  });
}

/** What is to be said of the key of a receipt with which nothing else is wrong. */
function keyCheck(check: Check, kid: string, known: Known["key"]): Check {
  if (known === null) {
    return {
      ...check,
      outcome: "open",
      says:
        "There was no other key to compare with: this one came with the receipt, and whoever makes " +
        "up a receipt makes up its key too. Compare the fingerprint with one from elsewhere.",
    };
  }
  if (typeof known !== "string" || known === kid) {
    return { ...check, says: "It was made with a key that you know from elsewhere." };
  }
  return {
    ...check,
    outcome: "failed",
    says:
      `It was made with another key than the one that you know, ${known}. Either the log's key ` +
      "was changed since, which the log itself tells, or somebody else made this receipt.",
  };
}

async function earlierCheck(
  checkpoint: ParsedCheckpoint,
  keys: readonly LogKey[],
  earlier: ParsedCheckpoint,
  proof: ConsistencyProof | null,
): Promise<Check> {
  const check = {
    name: "earlier" as const,
    values: [
      { term: "Entries then", value: String(earlier.size) },
      { term: "Root then", value: toHex(earlier.rootHash) },
    ],
  };
  const failed = (says: string): Check => ({ ...check, outcome: "failed", says });
  if (earlier.origin !== checkpoint.origin) {
    return failed(`The checkpoint that you kept is of another log, ${earlier.origin}.`);
  }
  const signature = await verifySignature(earlier, keys);
  if (!signature.ok) return failed(`The checkpoint that you kept: ${signature.message}.`);
  const [old, next] = earlier.size <= checkpoint.size
    ? [earlier, checkpoint]
    : [checkpoint, earlier];
  const equal = old.size === next.size;
  if (!equal && proof === null) {
    return {
      ...check,
      outcome: "open",
      says:
        `The log had ${old.size} entries in one checkpoint and ${next.size} in the other. Only ` +
        `a consistency proof from ${old.size} to ${next.size} shows that it did nothing but grow.`,
    };
  }
  const { from, to, hashes } = equal || proof === null
    ? { from: old.size, to: next.size, hashes: [] }
    : proof;
  if (from !== old.size || to !== next.size) {
    return failed(
      `The consistency proof is from ${from} to ${to}; one from ${old.size} to ${next.size} is ` +
        "needed.",
    );
  }
  return verifyConsistency(from, to, old.rootHash, next.rootHash, hashes)
    ? { ...check, outcome: "passed", says: "Between both checkpoints the log has only grown." }
    : failed(`The two checkpoints are not of one log that only grew. ${meaningOf("fork")}`);
}

function told({ code, what }: Finding): { readonly says: string } {
  return { says: `${what}. ${meaningOf(code)}` };
}

function skipped(name: CheckName): Check {
  return { name, outcome: "skipped", says: "Not looked at: something else is wrong.", values: [] };
}

/** What somebody pasted; an empty text where they have nothing. */
export interface Pasted {
  readonly receipt: string;
  /** A JWKS, one JWK of it, or a fingerprint. */
  readonly key: string;
  readonly earlier: string;
  readonly consistency: string;
}

export type PastedResult =
  | { readonly ok: true; readonly receipt: Receipt; readonly known: Known }
  | { readonly ok: false; readonly errors: Readonly<Partial<Record<keyof Pasted, string>>> };

/** Reads what was pasted; tells of each text what keeps it from being read. Verifies nothing. */
export function readPasted(pasted: Pasted): PastedResult {
  const receipt = receiptOf(pasted.receipt.trim());
  const key = keyOf(pasted.key.trim());
  const earlier = earlierOf(pasted.earlier);
  const consistency = consistencyOf(pasted.consistency.trim());
  if (isProblem(receipt) || isProblem(key) || isProblem(earlier) || isProblem(consistency)) {
    const parts = Object.entries({ receipt, key, earlier, consistency });
    const errors = parts.flatMap(([name, part]) => isProblem(part) ? [[name, part.problem]] : []);
    return { ok: false, errors: Object.fromEntries(errors) };
  }
  return { ok: true, receipt: receipt.receipt, known: { key, earlier, consistency } };
}

interface Problem {
  readonly problem: string;
}

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "problem" in value;
}

function receiptOf(text: string): { readonly receipt: Receipt } | Problem {
  if (text === "") return { problem: "Paste a receipt, or choose its file." };
  const json = jsonOf(text);
  if (isProblem(json)) return json;
  const parsed = parseReceipt(json.value);
  return parsed.ok ? parsed : { problem: `${parsed.message}.` };
}

function keyOf(text: string): Known["key"] | Problem {
  if (text === "") return NOTHING_KNOWN.key;
  if (isThumbprint(text)) return text;
  if (!text.startsWith("{")) {
    return { problem: "This is neither a keys file nor a fingerprint of 43 characters." };
  }
  const json = jsonOf(text);
  if (isProblem(json)) return json;
  const { value } = json;
  const parsed = parseLogKeys(
    isJsonObject(value) && !Object.hasOwn(value, "keys") ? { keys: [value] } : value,
  );
  return parsed.ok ? parsed.keys : { problem: `${parsed.message}.` };
}

function earlierOf(text: string): Known["earlier"] | Problem {
  if (text.trim() === "") return NOTHING_KNOWN.earlier;
  // A text area, a mail or an editor changes line ends, and takes the last one away.
  const note = `${text.replaceAll("\r\n", "\n").replace(/^\n+|\n+$/g, "")}\n`;
  const parsed = parseCheckpoint(note);
  return parsed.ok ? parsed.checkpoint : { problem: `${parsed.message}.` };
}

function consistencyOf(text: string): Known["consistency"] | Problem {
  if (text === "") return NOTHING_KNOWN.consistency;
  const json = jsonOf(text);
  if (isProblem(json)) return json;
  const wrong = {
    problem: 'This is no consistency proof: expected {"from": …, "to": …, "hashes": ["hex", …]}.',
  };
  if (!isJsonObject(json.value)) return wrong;
  const { from, to, hashes } = json.value;
  if (!isIndex(from) || !isIndex(to) || !Array.isArray(hashes)) return wrong;
  const bytes = hashes.map((hash) => typeof hash === "string" ? fromHex(hash) : null);
  return bytes.every((hash) => hash !== null) ? { from, to, hashes: bytes } : wrong;
}

function jsonOf(text: string): { readonly value: JsonValue } | Problem {
  const parsed = parseStrictJson(text);
  return parsed.ok ? parsed : { problem: `This is not JSON: ${parsed.message}.` };
}
