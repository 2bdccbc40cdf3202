import { isJsonObject, type JsonValue } from "../json/json_value.ts";
import { parseStrictJson } from "../json/parse_strict.ts";
import { fromHex } from "../merkle/hex.ts";
import { parseCheckpoint } from "../tlog/checkpoint.ts";
import { parseLogKeys } from "../tlog/log_key.ts";
import { isIndex } from "./export_line.ts";
import { type Known, NOTHING_KNOWN } from "./receipt_check.ts";
import { parseReceipt, type Receipt } from "./verify_receipt.ts";

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

/** An RFC 7638 thumbprint: SHA-256 in Base64url. */
const FINGERPRINT = /^[A-Za-z0-9_-]{43}$/;

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
  if (FINGERPRINT.test(text)) return text;
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
