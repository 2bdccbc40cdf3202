import type { JsonObject } from "../../lib/base/json.ts";
import type { Actor, Credential } from "./actor.ts";

/** An agent that runs tools of servers of others: each action is asked for by nobody else. */
export class Runner {
  /** Actions that wait for people, or of which it has not heard, with the key that they have. */
  readonly #open: { readonly body: JsonObject; readonly key: string | null }[] = [];
  readonly #calls: string[] = [];

  constructor(
    readonly actor: Actor,
    readonly credential: Credential,
    /** What it may run. */
    readonly tools: readonly string[],
  ) {}

  live(): Promise<void> {
    return this.actor.live(() => this.#step(), 50, 2500);
  }

  async #step(): Promise<void> {
    const { chance } = this.actor;
    switch (chance.weighted({ call: 6, twice: 1, goOn: 4, look: 2 })) {
      case "call":
        return await this.#call(this.#fresh(), 1);
      case "twice":
        return await this.#call(this.#fresh(), 2);
      case "goOn": {
        const open = this.#open.at(-1 - chance.below(3)) ?? this.#open.at(-1);
        return open === undefined ? undefined : await this.#call(open, 1);
      }
      case "look":
        return await this.#look();
    }
  }

  #fresh() {
    const { chance } = this.actor;
    const body = {
      tool_name: chance.pick(this.tools),
      arguments: { n: chance.bytes(8).toHex() },
      wait: chance.pick([0, 0, 5, 20]),
    };
    return { body, key: chance.happens(0.6) ? chance.bytes(9).toHex() : null };
  }

  async #call(
    open: { readonly body: JsonObject; readonly key: string | null },
    times: number,
  ): Promise<void> {
    const headers: Record<string, string> = open.key === null
      ? {}
      : { "idempotency-key": open.key };
    const ask = () =>
      this.actor.ask(this.credential, "call", "POST", "/v1/calls", open.body, headers);
    const all = await Promise.all(Array.from({ length: times }, ask));
    for (const { status, answer } of all) {
      const isOpen = status === null || status === 202 || status >= 500;
      if (isOpen && !this.#open.includes(open)) this.#open.push(open);
      const id = answer?.call_id;
      if (typeof id === "string") this.#calls.push(id);
    }
  }

  async #look(): Promise<void> {
    const { chance } = this.actor;
    const id = this.#calls.at(-1 - chance.below(3)) ?? this.#calls.at(-1);
    if (id === undefined) return;
    const path = `/v1/calls/${id}?wait=${chance.pick([0, 10])}`;
    await this.actor.ask(this.credential, "look", "GET", path);
  }
}
