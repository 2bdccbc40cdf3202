import type { JsonObject } from "../../lib/base/json.ts";
import { type Actor, CALLED_TOOLS, type Credential } from "./actor.ts";
import type { Offering } from "./offering.ts";

/** What a look at the tools of an upstream shows. */
interface Seen {
  readonly name: string;
  readonly definition_digest: string;
  readonly status: string;
}

/**
 * Whoever runs a server of others and changes what it offers; and whoever holds the management key here,
 * has it looked at, reads the definitions and takes them, now and then one that is an old one by then.
 */
export class ToolKeeper {
  /** What was read before. */
  #read: readonly Seen[] = [];

  constructor(
    readonly actor: Actor,
    readonly management: Credential,
    readonly upstream: string,
    readonly offering: Offering,
    /** Has the catalog hear of what is offered now. */
    readonly tell: () => Promise<unknown>,
  ) {}

  live(): Promise<void> {
    return this.actor.live(() => this.#step(), 100, 2500);
  }

  async #step(): Promise<void> {
    const { chance } = this.actor;
    const name = chance.pick(this.offering.names);
    switch (chance.weighted({ change: 3, undo: 1, withdraw: 1, tell: 4, take: 6, late: 3 })) {
      case "change":
        return this.offering.change(name);
      case "undo":
        return this.offering.undo(name);
      case "withdraw":
        if (this.offering.offered.size > 1) this.offering.withdraw(name);
        return;
      case "tell":
        return void await this.tell();
      case "take":
        await this.#look();
        return await this.#take();
      case "late":
        // What was read some time ago, whatever it is by now.
        return await this.#take();
    }
  }

  async #look(): Promise<void> {
    const path = `/v1/upstreams/${this.upstream}/tools`;
    const seen = await this.actor.ask(this.management, "tools", "GET", path);
    if (seen.status === 200) this.#read = seen.answer.data as Seen[];
  }

  async #take(): Promise<void> {
    const { chance } = this.actor;
    await this.actor.pause(0, 500);
    const tools = this.#read.filter(({ status }) => status === "draft" && chance.happens(0.8))
      .map(({ name, definition_digest }) => ({
        name,
        definition_digest,
        default_permission: CALLED_TOOLS[name as keyof typeof CALLED_TOOLS],
      }));
    if (tools.length === 0) return;
    const body = { tools } as unknown as JsonObject;
    const path = `/v1/upstreams/${this.upstream}/approve`;
    await this.actor.ask(this.management, "take", "POST", path, body);
  }
}
