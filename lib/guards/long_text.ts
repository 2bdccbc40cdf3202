/**
 * A long text, as a JSON string has it between its quotes: read in windows, so that no copy of it is
 * ever made, and with some of it replaced, where nothing else is copied either.
 */

/** What stands between the quotes, in parts of which each ends where a character does. */
export type WrittenText = readonly Uint8Array<ArrayBuffer>[];

/** A stretch of it, in characters, and what stands there instead. */
export interface Placeholder {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A piece of a text, and the place of its first character. */
export interface Piece {
  readonly text: string;
  readonly from: number;
}

/** How much is read at a time, bytes. */
const WINDOW = 12 * 1024;

const BACKSLASH = 0x5c;

const LETTER_U = 0x75;

const encoder = new TextEncoder();

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** @param overlap how many characters of the piece before begin the next one */
export function* piecesOf(written: WrittenText, overlap: number): Generator<Piece> {
  let before = "";
  let read = 0;
  for (const window of windowsOf(written)) {
    const now = textIn(window);
    const text = before + now;
    yield { text, from: read - before.length };
    read += now.length;
    before = text.slice(-overlap);
  }
}

/**
 * The text with placeholders, in order of their starts; of two that overlap the first names both. What
 * none of them touches are the same bytes.
 */
export function withPlaceholdersIn(
  written: WrittenText,
  placeholders: readonly Placeholder[],
): WrittenText {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let read = 0;
  let next = 0;
  /** Characters before it are gone, or stand in a part. */
  let done = 0;
  for (const window of windowsOf(written)) {
    const text = textIn(window);
    const end = read + text.length;
    const isTouched = done > read || (placeholders[next]?.start ?? end) < end;
    if (!isTouched) {
      parts.push(window);
    } else {
      let kept = "";
      const take = (to: number) => {
        kept += text.slice(Math.max(done, read) - read, Math.max(to, read) - read);
      };
      for (; (placeholders[next]?.start ?? end) < end; next++) {
        const placeholder = placeholders[next];
        if (placeholder === undefined || placeholder.end <= done) continue;
        if (placeholder.start >= done) {
          take(placeholder.start);
          kept += placeholder.text;
        }
        done = placeholder.end;
      }
      take(end);
      parts.push(encoder.encode(JSON.stringify(kept).slice(1, -1)));
    }
    done = Math.max(done, end);
    read = end;
  }
  return parts;
}

function* windowsOf(written: WrittenText): Generator<Uint8Array<ArrayBuffer>> {
  for (const part of written) {
    for (let from = 0; from < part.length;) {
      const to = characterEnd(part, from, from + WINDOW);
      yield part.subarray(from, to);
      from = to;
    }
  }
}

/** Where the first character or escape ends that reaches up to there. */
function characterEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && at < bytes.length) {
    if (bytes[at] !== BACKSLASH) at++;
    else at += bytes[at + 1] === LETTER_U ? 6 : 2;
  }
  // The rest of a character of several bytes (RFC 3629).
  while (((bytes[at] ?? 0) & 0xc0) === 0x80) at++;
  return Math.min(at, bytes.length);
}

function textIn(window: Uint8Array): string {
  const written = decoder.decode(window);
  return window.includes(BACKSLASH) ? String(JSON.parse(`"${written}"`)) : written;
}
