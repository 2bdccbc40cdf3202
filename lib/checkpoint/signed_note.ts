import { fromBase64, toBase64 } from "../base/bytes.ts";
import { toHex } from "../merkle/hex.ts";
import { isNoteKeyName } from "../tlog/log_key.ts";

/** One signature line of a note. Nothing is verified yet. */
export interface NoteSignature {
  readonly name: string;
  /** 4 bytes as 8 hex digits. It tells keys apart, and proves nothing. */
  readonly keyId: string;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** A signed note taken apart. Ignore `text` until a signature of a pinned key is verified. */
export interface SignedNote {
  /** What the signatures are over: with its last newline, without the blank line. */
  readonly text: string;
  readonly signatures: NoteSignature[];
}

export interface NoteRefusal {
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
    return refused(`Note has ${note.length} characters, at most ${MAX_NOTE_CHARACTERS} are read`);
  }
  if (!note.isWellFormed()) return refused("Note is not valid Unicode");
  if (note.includes("\r")) {
    return refused("Note has a carriage return: lines end in a newline alone");
  }
  if (/(?!\n)\p{Cc}/u.test(note)) return refused("Note has a control character");
  if (!note.endsWith("\n")) return refused("Note does not end in a newline: was its end cut off?");
  const blank = note.lastIndexOf("\n\n");
  if (blank === -1) return refused("Note has no blank line between its text and its signatures");
  const lines = note.slice(blank + 2, -1).split("\n");
  const signatures: NoteSignature[] = [];
  for (const [at, line] of lines.entries()) {
    const signature = parseSignatureLine(line);
    if (signature === null) {
      return refused(
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

function refused(message: string): NoteRefusal {
  return { ok: false, code: "malformed_note", message };
}
