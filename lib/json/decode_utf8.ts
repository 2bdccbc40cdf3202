import type { JsonRefusal } from "./json_refusal.ts";

const fatal = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes the bytes of a JSON text. Refuses anything but UTF-8 (RFC 8259 section 8.1), and a byte
 * order mark, which readers treat differently.
 */
export function decodeUtf8(bytes: Uint8Array): { readonly ok: true; text: string } | JsonRefusal {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    return malformed("Text starts with a byte order mark; leave it out");
  }
  try {
    return { ok: true, text: fatal.decode(bytes) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return malformed(`Text is not UTF-8 at byte ${firstBadByte(bytes)}; send JSON as UTF-8`);
  }
}

function malformed(message: string): JsonRefusal {
  return { ok: false, code: "malformed_json", path: "", message };
}

function firstBadByte(bytes: Uint8Array): number {
  let at = 0;
  for (const character of lenient.decode(bytes)) {
    // A replacement character that the sender wrote is three good bytes.
    const sent = bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd;
    if (character === "\ufffd" && !sent) return at;
    const code = character.codePointAt(0) ?? 0;
    at += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return at;
}
