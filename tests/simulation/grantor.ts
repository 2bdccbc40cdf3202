import type { JsonObject } from "../../lib/base/json.ts";
import type { Actor, Credential } from "./actor.ts";

/** A mandate as whoever asks under it knows it. */
export interface KnownMandate {
  readonly id: string;
  readonly user: string;
  /** Who may ask under it. */
  readonly credential: Credential;
  /** Whether it was ended, by what this one did. */
  isOver: boolean;
}

/** The users of whom mandates are: names that nothing but a grant has. */
const USERS = ["user-4711-of-the-app", "user-4712-of-the-app"] as const;

/** How standard keys are called in mandates: a label that they stand for. */
const LABEL = "shop";

/** How many of the newest mandates are used: so that many ask under one. */
const IN_USE = 3;

/** After how long no token that was minted is good any more, milliseconds. */
const OVER_MS = 8 * 60_000;

/** Whoever lets agents do things in the name of users, and takes it back. */
export class Grantor {
  /** The newest last. */
  readonly #known: KnownMandate[] = [];

  constructor(readonly actor: Actor, readonly management: Credential) {}

  async live(): Promise<void> {
    await this.actor.live(() => this.#step(), 20, 2500);
    await this.#reckon();
  }

  /** One of the newest that this credential may ask under; undefined for none. */
  newestOf(credential: Credential): KnownMandate | undefined {
    const { chance } = this.actor;
    // Now and then one that is over is tried all the same.
    const own = this.#known.filter((one) =>
      one.credential === credential && (!one.isOver || chance.happens(0.1))
    ).slice(-IN_USE);
    return own.length === 0 ? undefined : chance.pick(own);
  }

  /** Any at all, whoever may ask under it. */
  any(): KnownMandate | undefined {
    return this.#known.length === 0 ? undefined : this.actor.chance.pick(this.#known);
  }

  async #step(): Promise<void> {
    const deeds = { grant: 8, replace: 2, narrow: 3, revoke: 3, limit: 1, limitGone: 1 };
    switch (this.actor.chance.weighted(deeds)) {
      case "grant":
        await this.#grant({});
        break;
      case "replace":
        await this.#replace();
        break;
      case "narrow":
        await this.#narrow();
        break;
      case "revoke": {
        const newest = this.#newest();
        if (newest !== undefined) await this.revoke(newest);
        break;
      }
      case "limit":
        await this.#limit();
        break;
      case "limitGone":
        await this.actor.ask(this.management, "limit_gone", "DELETE", this.#limitPath());
    }
  }

  async #grant(more: JsonObject, of?: KnownMandate): Promise<void> {
    const { chance, scene } = this.actor;
    const credential = of?.credential ?? chance.pick(scene.callers);
    const user = of?.user ?? chance.pick(USERS);
    const body = { user_id: user, agent: credential.id ?? LABEL, ...this.#terms(), ...more };
    const asked = await this.actor.askOnce(this.management, "grant", "/v1/mandates", body);
    if (asked.status === 201) {
      this.#known.push({ id: asked.answer.id, user, credential, isOver: false });
    }
  }

  #terms(): JsonObject {
    const { chance } = this.actor;
    const often = chance.happens(0.3) ? { limits: { max_per_minute: 1 + chance.below(3) } } : {};
    const silence = chance.happens(0.3) ? { on_silence: "release" } : {};
    const asks = chance.happens(0.2) ? { ask_above_micros: 50 } : {};
    const period = chance.pick(["total", "day", "month"]);
    return {
      scopes: [
        { tool: "read", decision: "allow", ...often },
        { tool: "deploy", decision: "allow" },
      ],
      ...(chance.happens(0.9)
        ? { budget: { limit_micros: 100, period, ...silence, ...asks } }
        : {}),
      ...(chance.happens(0.3) ? { uses: 1 + chance.below(6) } : {}),
      ...(chance.happens(0.3) ? { expires_at: this.#soon() } : {}),
    };
  }

  #soon(): string {
    const { chance, scene } = this.actor;
    return new Date(Math.ceil(scene.world.schedule.now + chance.between(2000, 30_000)))
      .toISOString();
  }

  async #replace(): Promise<void> {
    const old = this.#newest();
    if (old === undefined) return;
    await this.#grant({ replaces: old.id }, old);
    old.isOver = true;
  }

  /** A part of one for somebody: half of what it may cost. */
  async #narrow(): Promise<void> {
    const parent = this.#newest();
    if (parent === undefined) return;
    const { chance, scene } = this.actor;
    const credential = chance.pick(scene.callers);
    const asked = await this.actor.askOnce(this.management, "narrow", "/v1/mandates", {
      parent: parent.id,
      agent: credential.id ?? LABEL,
      scopes: [{ tool: "read", decision: "allow" }],
      ...(chance.happens(0.7) ? { budget: { limit_micros: 50, period: "total" } } : {}),
    });
    if (asked.status !== 201) return;
    this.#known.push({ id: asked.answer.id, user: parent.user, credential, isOver: false });
  }

  async revoke(mandate: KnownMandate): Promise<void> {
    const path = `/v1/mandates/${mandate.id}/revoke`;
    await this.actor.ask(this.management, "revoke_mandate", "POST", path, { by: "the owner" });
    mandate.isOver = true;
  }

  async #limit(): Promise<void> {
    const { chance } = this.actor;
    await this.actor.ask(this.management, "limit", "PUT", this.#limitPath(), {
      limit_micros: 200 + chance.below(800),
      period: "day",
    });
  }

  #limitPath(): string {
    const { chance, scene } = this.actor;
    const { id } = chance.pick(scene.callers);
    return `/v1/budgets/${id === null ? "org" : `agent:${id}`}`;
  }

  /** Asks what is left of each budget, when every token is over that held some of it. */
  async #reckon(): Promise<void> {
    await this.actor.pause(OVER_MS, OVER_MS);
    const look = (path: string) => this.actor.ask(this.management, "standing", "GET", path);
    for (const { id } of this.#known) await look(`/v1/mandates/${id}`);
    await look("/v1/budgets?limit=100");
  }

  #newest(): KnownMandate | undefined {
    return this.#known.at(-1 - this.actor.chance.below(4));
  }
}
