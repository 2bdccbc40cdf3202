import type { JsonObject } from "../../lib/base/json.ts";
import type { Actor, Credential } from "./actor.ts";
import { asBody } from "./browser.ts";
import type { Customer } from "./customer.ts";

/** A question to a user, as the application that asked it knows it. */
export interface AskedUser {
  readonly customer: Customer;
  readonly action: JsonObject;
  readonly mandate: string;
  readonly approval: string;
  /** Null where whoever asked is not handed one. */
  readonly nonce: string | null;
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** Whether a yes was heard. */
  isApproved: boolean;
}

/** A mandate that it holds of a user. */
interface Held {
  readonly id: string;
  readonly customer: Customer;
}

/** The label that standard keys stand for in mandates. */
const LABEL = "shop";

/** How many of the newest are used. */
const IN_USE = 5;

/**
 * An application that acts for users, and has to ask them first: grants mandates whose scopes they
 * confirm, asks, says which passkeys speak for whom, and does what was approved; or another thing, twice,
 * or under another mandate.
 */
export class Application {
  /** The newest last. */
  readonly asked: AskedUser[] = [];
  readonly #mandates: Held[] = [];
  readonly #tokens: { readonly action: JsonObject; readonly token: string }[] = [];

  constructor(
    readonly actor: Actor,
    /** What it asks by. */
    readonly credential: Credential,
    readonly management: Credential,
    /** The key that says which passkeys speak for users. */
    readonly keeper: Credential,
    readonly customers: readonly Customer[],
  ) {}

  /** Has mandates and passkeys to begin with, while nothing goes wrong. */
  async begin(): Promise<void> {
    for (const customer of this.customers) {
      if (customer.begins) await this.#register(customer);
      await this.#grant(customer);
    }
  }

  live(): Promise<void> {
    return this.actor.live(() => this.#step(), 50, 1500);
  }

  async #step(): Promise<void> {
    const { chance } = this.actor;
    const deeds = { ask: 10, mint: 8, consume: 4, grant: 2, revoke: 0.5, register: 1, drop: 1 };
    switch (chance.weighted(deeds)) {
      case "ask":
        return await this.#ask();
      case "mint":
        return await this.#mint();
      case "consume":
        return await this.#consume();
      case "grant":
        return await this.#grant(chance.pick(this.customers));
      case "revoke":
        return await this.#revoke();
      case "register":
        return await this.#register(chance.pick(this.customers));
      case "drop":
        return await this.#drop(chance.pick(this.customers));
    }
  }

  async #grant(customer: Customer): Promise<void> {
    const body = {
      user_id: customer.user.id,
      agent: this.credential.id ?? LABEL,
      scopes: [{ tool: "read", decision: "confirm" }, { tool: "deploy", decision: "confirm" }],
    };
    const asked = await this.actor.askOnce(this.management, "grant", "/v1/mandates", body);
    if (asked.status === 201) this.#mandates.push({ id: asked.answer.id, customer });
  }

  async #revoke(): Promise<void> {
    const mandate = this.#oneOf(this.#mandates);
    if (mandate === undefined || this.#mandates.length < this.customers.length) return;
    const path = `/v1/mandates/${mandate.id}/revoke`;
    await this.actor.ask(this.management, "revoke_mandate", "POST", path, { by: "the user" });
  }

  async #ask(): Promise<void> {
    const mandate = this.#oneOf(this.#mandates);
    if (mandate === undefined) return;
    const { chance } = this.actor;
    const action = {
      tool_name: chance.happens(0.7) ? "read" : "deploy",
      resource_id: `often-${chance.bytes(6).toHex()}`,
      mandate_id: mandate.id,
    };
    const asked = await this.actor.askOnce(this.credential, "check", "/v1/permissions/check", {
      ...action,
      request: true,
      reason: "the simulation wants it",
    });
    const { confirmation, approval, nonce = null } = asked.status === 200 ? asked.answer : {};
    if (confirmation === undefined || confirmation === null) return;
    this.asked.push({
      customer: mandate.customer,
      action,
      mandate: mandate.id,
      approval: approval.id,
      nonce,
      expires: Date.parse(confirmation.expires_at),
      isApproved: false,
    });
  }

  /** A token for what was asked, or for what was not. */
  async #mint(): Promise<void> {
    const { chance } = this.actor;
    const approved = this.asked.filter(({ isApproved }) => isApproved);
    const asked = this.#oneOf(chance.happens(0.7) ? approved : this.asked);
    if (asked === undefined) return;
    const wrong = chance.happens(0.35)
      ? chance.pick([
        { mandate_id: chance.pick(this.#mandates.slice(-IN_USE)).id },
        { resource_id: chance.pick(this.asked).action.resource_id! },
      ])
      : {};
    const body = { ...asked.action, ...wrong, approval_id: asked.approval, ttl_seconds: 60 };
    const mint = () => this.actor.askOnce(this.credential, "mint", "/v1/tokens/mint", body);
    const times = chance.happens(0.2) ? 2 : 1;
    for (const minted of await Promise.all(Array.from({ length: times }, mint))) {
      if (minted.status !== 201) continue;
      this.#tokens.push({ action: asked.action, token: minted.answer.token });
    }
  }

  async #consume(): Promise<void> {
    const held = this.#oneOf(this.#tokens);
    if (held === undefined) return;
    const { tool_name, resource_id } = held.action;
    const body = { tool_name: tool_name!, resource_id: resource_id!, token: held.token };
    await this.actor.askOnce(this.credential, "consume", "/v1/tokens/consume", body);
  }

  /** One more passkey of a user speaks for them, beside those that do. */
  async #register(customer: Customer): Promise<void> {
    if (customer.passkeys.length < 3) await customer.enrol();
    await this.#speak(customer);
  }

  /** One of several goes, as one that was stolen does. */
  async #drop(customer: Customer): Promise<void> {
    if (customer.passkeys.length < 2) return;
    customer.forget();
    await this.#speak(customer);
  }

  async #speak({ user, passkeys }: Customer): Promise<void> {
    if (passkeys.length === 0) return;
    const path = `/v1/users/${user.id}/passkeys`;
    const body = { passkeys: passkeys.map(asBody) };
    await this.actor.ask(this.keeper, "speak", "PUT", path, body);
  }

  #oneOf<T>(things: readonly T[]): T | undefined {
    return things.at(-1 - this.actor.chance.below(IN_USE)) ?? things.at(-1);
  }
}
