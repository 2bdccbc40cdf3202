import type { JsonObject } from "../../lib/base/json.ts";
import type { Actor, Credential } from "./actor.ts";
import { TEAM_TOOL } from "./head.ts";

/** An agent whose actions a team decides of: asks for them, and does what was approved. */
export class Releaser {
  readonly #asked: { readonly action: JsonObject; readonly id: string }[] = [];
  readonly #tokens: { readonly action: JsonObject; readonly token: string }[] = [];

  constructor(readonly actor: Actor, readonly credential: Credential) {}

  live(): Promise<void> {
    return this.actor.live(() => this.#step(), 100, 2000);
  }

  async #step(): Promise<void> {
    switch (this.actor.chance.weighted({ ask: 4, mint: 5, consume: 4 })) {
      case "ask":
        return await this.#ask();
      case "mint":
        return await this.#mint();
      case "consume":
        return await this.#consume();
    }
  }

  async #ask(): Promise<void> {
    const action = {
      tool_name: TEAM_TOOL,
      arguments: { build: this.actor.chance.bytes(4).toHex() },
    };
    const asked = await this.actor.askOnce(this.credential, "request", "/v1/approvals", {
      ...action,
      reason: "the simulation wants it",
    });
    if (asked.status === 201) this.#asked.push({ action, id: asked.answer.id });
  }

  async #mint(): Promise<void> {
    const asked = this.#oneOf(this.#asked);
    if (asked === undefined) return;
    const body = { ...asked.action, approval_id: asked.id, ttl_seconds: 60 };
    const minted = await this.actor.askOnce(this.credential, "mint", "/v1/tokens/mint", body);
    if (minted.status !== 201) return;
    this.#tokens.push({ action: asked.action, token: minted.answer.token });
  }

  async #consume(): Promise<void> {
    const held = this.#oneOf(this.#tokens);
    if (held === undefined) return;
    const body = { ...held.action, token: held.token };
    await this.actor.askOnce(this.credential, "consume", "/v1/tokens/consume", body);
  }

  #oneOf<T>(things: readonly T[]): T | undefined {
    return things.at(-1 - this.actor.chance.below(6)) ?? things.at(-1);
  }
}
