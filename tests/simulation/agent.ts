import type { JsonObject } from "../../lib/base/json.ts";
import { Actor, type Credential, TOOL_NAMES } from "./actor.ts";

/** How long an agent waits for the end of a token, milliseconds. */
const LONGEST_WAIT_MS = 15_000;

/** What an agent holds of an action that it wants to run. */
interface Held {
  readonly action: JsonObject;
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** An agent: asks, waits, mints, consumes and reports, and now and then tries what it may not. */
export class Agent {
  readonly #tokens: Held[] = [];
  readonly #approvals: { action: JsonObject; id: string }[] = [];

  constructor(readonly actor: Actor, readonly credential: Credential) {}

  live(): Promise<void> {
    return this.actor.live(() => this.#step(), 5, 900);
  }

  async #step(): Promise<void> {
    const { chance } = this.actor;
    const deeds = {
      check: 4,
      checkAndMint: 3,
      request: 3,
      wait: 3,
      mint: 4,
      consume: 5,
      consumeTwice: 1,
      report: 2,
      withdraw: 1,
      lastMoment: 4,
      burst: 2,
    };
    switch (chance.weighted(deeds)) {
      case "check":
        await this.#check({});
        break;
      case "checkAndMint":
        await this.#check({ mint: true });
        break;
      case "request":
        await this.#request();
        break;
      case "wait":
        await this.#wait();
        break;
      case "mint":
        await this.#mint();
        break;
      case "consume":
        await this.#consume(1);
        break;
      case "consumeTwice":
        await this.#consume(2);
        break;
      case "report":
        await this.#report();
        break;
      case "withdraw":
        await this.#withdraw();
        break;
      case "lastMoment":
        await this.#atTheLastMoment();
        break;
      case "burst":
        await Promise.all(Array.from({ length: 6 }, () => this.#check({})));
    }
  }

  #action(): JsonObject {
    const { chance } = this.actor;
    return { tool_name: chance.pick(TOOL_NAMES), arguments: { n: chance.below(3) } };
  }

  async #check(more: JsonObject): Promise<void> {
    const action = this.#action();
    const body = { ...action, ...more };
    const path = "/v1/permissions/check";
    const { answer, status } = this.actor.chance.happens(0.5)
      ? await this.actor.askOnce(this.credential, "check", path, body)
      : await this.actor.ask(this.credential, "check", "POST", path, body);
    if (status === 200 && answer.token !== undefined) this.#take(action, answer.token);
  }

  async #request(): Promise<void> {
    const action = { ...this.#action(), tool_name: "deploy" };
    const asked = await this.actor.askOnce(this.credential, "request", "/v1/approvals", {
      ...action,
      reason: "the simulation wants it",
    });
    if (asked.status === 201 || asked.status === 200) {
      this.#approvals.push({ action, id: asked.answer.id });
    }
  }

  async #wait(): Promise<void> {
    const held = this.#approval();
    if (held === undefined) return;
    const wait = this.actor.chance.below(20);
    await this.actor.ask(this.credential, "wait", "GET", `/v1/approvals/${held.id}?wait=${wait}`);
  }

  async #mint(): Promise<void> {
    const { chance } = this.actor;
    const held = chance.happens(0.7) ? this.#approval() : undefined;
    const action = held === undefined || chance.happens(0.1) ? this.#action() : held.action;
    const asked = await this.actor.askOnce(this.credential, "mint", "/v1/tokens/mint", {
      ...action,
      ...(held === undefined ? {} : { approval_id: held.id }),
      ttl_seconds: chance.pick([10, 10, 60, 300]),
    });
    if (asked.status === 201) this.#take(action, asked.answer);
  }

  async #consume(times: number): Promise<void> {
    const held = this.#token();
    if (held === undefined) return;
    const { chance } = this.actor;
    const action = chance.happens(0.1) ? this.#action() : held.action;
    const body = { ...action, token: held.token };
    const path = "/v1/tokens/consume";
    await Promise.all(
      Array.from(
        { length: times },
        () =>
          chance.happens(0.5)
            ? this.actor.askOnce(this.credential, "consume", path, body)
            : this.actor.ask(this.credential, "consume", "POST", path, body),
      ),
    );
  }

  async #report(): Promise<void> {
    const held = this.#token();
    if (held === undefined) return;
    await this.actor.askOnce(this.credential, "report", "/v1/executions/log", {
      tool_name: held.action.tool_name!,
      token: held.token,
      execution_result: this.actor.chance.pick(["success", "failed", "unknown"]),
    });
  }

  async #withdraw(): Promise<void> {
    const held = this.#approval();
    if (held === undefined) return;
    const deed = this.actor.chance.pick(["cancel", "revoke"]);
    await this.actor.ask(this.credential, deed, "POST", `/v1/approvals/${held.id}/${deed}`);
  }

  #take(action: JsonObject, { token, expires_at }: { token: string; expires_at: string }): void {
    this.#tokens.push({ action, token, expires: Date.parse(expires_at) });
  }

  /** Spends a token as it expires, to meet the very moment. */
  async #atTheLastMoment(): Promise<void> {
    const held = this.#tokens.findLast(({ expires }) => expires - this.#now > 0);
    if (held === undefined || held.expires - this.#now > LONGEST_WAIT_MS) return;
    // A request takes some milliseconds at most: this one comes a hair before, at, or after it.
    const rest = held.expires - this.#now - 1;
    await this.actor.pause(rest, rest);
    const body = { ...held.action, token: held.token };
    await this.actor.ask(this.credential, "consume", "POST", "/v1/tokens/consume", body);
  }

  get #now(): number {
    return this.actor.scene.world.schedule.now;
  }

  /** One of the newest, which are the likeliest to be worth something. */
  #token(): Held | undefined {
    return this.#tokens.at(-1 - this.actor.chance.below(4)) ?? this.#tokens.at(-1);
  }

  #approval() {
    return this.#approvals.at(-1 - this.actor.chance.below(3)) ?? this.#approvals.at(-1);
  }
}
