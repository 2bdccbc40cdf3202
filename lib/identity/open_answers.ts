import { joinBytes } from "../base/bytes.ts";
import type { Deps } from "../deps.ts";
import { Overloaded } from "../ledger/ledger.ts";
import { Refusal } from "../refusal.ts";

/**
 * How many large answers and large bodies a process holds at once. Each takes memory for as long as
 * its reader or sender likes, so there are few, and an answer that nobody reads is ended.
 */

/** Most answers of one credential that are open at the same time on this process. */
const MAX_OF_CREDENTIAL = 4;

/** Most places of the process; an answer takes one for each `PLACE_BYTES` that it holds. */
const MAX_PLACES = 64;

const PLACE_BYTES = 512 * 1024;

/** How long a reader may take nothing, milliseconds. */
const STANDS_STILL_MS = 30_000;

/** What is handed to the server at once: it holds a few pieces of an answer that nobody reads. */
const PIECE_BYTES = 16 * 1024;

/** Answers of more characters take a place as streams do; every other is gone with its request. */
export const LARGE_CHARACTERS = 128 * 1024;

/** What a stream ends with when nobody reads it. */
class AnswerStandsStill extends Error {
  override readonly name = "AnswerStandsStill";
}

/** A place for one answer, until it is read to its end, given up or let go. */
interface Place {
  /** What the source yields, a piece whenever the reader has taken the one before. */
  stream(source: AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>): ReadableStream<Uint8Array>;
  release(): void;
}

/**
 * The answers that are streamed or large, and not read to their end. Each holds memory for as long
 * as its reader likes, so there are few of them, and one that stands still is ended.
 */
export class OpenAnswers {
  readonly #ofCredential = new Map<string, number>();
  /** Of these, what changes were answered with; while it is empty, everybody may change. */
  readonly toChanges = new Map<string, number>();
  #places = 0;

  constructor(readonly deps: Pick<Deps, "timer">) {}

  /**
   * A place for an answer.
   * @param bytes what of it is held in memory at the same time
   * @throws {Refusal} too_many_streams
   */
  take(credential: string, bytes = PLACE_BYTES): Place {
    const own = this.#ofCredential.get(credential) ?? 0;
    if (own >= MAX_OF_CREDENTIAL) throw tooManyOfCredential();
    const places = placesFor(bytes);
    if (this.#places + places > MAX_PLACES) throw tooManyOfProcess();
    return this.#place(credential, places, [this.#ofCredential]);
  }

  /** A text as the body of an answer; a large one takes a place. @throws {Refusal} too_many_streams */
  body(credential: string, text: string): string | ReadableStream<Uint8Array> {
    if (text.length <= LARGE_CHARACTERS) return text;
    const bytes = new TextEncoder().encode(text);
    return this.take(credential, bytes.length).stream(pieces(bytes));
  }

  /**
   * Refuses a change before it is made where its answer could not be counted: whoever makes it has
   * left as many large answers to changes unread as may be open, or one where the process has no
   * place. What else is open does not count: nobody's changes wait for an export.
   * @throws {Refusal} too_many_streams
   */
  mayChange(credential: string): void {
    const own = this.toChanges.get(credential) ?? 0;
    if (own >= MAX_OF_CREDENTIAL) throw tooManyOfCredential();
    if (own > 0 && this.#places >= MAX_PLACES) throw tooManyOfProcess();
  }

  /** As `body`, for what answers a change: that has been made, so its answer is never refused. */
  given(credential: string, text: string): string | ReadableStream<Uint8Array> {
    if (text.length <= LARGE_CHARACTERS) return text;
    return this.#given(credential, [new TextEncoder().encode(text)]);
  }

  /** The same of bytes in parts, of which no second copy is made as a whole. */
  givenBytes(
    credential: string,
    parts: readonly Uint8Array<ArrayBuffer>[],
  ): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
    return lengthOf(parts) <= LARGE_CHARACTERS ? joinBytes(parts) : this.#given(credential, parts);
  }

  #given(
    credential: string,
    parts: readonly Uint8Array<ArrayBuffer>[],
  ): ReadableStream<Uint8Array> {
    const counts = [this.#ofCredential, this.toChanges];
    return this.#place(credential, placesFor(lengthOf(parts)), counts).stream(pieces(...parts));
  }

  #place(credential: string, places: number, counts: readonly Map<string, number>[]): Place {
    for (const count of counts) count.set(credential, (count.get(credential) ?? 0) + 1);
    this.#places += places;
    let isTaken = true;
    const release = () => {
      if (!isTaken) return;
      isTaken = false;
      this.#places -= places;
      for (const count of counts) {
        const left = (count.get(credential) ?? 0) - 1;
        if (left > 0) count.set(credential, left);
        else count.delete(credential);
      }
    };
    return { stream: (source) => this.#stream(source, release), release };
  }

  #stream(
    source: AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>,
    release: () => void,
  ): ReadableStream<Uint8Array> {
    let timer = this.deps.timer(STANDS_STILL_MS);
    const end = async () => {
      timer.cancel();
      release();
      await source.return();
    };
    const watch = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      timer.cancel();
      const own = timer = this.deps.timer(STANDS_STILL_MS);
      void own.elapsed.then(() => {
        if (own !== timer) return;
        controller.error(new AnswerStandsStill("Nobody reads the answer"));
        return end();
      });
    };
    return new ReadableStream<Uint8Array>({
      start: watch,
      async pull(controller) {
        timer.cancel();
        try {
          const { done, value } = await source.next();
          if (!done) {
            watch(controller);
            return controller.enqueue(value);
          }
        } catch (error) {
          await end();
          throw error;
        }
        await end();
        controller.close();
      },
      cancel: end,
    }, { highWaterMark: 0 });
  }
}

/** Bytes in pieces. */
async function* pieces(
  ...parts: readonly Uint8Array<ArrayBuffer>[]
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  for (const bytes of parts) {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      // A copy: the server takes what it gets for its own.
      yield bytes.slice(at, at + PIECE_BYTES);
    }
  }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

/** One that needs more places than there are must not wait for ever: it takes all of them. */
function placesFor(bytes: number): number {
  return Math.min(MAX_PLACES, Math.ceil(bytes / PLACE_BYTES));
}

const tooManyOfCredential = () => tooMany(`${MAX_OF_CREDENTIAL} of a credential`);

const tooManyOfProcess = () => tooMany(`${MAX_PLACES} of the process`);

function tooMany(limit: string): Refusal<"too_many_streams"> {
  return new Refusal("too_many_streams", {
    limit,
    retry_after_seconds: STANDS_STILL_MS / 1000,
  });
}

/** Most large bodies that a process holds, for all organizations together. */
const MOST = 4;

/**
 * Who sends a large body now: one of an organization at a time, and few at all, for each takes many
 * times its size in memory until it is answered.
 */
export class LargeBodies {
  readonly #orgs = new Set<string>();

  /** @throws {Overloaded} */
  take(org: string): void {
    if (this.#orgs.has(org) || this.#orgs.size >= MOST) throw new Overloaded();
    this.#orgs.add(org);
  }

  release(org: string): void {
    this.#orgs.delete(org);
  }
}
