/**
 * Rows that something was made of, and nothing else: it need not be made again for as long as none of
 * them becomes another. Every commit of this process says which rows it writes, and what others write
 * has all that is held dropped (`GuardedRows`).
 */

/** The rows that one thing was made of. */
export interface Ground {
  /** The texts of their keys, of rows that there are not among them. */
  readonly texts: readonly string[];
  readonly turn: object;
}

/** So many rows are remembered before everything is to be made anew: some megabytes. */
const MOST_TEXTS = 20_000;

export class Grounds {
  /** Of which rows something was made: whoever writes one of them shifts the ground. */
  readonly texts = new Set<string>();
  /** The same while none of the rows has become another. */
  #turn = {};

  /** Rows as they are at this moment. What was waited for is from another moment, and no ground. */
  lay(texts: readonly string[]): Ground {
    if (this.texts.size + texts.length > MOST_TEXTS) this.shift();
    for (const text of texts) this.texts.add(text);
    return { texts, turn: this.#turn };
  }

  /** Whether none of the rows of a ground has become another. */
  bear({ turn }: Ground): boolean {
    return turn === this.#turn;
  }

  /** Nothing that was made counts any more. */
  shift(): void {
    this.#turn = {};
    this.texts.clear();
  }
}
