import type { Deps } from "../deps.ts";
import { Refusal } from "../refusals/refusal.ts";

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
export class AnswerStandsStill extends Error {
  override readonly name = "AnswerStandsStill";
}

/** A place for one answer, until it is read to its end, given up or let go. */
export interface Place {
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
  #places = 0;

  constructor(readonly deps: Pick<Deps, "timer">) {}

  /**
   * A place for an answer.
   * @param bytes what of it is held in memory at the same time
   * @throws {Refusal} too_many_streams
   */
  take(credential: string, bytes = PLACE_BYTES): Place {
    const own = this.#ofCredential.get(credential) ?? 0;
    if (own >= MAX_OF_CREDENTIAL) throw tooMany(`${MAX_OF_CREDENTIAL} of a credential`);
    // One that needs more than there are must not wait for ever: it takes all of them.
    const places = Math.min(MAX_PLACES, Math.ceil(bytes / PLACE_BYTES));
    if (this.#places + places > MAX_PLACES) throw tooMany(`${MAX_PLACES} of the process`);
    this.#ofCredential.set(credential, own + 1);
    this.#places += places;
    let isTaken = true;
    const release = () => {
      if (!isTaken) return;
      isTaken = false;
      this.#places -= places;
      const left = (this.#ofCredential.get(credential) ?? 0) - 1;
      if (left > 0) this.#ofCredential.set(credential, left);
      else this.#ofCredential.delete(credential);
    };
    return { stream: (source) => this.#stream(source, release), release };
  }

  /** A text as the body of an answer; a large one takes a place. @throws {Refusal} too_many_streams */
  body(credential: string, text: string): string | ReadableStream<Uint8Array> {
    if (text.length <= LARGE_CHARACTERS) return text;
    const bytes = new TextEncoder().encode(text);
    return this.take(credential, bytes.length).stream(pieces(bytes));
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
export async function* pieces(
  bytes: Uint8Array<ArrayBuffer>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    // A copy: the server takes what it gets for its own.
    yield bytes.slice(at, at + PIECE_BYTES);
  }
}

function tooMany(limit: string): Refusal<"too_many_streams"> {
  return new Refusal("too_many_streams", {
    limit,
    retry_after_seconds: STANDS_STILL_MS / 1000,
  });
}
