import type { Actor, Credential } from "./actor.ts";

/** An auditor: keeps the sizes of checkpoints, and asks for proofs that the log only grew between two. */
export class Auditor {
  readonly #sizes: number[] = [];

  constructor(readonly actor: Actor, readonly credential: Credential) {}

  live(): Promise<void> {
    return this.actor.live(() => this.#step(), 200, 3000);
  }

  async #step(): Promise<void> {
    const asked = await this.actor.ask(
      this.credential,
      "checkpoint",
      "GET",
      "/v1/audit/checkpoint",
      undefined,
      { accept: "application/json" },
    );
    if (asked.status !== 200) return;
    const to: number = asked.answer.size;
    this.#sizes.push(to);
    const from = this.actor.chance.pick(this.#sizes);
    if (from > to || from === 0) return;
    const path = `/v1/audit/proof/consistency?from=${from}&to=${to}`;
    await this.actor.ask(this.credential, "proof", "GET", path);
  }
}
