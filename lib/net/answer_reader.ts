import { Buffer } from "node:buffer";
import { StrangerFetchFailed } from "./stranger_fetch.ts";

/** Where bytes come from; null is the end of them. */
export interface ByteSource {
  read(into: Uint8Array): Promise<number | null>;
}

/** Most bytes of a line, its end included. */
export const MAX_LINE = 16 * 1024;

const LF = 0x0a;

const CR = 0x0d;

/** Takes lines and counted bytes off a connection, never more of them in memory than asked for. */
export class AnswerReader {
  readonly #buffer = new Uint8Array(MAX_LINE);
  #start = 0;
  #end = 0;

  constructor(readonly source: ByteSource) {}

  /**
   * The next line without its CR LF, one character a byte.
   * @param max most bytes of it, its end included; at most `MAX_LINE`
   */
  async line(max: number): Promise<string> {
    let searched = 0;
    for (;;) {
      const unread = this.#buffer.subarray(this.#start, this.#end);
      const at = unread.indexOf(LF, searched);
      if (at + 1 > max || (at < 0 && unread.length >= max)) {
        throw malformed("has longer headers than are taken");
      }
      if (at >= 0) {
        // A bare LF ends a line for some readers only (RFC 9112 section 2.2).
        if (at === 0 || unread[at - 1] !== CR) throw malformed("has a line that ends without CR");
        this.#start += at + 1;
        return Buffer.from(unread.subarray(0, at - 1)).toString("latin1");
      }
      searched = unread.length;
      await this.#more();
    }
  }

  /** Exactly so many bytes. */
  async exactly(count: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      if (this.#start === this.#end) await this.#more();
      const some = this.#buffer.subarray(
        this.#start,
        Math.min(this.#end, this.#start + count - filled),
      );
      bytes.set(some, filled);
      filled += some.length;
      this.#start += some.length;
    }
    return bytes;
  }

  async #more(): Promise<void> {
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    const count = await this.source.read(this.#buffer.subarray(this.#end));
    if (count === null) throw new StrangerFetchFailed("unreachable", "The answer was cut off.");
    this.#end += count;
  }
}

/** What is wrong with an answer, as the end of a sentence. */
export function malformed(what: string): StrangerFetchFailed {
  return new StrangerFetchFailed("answer_malformed", `The answer ${what}.`);
}
