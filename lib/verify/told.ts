import type { Finding } from "./finding.ts";

/**
 * How far a log tells of what its entries rest on. One that begins with the making of its org names
 * everybody and everything before it is used. One that begins later cannot, and what it does not
 * name is counted, and is not wrong.
 */
export class Told {
  /** Whether the log tells of everything from the beginning. */
  everything = false;
  #missing = 0;

  /** How often something was rested on that the log does not tell of. */
  get missing(): number {
    return this.#missing;
  }

  /** What is wrong with resting on what no entry tells of; nothing where the log cannot tell. */
  miss(finding: Finding): Finding | null {
    if (this.everything) return finding;
    this.#missing++;
    return null;
  }
}
