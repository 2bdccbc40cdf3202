import type { Actor, Credential } from "./actor.ts";

/** What an auditor has kept of a log. */
export interface KeptCheckpoint {
  readonly size: number;
  readonly root_hash: string;
}

/** A proof that one kept checkpoint's log begins with another's. */
export interface KeptProof {
  readonly from: KeptCheckpoint;
  readonly to: KeptCheckpoint;
  readonly hashes: readonly string[];
}

/** An auditor: keeps checkpoints, and asks for proofs that the log only grew between two. */
export class Auditor {
  readonly checkpoints: KeptCheckpoint[] = [];
  readonly proofs: KeptProof[] = [];

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
    const { size, root_hash } = asked.answer;
    const to = { size, root_hash };
    this.checkpoints.push(to);
    const from = this.actor.chance.pick(this.checkpoints);
    if (from.size > to.size || from.size === 0) return;
    const path = `/v1/audit/proof/consistency?from=${from.size}&to=${to.size}`;
    const proof = await this.actor.ask(this.credential, "proof", "GET", path);
    if (proof.status === 200) this.proofs.push({ from, to, hashes: proof.answer.hashes });
  }
}
