import type { DueWork } from "../ledger/due.ts";
import { Slots } from "./slots.ts";

/** How many conversations with servers of others run at the same time. */
const AT_ONCE = 8;

/** Work that waits for others: beside everything else, each piece once at a time. */
export class OutsideWork {
  readonly #slots = new Slots(AT_ONCE);
  readonly #underWay = new Set<string>();
  #stopped = false;

  /** Begins it when there is room, unless it runs or waits already. */
  begin(work: DueWork, attempt: () => Promise<void>): void {
    const name = JSON.stringify([work.kind, work.org, work.id, work.at]);
    if (this.#underWay.has(name)) return;
    this.#underWay.add(name);
    const unlessStopped = () => this.#stopped ? Promise.resolve() : attempt();
    void this.#slots.run(unlessStopped).finally(() => this.#underWay.delete(name));
  }

  /** Begins nothing more: what waits for room stays due. */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when nothing runs or waits any more. */
  idle(): Promise<void> {
    return this.#slots.idle();
  }
}
