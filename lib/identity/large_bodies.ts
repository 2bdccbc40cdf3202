import { Overloaded } from "../ledger/ledger.ts";

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
