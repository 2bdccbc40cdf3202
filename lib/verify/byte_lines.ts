import { joinBytes } from "../bytes/join_bytes.ts";

const LINE_FEED = 0x0a;

/** Longer lines are cut here: no entry with its private parts comes near, and memory stays bounded. */
export const MAX_LINE_BYTES = 4 * 1024 * 1024;

/**
 * Cuts a byte stream into lines, without their line feeds, in batches of one a chunk.
 *
 * A line longer than `MAX_LINE_BYTES` is given as its first `MAX_LINE_BYTES` + 1 bytes, for the
 * reader to refuse, and ends the stream. A last line without a line feed counts.
 */
export async function* byteLines(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array[], void, void> {
  let open: Uint8Array[] = [];
  let openBytes = 0;
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = [];
    let from = 0;
    let to = chunk.indexOf(LINE_FEED);
    for (; to !== -1; from = to + 1, to = chunk.indexOf(LINE_FEED, from)) {
      const end = chunk.subarray(from, to);
      lines.push(open.length === 0 ? end : joinBytes([...open, end]));
      open = [];
      openBytes = 0;
    }
    if (from < chunk.length) {
      // A copy, as the source may fill its buffer again.
      open.push(chunk.slice(from));
      openBytes += chunk.length - from;
    }
    if (lines.length > 0) yield lines;
    if (openBytes > MAX_LINE_BYTES) {
      yield [joinBytes(open).subarray(0, MAX_LINE_BYTES + 1)];
      return;
    }
  }
  if (openBytes > 0) yield [joinBytes(open)];
}
