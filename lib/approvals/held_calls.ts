import { Refusal } from "../refusal.ts";

/** Most calls of one credential that wait at the same time on one node. */
const MAX_HELD_CALLS = 50;

/** How many calls each credential holds on this node. */
export class HeldCalls {
  readonly #counts = new Map<string, number>();

  /** @throws {Refusal} too_many_pending */
  take(credential: string): void {
    const count = this.#counts.get(credential) ?? 0;
    if (count >= MAX_HELD_CALLS) {
      throw new Refusal("too_many_pending", {
        limit: `${MAX_HELD_CALLS} held calls a credential`,
        retry_after_seconds: 1,
      });
    }
    this.#counts.set(credential, count + 1);
  }

  release(credential: string): void {
    const count = (this.#counts.get(credential) ?? 0) - 1;
    if (count > 0) this.#counts.set(credential, count);
    else this.#counts.delete(credential);
  }
}
