import assert from "node:assert/strict";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { CHECK, grant, published } from "../helpers/mandates.ts";
import type { Pick } from "./life.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const TOOLS = ["refund", "order"] as const;
const USERS = ["u1", "u2"];
const PERIODS = ["total", "day", "week", "month"] as const;

/** What was allowed, and how it is asked again. */
interface Allowed {
  readonly decision_id: string;
  readonly action: object;
}

/** Agents of an app spend under mandates of its users, by all ways that the service offers over HTTP. */
export class SpendingLife implements AsyncDisposable {
  readonly mandates: { readonly mandate_id: string; readonly tenant_id?: string }[] = [];
  readonly #allowed: Allowed[] = [];
  /** How far the clock is off. */
  #offset = 0;
  readonly #tokens: { readonly token: string; readonly tool_name: string }[] = [];

  private constructor(
    readonly countersign: Countersign,
    readonly org: TestOrg,
    readonly pick: Pick,
  ) {}

  static async start(pick: Pick): Promise<SpendingLife> {
    const countersign = await Countersign.start();
    const org = await countersign.org();
    const life = new SpendingLife(countersign, org, pick);
    for (const tool of TOOLS) await org.tool(tool);
    await org.member("ann@example.com");
    await published(org, "shop", {
      agent: "assistant",
      scopes: [
        { tool: "refund", decision: "allow", budget: { limit_micros: 40, period: "day" } },
        { tool: "order", decision: "allow", limits: { max_per_minute: 3 } },
      ],
    });
    await life.grant();
    return life;
  }

  async live(steps: number): Promise<void> {
    for (let done = 0; done < steps; done++) await this.one(DEEDS)?.(this);
  }

  async #post(path: string, body: object, key = this.org.standard) {
    const got = await this.org.post(path, body, key);
    assert.ok(got.status < 500, got.text);
    return got;
  }

  readonly grant = async () => {
    const period = this.one(PERIODS);
    const budget = {
      limit_micros: 20 + this.pick(60),
      period,
      ...(this.pick(3) === 0 ? { ask_above_micros: 15 } : {}),
      ...(this.pick(3) === 0 ? { min_estimate_micros: 2 } : {}),
      ...this.#silence(),
    };
    const tenant = this.pick(3) === 0 ? { tenant_id: "acme" } : {};
    const scopes = [{
      tool: "refund",
      decision: "allow",
      budget: { limit_micros: 12, period: "week", ...this.#silence() },
    }];
    const got = await grant(this.org, {
      user_id: this.one(USERS),
      ...(this.pick(4) === 0 ? { scopes: ["order"] } : {}),
      ...(this.pick(4) === 0 ? { bundle: undefined, agent: "assistant", scopes } : {}),
      ...tenant,
      ...(this.pick(4) === 0 ? {} : { budget }),
      ...(this.pick(4) === 0 ? { uses: 1 + this.pick(12) } : {}),
    });
    if (got.status === 201) this.mandates.push({ mandate_id: got.body.id, ...tenant });
  };

  /** Hands a part of a mandate on. */
  readonly handOn = async () => {
    const { mandate_id: parent, ...tenant } = this.one(this.mandates.slice(-3)) ?? {};
    const limit_micros = 5 + this.pick(15);
    const scope = { tool: this.one(TOOLS), decision: "allow" };
    const budget = { limit_micros, ...this.#silence() };
    const { status, body } = await this.#post("/v1/mandates", {
      parent,
      agent: this.one(["assistant", "helper"]),
      scopes: [this.pick(2) === 0 ? scope : { ...scope, budget: { ...budget, period: "day" } }],
      ...(this.pick(2) === 0 ? {} : { budget: { ...budget, period: this.one(PERIODS) } }),
    }, this.org.management);
    if (status === 201) this.mandates.push({ mandate_id: body.id, ...tenant });
  };

  readonly check = async () => {
    const action = this.#action();
    const mint = this.pick(2) === 0;
    const { body } = await this.#post(CHECK, { ...action, mint });
    if (body?.token !== undefined) this.#tokens.push({ ...action, token: body.token.token });
    else if (body?.permission === "allowed") {
      this.#allowed.push({ decision_id: body.decision_id, action });
    }
  };

  readonly takeOver = async () => {
    const allowed = this.one(this.#allowed.slice(-4));
    if (allowed === undefined) return;
    const { decision_id, action } = allowed;
    const { body } = await this.#post("/v1/tokens/mint", { ...action, decision_id });
    if (body?.token !== undefined) {
      this.#tokens.push({ tool_name: "refund", ...action, token: body.token });
    }
  };

  /** Asks, has it approved, and mints by it. */
  readonly ask = async () => {
    const action = this.#action();
    const asked = await this.#post("/v1/approvals", { ...action, reason: "once" });
    if (asked.body?.id === undefined) return;
    const yes = { decision: "approve", decided_by: "ann@example.com" };
    await this.#post(`/v1/approvals/${asked.body.id}/decide`, yes, this.org.approver);
    const minting = { ...action, approval_id: asked.body.id };
    const { body } = await this.#post("/v1/tokens/mint", minting);
    if (body?.token !== undefined) this.#tokens.push({ ...action, token: body.token });
  };

  readonly consume = async () => {
    const token = this.one(this.#tokens.slice(-4));
    if (token !== undefined) {
      await this.#post("/v1/tokens/consume", { token: token.token, tool_name: token.tool_name });
    }
  };

  readonly report = async () => {
    const token = this.one(this.#tokens.slice(-6));
    if (token === undefined) return;
    await this.#post("/v1/executions/log", {
      token: token.token,
      tool_name: token.tool_name,
      execution_result: this.one(["success", "unknown"]),
      ...(this.pick(3) === 0 ? {} : { cost_micros: this.pick(20) }),
    });
  };

  readonly settle = async () => {
    const allowed = this.one(this.#allowed.slice(-6));
    if (allowed === undefined) return;
    const { decision_id } = allowed;
    await this.#post("/v1/budgets/settle", { decision_id, actual_cost_micros: this.pick(20) });
  };

  readonly setBudget = async () => {
    const scope = this.one(["org", "user:u1", "user:u2", "agent:assistant", "tenant:acme"]);
    const path = `/v1/budgets/${scope}`;
    if (this.pick(3) === 0) await this.org.manage("DELETE", path);
    else {
      await this.org.manage("PUT", path, {
        limit_micros: 30 + this.pick(150),
        period: this.one(PERIODS),
        ...(this.pick(4) === 0 ? { ask_above_micros: 25 } : {}),
      });
    }
  };

  readonly changePolicy = async () => {
    const default_permission = this.one(["allowed", "allowed", "requires_approval"] as const);
    await this.org.manage("PATCH", "/v1/tools/refund", { default_permission });
  };

  readonly revoke = async () => {
    if (this.mandates.length < 2) return await this.grant();
    await this.#post(`/v1/mandates/${this.one(this.mandates)?.mandate_id}/revoke`, { by: "user" });
    await this.grant();
  };

  readonly wait = () => {
    const spans = [1000, MINUTE, 6 * MINUTE, 61 * MINUTE, DAY, 9 * DAY];
    this.countersign.clock.advance(this.one(spans) ?? 0);
    return Promise.resolve();
  };

  /** The clock steps, by so little that nobody has to say that it is right. */
  readonly step = () => {
    const next = this.#offset === 0 ? this.one([-2 * MINUTE, -30_000, 2 * MINUTE]) ?? 0 : 0;
    this.countersign.clock.set(next - this.#offset);
    this.#offset = next;
    return Promise.resolve();
  };

  one<T>(all: readonly T[]): T | undefined {
    return all.length === 0 ? undefined : all[this.pick(all.length)];
  }

  /** Half of all budgets give back what nobody settles. */
  #silence() {
    return this.pick(2) === 0 ? {} : { on_silence: "release" };
  }

  #action() {
    return {
      tool_name: this.one(TOOLS) ?? "refund",
      ...this.one(this.mandates.slice(-3)),
      estimated_cost_micros: this.pick(14),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.countersign[Symbol.asyncDispose]();
  }
}

/** What happens often stands here often. */
const DEEDS: readonly ((life: SpendingLife) => Promise<unknown>)[] = [
  ...Array(10).fill((life: SpendingLife) => life.check()),
  ...Array(2).fill((life: SpendingLife) => life.takeOver()),
  ...Array(2).fill((life: SpendingLife) => life.ask()),
  ...Array(4).fill((life: SpendingLife) => life.consume()),
  ...Array(4).fill((life: SpendingLife) => life.report()),
  ...Array(2).fill((life: SpendingLife) => life.settle()),
  ...Array(2).fill((life: SpendingLife) => life.wait()),
  ...Array(2).fill((life: SpendingLife) => life.setBudget()),
  (life) => life.handOn(),
  (life) => life.changePolicy(),
  (life) => life.revoke(),
  (life) => life.grant(),
  (life) => life.step(),
];
