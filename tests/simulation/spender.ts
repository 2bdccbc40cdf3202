import type { JsonObject } from "../../lib/base/json.ts";
import type { Actor, Credential } from "./actor.ts";
import type { Grantor, KnownMandate } from "./grantor.ts";

/** What an agent was allowed under a mandate. */
interface Allowed {
  readonly action: JsonObject;
  readonly decision: string;
}

interface HeldToken {
  readonly action: JsonObject;
  readonly token: string;
}

/** What things are said to cost, of budgets of 100. */
const ESTIMATES = [10, 30, 50] as const;

/** What they cost in fact. */
const COSTS = [0, 10, 20, 60] as const;

/** An agent that acts under mandates: spends what they let it, now and then more than once. */
export class Spender {
  readonly #allowed: Allowed[] = [];
  readonly #tokens: HeldToken[] = [];
  readonly #approvals: { readonly action: JsonObject; readonly id: string }[] = [];

  constructor(
    readonly actor: Actor,
    readonly credential: Credential,
    readonly grantor: Grantor,
  ) {}

  live(): Promise<void> {
    return this.actor.live(() => this.#step(), 30, 2000);
  }

  async #step(): Promise<void> {
    const { chance } = this.actor;
    const deeds = {
      check: 5,
      race: 3,
      foreign: 1,
      mint: 2,
      takeOver: 3,
      settle: 3,
      settleTwice: 1,
      consume: 3,
      report: 3,
      request: 2,
      mintApproved: 3,
    };
    switch (chance.weighted(deeds)) {
      case "check":
        await this.#check(this.#mandate(), { mint: chance.happens(0.5) });
        break;
      case "race":
        await this.#race();
        break;
      case "foreign":
        await this.#foreign();
        break;
      case "mint":
        await this.#mint();
        break;
      case "takeOver":
        await this.#takeOver();
        break;
      case "settle":
        await this.#settle(1);
        break;
      case "settleTwice":
        await this.#settle(2);
        break;
      case "consume":
        await this.#consume();
        break;
      case "report":
        await this.#report();
        break;
      case "request":
        await this.#request();
        break;
      case "mintApproved":
        await this.#mintApproved();
    }
  }

  #mandate(): KnownMandate | undefined {
    return this.grantor.newestOf(this.credential);
  }

  /** An action of its own, so that all that is spent for it is known to be for one thing. */
  #action(mandate: KnownMandate, tool_name = "read"): JsonObject {
    const { chance } = this.actor;
    return {
      tool_name,
      // What is approved may be let by the policy alone later, once more.
      resource_id: `${tool_name === "read" ? "once" : "often"}-${chance.bytes(6).toHex()}`,
      mandate_id: mandate.id,
      estimated_cost_micros: chance.pick(ESTIMATES),
    };
  }

  async #check(mandate: KnownMandate | undefined, more: JsonObject): Promise<void> {
    if (mandate === undefined) return;
    const action = this.#action(mandate);
    const body = { ...action, ...more };
    const path = "/v1/permissions/check";
    const { status, answer } = this.actor.chance.happens(0.6)
      ? await this.actor.askOnce(this.credential, "check", path, body)
      : await this.actor.ask(this.credential, "check", "POST", path, body);
    if (status !== 200 || answer.permission !== "allowed") return;
    if (answer.token !== undefined) this.#tokens.push({ action, token: answer.token });
    else this.#allowed.push({ action, decision: answer.decision_id });
  }

  /** Several at once for what is left of one mandate. */
  async #race(): Promise<void> {
    const mandate = this.#mandate();
    const mint = this.actor.chance.happens(0.3);
    await Promise.all(Array.from({ length: 5 }, () => this.#check(mandate, { mint })));
  }

  /** Under a mandate that may be another's, or for another user. */
  async #foreign(): Promise<void> {
    const mandate = this.grantor.any();
    const more = this.actor.chance.happens(0.5) ? { user_id: "user-9999-of-the-app" } : {};
    await this.#check(mandate, more);
  }

  async #mint(): Promise<void> {
    const mandate = this.#mandate();
    if (mandate !== undefined) await this.#mintFor(this.#action(mandate), {});
  }

  /** A token for what a check allowed: it has what that one reserved. */
  async #takeOver(): Promise<void> {
    const allowed = this.#oneOf(this.#allowed);
    if (allowed === undefined) return;
    await this.#mintFor(allowed.action, { decision_id: allowed.decision });
  }

  async #mintApproved(): Promise<void> {
    const approval = this.#oneOf(this.#approvals);
    if (approval !== undefined) await this.#mintFor(approval.action, { approval_id: approval.id });
  }

  async #mintFor(action: JsonObject, more: JsonObject): Promise<void> {
    const ttl_seconds = this.actor.chance.pick([10, 30, 300]);
    const body = { ...action, ...more, ttl_seconds };
    const asked = await this.actor.askOnce(this.credential, "mint", "/v1/tokens/mint", body);
    if (asked.status === 201) this.#tokens.push({ action, token: asked.answer.token });
  }

  /** Says what something cost; of several at once one counts. */
  async #settle(times: number): Promise<void> {
    const allowed = this.#oneOf(this.#allowed);
    if (allowed === undefined) return;
    const settle = () =>
      this.actor.ask(this.credential, "settle", "POST", "/v1/budgets/settle", {
        decision_id: allowed.decision,
        actual_cost_micros: this.actor.chance.pick(COSTS),
      });
    await Promise.all(Array.from({ length: times }, settle));
  }

  async #consume(): Promise<void> {
    const held = this.#oneOf(this.#tokens);
    if (held === undefined) return;
    const { tool_name, resource_id } = held.action;
    const body = { tool_name: tool_name!, resource_id: resource_id!, token: held.token };
    await this.actor.askOnce(this.credential, "consume", "/v1/tokens/consume", body);
  }

  async #report(): Promise<void> {
    const held = this.#oneOf(this.#tokens);
    if (held === undefined) return;
    const { chance } = this.actor;
    await this.actor.askOnce(this.credential, "report", "/v1/executions/log", {
      tool_name: held.action.tool_name!,
      token: held.token,
      execution_result: chance.pick(["success", "failed"]),
      ...(chance.happens(0.7) ? { cost_micros: chance.pick(COSTS) } : {}),
    });
  }

  async #request(): Promise<void> {
    const mandate = this.#mandate();
    if (mandate === undefined) return;
    const action = this.#action(mandate, "deploy");
    const asked = await this.actor.askOnce(this.credential, "check", "/v1/permissions/check", {
      ...action,
      request: true,
      reason: "the simulation wants it",
    });
    const id = asked.status === 200 ? asked.answer.approval?.id : undefined;
    if (id === undefined) return;
    this.#approvals.push({ action, id });
    // Whoever granted it thinks better of it when they hear what is asked.
    if (this.actor.chance.happens(0.3)) await this.grantor.revoke(mandate);
  }

  #oneOf<T>(things: readonly T[]): T | undefined {
    return things.at(-1 - this.actor.chance.below(4)) ?? things.at(-1);
  }
}
