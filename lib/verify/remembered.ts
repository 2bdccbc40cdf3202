/** Smaller than this, looking for what is over costs more than it frees. */
const FEW = 1024;

/**
 * Values by name, each until a time: so many as can be of effect at once, however long the log. What
 * is over goes when twice as many have gathered as were left the last time.
 */
export class Remembered<T> {
  readonly #values = new Map<string, { readonly value: T; readonly until: string }>();
  #limit = FEW;

  get size(): number {
    return this.#values.size;
  }

  get(name: string): T | undefined {
    return this.#values.get(name)?.value;
  }

  /** Keeps a value; until the time that it has, where none is given. */
  set(name: string, value: T, until: string = this.#values.get(name)?.until ?? ""): void {
    this.#values.set(name, { value, until });
  }

  /** Lets go of what is over at a time (RFC 3339), as far as that is worth while. */
  forget(now: string): void {
    if (this.#values.size < this.#limit) return;
    for (const [name, { until }] of this.#values) if (until <= now) this.#values.delete(name);
    this.#limit = Math.max(FEW, 2 * this.#values.size);
  }
}
