import { fromBase64, toBase64, toHex } from "../base/bytes.ts";
import { HASH_BYTES } from "../base/sha256.ts";
import {
  isNoteKeyName,
  type LogKey,
  type LogSigner,
  noteKeyId,
  signEd25519,
  speaksFor,
  verifyEd25519,
} from "./log_key.ts";

/**
 * Checkpoints of a log, as signed notes (C2SP tlog-checkpoint and signed-note). Reading is strict,
 * and verifies nothing; `verifySignature` then finds the pinned key that signed, or says why none
 * counts.
 */

/** The head of a log at one size. */
interface Checkpoint {
  /** Name of the log, `<host>/log/<org_id>`. */
  readonly origin: string;
  /** How many entries the root covers. */
  readonly size: number;
  readonly rootHash: Uint8Array;
}

/** A checkpoint with the note that it came in; its signatures are not verified. */
export interface ParsedCheckpoint extends Checkpoint {
  readonly note: SignedNote;
}

interface CheckpointRefusal {
  readonly ok: false;
  readonly code: "malformed_checkpoint";
  readonly message: string;
}

type ParseCheckpointResult =
  | { readonly ok: true; readonly checkpoint: ParsedCheckpoint }
  | NoteRefusal
  | CheckpointRefusal;

/** Why the signature of a well-formed checkpoint is worth nothing. */
interface SignatureRefusal {
  readonly ok: false;
  readonly code: "origin_mismatch" | "unpinned_key" | "bad_signature" | "key_retired";
  readonly message: string;
}

type SignatureResult = { readonly ok: true; readonly key: LogKey } | SignatureRefusal;

/** The text of a checkpoint, the bytes that get signed (C2SP tlog-checkpoint). */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, rootHash } = checkpoint;
  if (!isNoteKeyName(origin)) throw new RangeError(`Origin "${origin}" cannot name a log`);
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`Size ${size} is no log size`);
  if (rootHash.length !== HASH_BYTES) {
    throw new RangeError(`Root hash has ${rootHash.length} bytes, expected ${HASH_BYTES}`);
  }
  return `${origin}\n${size}\n${toBase64(rootHash)}\n`;
}

/** The checkpoint as a signed note. The signer must be a key of the same log. */
export async function signCheckpoint(checkpoint: Checkpoint, signer: LogSigner): Promise<string> {
  if (signer.key.origin !== checkpoint.origin) {
    throw new RangeError(
      `Key ${signer.key.kid} signs for "${signer.key.origin}", not for "${checkpoint.origin}"`,
    );
  }
  const text = formatCheckpoint(checkpoint);
  const signature = await signEd25519(signer.privateKey, new TextEncoder().encode(text));
  return formatNote(text, [{ name: signer.key.origin, keyId: noteKeyId(signer.key), signature }]);
}

/**
 * Reads a checkpoint, strictly after C2SP tlog-checkpoint. Verifies no signature.
 *
 * Extension lines are let through unread, as the format asks; the signature covers them.
 */
export function parseCheckpoint(note: string): ParseCheckpointResult {
  const parsed = parseNote(note);
  if (!parsed.ok) return parsed;
  const [origin = "", sizeText = "", root = "", ...extensions] = parsed.note.text.slice(0, -1)
    .split("\n");
  if (!isNoteKeyName(origin)) {
    return refusedCheckpoint(
      `Origin line is ${JSON.stringify(origin)}, expected the name of a log`,
    );
  }
  const size = Number(sizeText);
  if (!/^(0|[1-9][0-9]*)$/.test(sizeText) || !Number.isSafeInteger(size)) {
    return refusedCheckpoint(
      `Size line is ${JSON.stringify(sizeText)}, expected a whole decimal number`,
    );
  }
  const rootHash = fromBase64(root);
  if (rootHash?.length !== HASH_BYTES) {
    return refusedCheckpoint(
      `Root line is ${JSON.stringify(root)}, expected ${HASH_BYTES} bytes in Base64`,
    );
  }
  if (extensions.includes("")) return refusedCheckpoint("Checkpoint has an empty line in its text");
  return { ok: true, checkpoint: { origin, size, rootHash, note: parsed.note } };
}

/**
 * Finds the pinned key that signed a checkpoint.
 *
 * Signatures of unknown keys are ignored, as witnesses may add theirs; one that claims a pinned key
 * and does not verify refuses the whole note (C2SP signed-note, Signatures). A retired key counts for
 * nothing beyond the size at which it handed over.
 */
export async function verifySignature(
  checkpoint: ParsedCheckpoint,
  pinnedKeys: readonly LogKey[],
): Promise<SignatureResult> {
  const { origin, note } = checkpoint;
  const keys = pinnedKeys.filter((key) => key.origin === origin);
  if (keys.length === 0) {
    const names = [...new Set(pinnedKeys.map((key) => `"${key.origin}"`))].join(", ") || "no log";
    return {
      ok: false,
      code: "origin_mismatch",
      message: `Checkpoint is of log "${origin}", but the pinned keys are of ${names}`,
    };
  }
  const message = new TextEncoder().encode(note.text);
  let signer: LogKey | null = null;
  let retired: LogKey | null = null;
  for (const { name, keyId, signature } of note.signatures) {
    if (name !== origin) continue;
    const claimed = keys.filter((key) => noteKeyId(key) === keyId);
    for (const key of claimed) {
      if (!await verifyEd25519(key.publicKey, message, signature)) {
        return {
          ok: false,
          code: "bad_signature",
          message: `Signature of key ${key.kid} does not fit the checkpoint of size ` +
            `${checkpoint.size}: the text was changed, or the signature was made up`,
        };
      }
      if (speaksFor(key, checkpoint.size)) signer ??= key;
      else retired ??= key;
    }
  }
  if (signer !== null) return { ok: true, key: signer };
  if (retired !== null) {
    return { ok: false, code: "key_retired", message: tooLate(retired, checkpoint) };
  }
  const ids = note.signatures.map(({ name, keyId }) => `${name} (key ID ${keyId})`).join(", ");
  return {
    ok: false,
    code: "unpinned_key",
    message: `Checkpoint of size ${checkpoint.size} is signed by ${ids}; pinned for this log: ${
      keys.map((key) => `${key.kid} (key ID ${noteKeyId(key)})`).join(", ")
    }`,
  };
}

function tooLate({ kid, retirement }: LogKey, { size }: Checkpoint): string {
  return retirement === null
    ? `Key ${kid}, which signed the checkpoint of size ${size}, is retired, and the keys do not say ` +
      "at which size it handed over: fetch the published keys anew"
    : `Key ${kid}, which signed the checkpoint of size ${size}, was retired at size ` +
      `${retirement.size}, when it handed over to ${retirement.successor}`;
}

function refusedCheckpoint(message: string): CheckpointRefusal {
  return { ok: false, code: "malformed_checkpoint", message };
}

/** One signature line of a note. Nothing is verified yet. */
interface NoteSignature {
  readonly name: string;
  /** 4 bytes as 8 hex digits. It tells keys apart, and proves nothing. */
  readonly keyId: string;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** A signed note taken apart. Ignore `text` until a signature of a pinned key is verified. */
interface SignedNote {
  /** What the signatures are over: with its last newline, without the blank line. */
  readonly text: string;
  readonly signatures: NoteSignature[];
}

interface NoteRefusal {
  readonly ok: false;
  readonly code: "malformed_note";
  readonly message: string;
}

/** Enough for any number of witnesses; more would only make a verifier work. */
const MAX_NOTE_CHARACTERS = 65_536;

const KEY_ID_BYTES = 4;

const SIGNATURE_LINE = /^\u2014 (\S+) (\S+)$/u;

/** A note: text, blank line, signature lines (C2SP signed-note). `text` ends in a newline. */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  const lines = signatures.map(({ name, keyId, signature }) => {
    const bytes = new Uint8Array(KEY_ID_BYTES + signature.length);
    new DataView(bytes.buffer).setUint32(0, Number.parseInt(keyId, 16));
    bytes.set(signature, KEY_ID_BYTES);
    return `\u2014 ${name} ${toBase64(bytes)}\n`;
  });
  return `${text}\n${lines.join("")}`;
}

/** Takes a signed note apart, strictly after C2SP signed-note. Verifies no signature. */
export function parseNote(note: string): { ok: true; note: SignedNote } | NoteRefusal {
  if (note.length > MAX_NOTE_CHARACTERS) {
    return refusedNote(
      `Note has ${note.length} characters, at most ${MAX_NOTE_CHARACTERS} are read`,
    );
  }
  if (!note.isWellFormed()) return refusedNote("Note is not valid Unicode");
  if (note.includes("\r")) {
    return refusedNote("Note has a carriage return: lines end in a newline alone");
  }
  if (/(?!\n)\p{Cc}/u.test(note)) return refusedNote("Note has a control character");
  if (!note.endsWith("\n")) {
    return refusedNote("Note does not end in a newline: was its end cut off?");
  }
  const blank = note.lastIndexOf("\n\n");
  if (blank === -1) {
    return refusedNote("Note has no blank line between its text and its signatures");
  }
  const lines = note.slice(blank + 2, -1).split("\n");
  const signatures: NoteSignature[] = [];
  for (const [at, line] of lines.entries()) {
    const signature = parseSignatureLine(line);
    if (signature === null) {
      return refusedNote(
        `Signature line ${
          at + 1
        } of the note is not "\u2014 <key name> <Base64>" with key ID and signature`,
      );
    }
    signatures.push(signature);
  }
  return { ok: true, note: { text: note.slice(0, blank + 1), signatures } };
}

function parseSignatureLine(line: string): NoteSignature | null {
  const [, name = "", base64 = ""] = SIGNATURE_LINE.exec(line) ?? [];
  const bytes = fromBase64(base64);
  if (!isNoteKeyName(name) || bytes === null || bytes.length <= KEY_ID_BYTES) return null;
  const keyId = toHex(bytes.subarray(0, KEY_ID_BYTES));
  return { name, keyId, signature: bytes.slice(KEY_ID_BYTES) };
}

function refusedNote(message: string): NoteRefusal {
  return { ok: false, code: "malformed_note", message };
}
