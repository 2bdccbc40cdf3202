/**
 * A signal that is aborted as soon as one of others is, with the reason of that one. What
 * `AbortSignal.any` makes hangs on the others until it is collected, and costs ten times as much.
 */
export class FirstSignal implements Disposable {
  readonly #own = new AbortController();
  readonly #left: () => void;

  constructor(readonly others: readonly AbortSignal[]) {
    this.#left = () => this.#own.abort(others.find(({ aborted }) => aborted)?.reason);
    if (others.some(({ aborted }) => aborted)) this.#left();
    else for (const other of others) other.addEventListener("abort", this.#left, { once: true });
  }

  get signal(): AbortSignal {
    return this.#own.signal;
  }

  abort(reason?: unknown): void {
    this.#own.abort(reason);
  }

  /** Nobody is to be told any more. */
  [Symbol.dispose](): void {
    for (const other of this.others) other.removeEventListener("abort", this.#left);
  }
}
