import type { LogLine } from "../deps.ts";
import { isUnfit } from "./commit.ts";
import { faultOf, whatIsWrong } from "./store_faults.ts";

/**
 * How the store fares, by what its own calls bring: a commit that fails is known at once, whoever made
 * it, and one that lands later shows that it is over. A damaged file, and a store that a newer release
 * has taken over, stay as they are until this process ends.
 */
export class StoreHealth {
  #failing = false;
  #lost: "damaged" | "newer" | null = null;

  constructor(readonly deps: { readonly log: LogLine }) {}

  /** True while commits fail, as far as is known. */
  get isFailing(): boolean {
    return this.#failing || this.#lost !== null;
  }

  /** A commit was taken, or refused by its own checks: the store works. */
  committed(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.deps.log("info", "The store takes commits again");
  }

  /** A write failed. One that is too large for any store says nothing of this one. */
  failed(error: unknown): void {
    if (isUnfit(error)) return;
    this.heard(error);
    if (this.#failing) return;
    this.#failing = true;
    this.deps.log("error", "The store does not take commits", {
      error: whatIsWrong(error),
      next: "See A store that fails in docs/operations.md",
    });
  }

  /** Any call failed: one damaged page is enough not to trust the file with more. */
  heard(error: unknown): void {
    if (this.#lost !== null || faultOf(error) !== "damaged") return;
    this.#lost = "damaged";
    this.deps.log("error", "The file of the store is damaged", {
      error: whatIsWrong(error),
      next: "Stop, and put a backup in its place: see A store that fails in docs/operations.md",
    });
  }

  /** A newer release has brought the store to a version that this one does not know. */
  outgrown(version: number): void {
    if (this.#lost !== null) return;
    this.#lost = "newer";
    this.deps.log("error", "A newer release has taken over the store", {
      version,
      next: "Stop this process, and start the newer release in its place",
    });
  }
}
