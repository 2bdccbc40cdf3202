import assert from "node:assert/strict";
import { activeLogKey, publicLogKey, signerOf } from "../../lib/ledger/checkpoints.ts";
import type { Countersign, Got, TestOrg } from "../helpers/countersign.ts";
import { verdictOn } from "../helpers/evidence.ts";
import { published, shop } from "../helpers/mandates.ts";
import { checkpointOf, exportOf } from "../helpers/signed_log.ts";
import { storedLines } from "../helpers/stored_log.ts";
import { BUNDLES, type By, type Check, type Command, type Terms } from "./life_commands.ts";

/** An org in which commands are done for real, on two nodes of one store in turn. */

const NOWHERE = "mdt_01jd8x2v6nfy0s6g9q4t3hw7ke";

const scopesOf = (terms: Terms) =>
  Object.entries(terms).filter(([, decision]) => decision !== null)
    .map(([tool, decision]) => ({ tool, decision }));

/** A mandate as its org reads it. */
export interface Read {
  readonly id: string;
  readonly state: string;
  readonly seq: number;
  readonly budget: { readonly settled: number; readonly reserved: number } | null;
  readonly uses_left: number | null;
  /** What of it never changes. */
  readonly terms: string;
}

export class World {
  /** Ids, tokens and nonces, by the names of the commands that they come of. */
  readonly #ids = new Map<string, string>();
  readonly #nonces = new Map<string, string>();
  readonly #tokens = new Map<string, string>();
  /** What was asked, of checks and of what came of them. */
  readonly #checks = new Map<string, Check>();
  #turn = 0;

  private constructor(
    readonly org: TestOrg,
    readonly nodes: readonly Countersign[],
    readonly keys: Readonly<Record<By | "members" | "strangers", string>>,
    readonly bot: string,
  ) {}

  static async start(nodes: readonly [Countersign, Countersign]): Promise<World> {
    const [first] = nodes;
    const stranger = await shop(await first.org());
    await stranger.tool("wire");
    const org = await first.org();
    await org.tool("wire");
    const made = await org.manage("POST", "/v1/agents", { name: "bot" });
    await shop(org, {
      agent: "shop-assistant",
      scopes: scopesOf(BUNDLES.shop),
    });
    await published(org, "bot", {
      agent: made.body.id,
      scopes: scopesOf(BUNDLES.bot),
    });
    const limit = await org.manage("PUT", "/v1/budgets/user:u1", {
      limit_micros: 60,
      period: "total",
    });
    assert.ok(limit.status < 300, limit.text);
    const keys = {
      app: org.standard,
      other: await org.key("standard"),
      walled: await org.key("standard", { tenant_ids: ["acme"] }),
      robot: made.body.token,
      foreign: stranger.standard,
      members: await org.key("approver"),
      strangers: stranger.approver,
    };
    return new World(org, nodes, keys, made.body.id);
  }

  idOf(name: string): string {
    return this.#ids.get(name) ?? NOWHERE;
  }

  async #post(path: string, body: object, key: string, headers = {}): Promise<Got> {
    const node = this.nodes[this.#turn++ % 2]!;
    const got = await node.request("POST", path, { key, body, headers });
    assert.ok(got.status < 500, got.text);
    return got;
  }

  #manage = (path: string, body: object) => this.#post(path, body, this.org.management);

  /** Does it, and says what came of it. */
  async run(it: Command): Promise<string> {
    const { keys, org } = this;
    switch (it.do) {
      case "wait":
        org.countersign.clock.advance(it.seconds * 1000);
        return "ok";
      case "publish": {
        const rule = { selector: { tool_name: it.tool }, permission: it.permission };
        return ok(await org.manage("PUT", "/v1/rules", rule));
      }
      case "bundle": {
        const id = it.agent;
        const agent = id === "bot" ? this.bot : "shop-assistant";
        const { body: { newest_edition } } = await org.get(`/v1/bundles/${id}`, org.management);
        const body = { agent, scopes: scopesOf(it.terms) };
        return ok(
          await org.manage("PUT", `/v1/bundles/${id}`, body, {
            "if-match": `"${newest_edition}"`,
          }),
        );
      }
      case "grant": {
        const { agent, user, tenant, budget, uses, minutes, replaces } = it;
        return this.#named(
          it.name,
          await this.#manage("/v1/mandates", {
            user_id: user,
            bundle: { id: agent },
            tenant_id: tenant,
            expires_at: this.#in(minutes),
            ...(budget === null ? {} : {
              budget: {
                limit_micros: budget.limit,
                period: "total",
                ask_above_micros: budget.ask,
                ...(budget.forgets ? { on_silence: "release" } : {}),
              },
            }),
            uses,
            replaces: replaces === null ? null : this.idOf(replaces),
          }),
        );
      }
      case "narrow": {
        const { parent, terms, limit, minutes } = it;
        return this.#named(
          it.name,
          await this.#manage("/v1/mandates", {
            parent: this.idOf(parent),
            scopes: scopesOf(terms),
            expires_at: this.#in(minutes),
            ...(limit === null ? {} : { budget: { limit_micros: limit, period: "total" } }),
          }),
        );
      }
      case "check":
        return await this.#check(it);
      case "mint": {
        const check = this.#checks.get(it.of)!;
        const of = this.idOf(it.of);
        const got = await this.#post("/v1/tokens/mint", {
          ...bodyOf(check, this.idOf(check.mandate)),
          ...(of.startsWith("apr_") ? { approval_id: of } : { decision_id: of }),
        }, keys[check.by]);
        if (got.status === 201) this.#token(it.name, check, got.body.token);
        return got.status === 201 ? "ok" : MINT_REFUSALS[got.body.code] ?? got.body.code;
      }
      case "consume":
      case "log": {
        const check = this.#checks.get(it.token)!;
        const token = this.#tokens.get(it.token) ?? "";
        const { tool: tool_name, name: resource_id, tenant: tenant_id } = check;
        const body = { tool_name, resource_id, tenant_id, token };
        if (it.do === "consume") {
          const got = await this.#post(
            "/v1/tokens/consume",
            body,
            keys[it.foreign ? "foreign" : check.by],
          );
          return ok(got);
        }
        const report = { ...body, execution_result: "success", cost_micros: it.micros };
        return ok(await this.#post("/v1/executions/log", report, keys[check.by]));
      }
      case "settle": {
        const { by } = this.#checks.get(it.decision)!;
        const body = { decision_id: this.idOf(it.decision), actual_cost_micros: it.micros };
        return ok(await this.#post("/v1/budgets/settle", body, keys[it.foreign ? "foreign" : by]));
      }
      case "revoke": {
        const key = it.foreign ? keys.foreign : org.management;
        return ok(
          await this.#post(`/v1/mandates/${this.idOf(it.mandate)}/revoke`, { by: "app" }, key),
        );
      }
      case "answer":
        return await this.#answer(it);
    }
  }

  async #check(it: Check): Promise<string> {
    const mandate_id = this.idOf(it.mandate);
    const body = {
      ...bodyOf(it, mandate_id),
      ...(it.then === "mint" ? { mint: true } : {}),
      ...(it.then === "ask" ? { request: true, reason: "please" } : {}),
    };
    const path = "/v1/permissions/check";
    const headers = it.twice ? { "idempotency-key": it.name } : {};
    const ask = (body: object, more = {}) => this.#post(path, body, this.keys[it.by], more);
    const got = await ask(body, headers);
    if (got.status !== 200) return got.body.code;
    if (it.twice) {
      assert.deepEqual(
        (await ask(body, headers)).body,
        got.body,
        "M7: a repeat is the first answer",
      );
    }
    const { permission, resolved_from, chain, decision_id, token, approval, nonce } = got.body;
    const order = ["allowed", "requires_approval", "disabled"];
    assert.ok(
      order.indexOf(permission) >= order.indexOf(chain.permission),
      "M1: a mandate widens nothing",
    );
    if (resolved_from === "mandate_not_found" && mandate_id !== NOWHERE) {
      const nowhere = await ask({ ...body, mandate_id: NOWHERE });
      assert.deepEqual(
        unnamed(got.body, mandate_id),
        unnamed(nowhere.body, NOWHERE),
        "M10: what is not theirs is as if it were not",
      );
    }
    this.#checks.set(it.name, it);
    this.#ids.set(it.name, approval?.id ?? decision_id);
    if (nonce !== undefined) this.#nonces.set(it.name, nonce);
    if (token !== undefined) this.#token(it.name, it, token.token ?? token);
    const from = resolved_from.startsWith("mandate_") ? resolved_from : "policy";
    return [permission, from, ...(got.body.seats ?? [])].join(" ");
  }

  async #answer(it: Extract<Command, { do: "answer" }>): Promise<string> {
    const { org, keys } = this;
    // Whoever has a link says no by it; another org's key says yes to nothing.
    const decision = it.yes || it.foreign ? "approve" : "deny";
    const nonce = this.#nonces.get(it.approval);
    const id = this.idOf(it.approval);
    const { body } = await org.get(`/v1/approvals/${id}`, org.approver);
    if (nonce !== undefined && body.seat === "user") {
      const by = it.foreign ? keys.strangers : org.approver;
      const got = await this.#post(`/v1/confirmations/${nonce}`, { decision }, by);
      return answered(got, it.foreign);
    }
    const by = it.foreign ? keys.strangers : keys.members;
    const said = { decision, decided_by: "ann@example.com" };
    const got = await this.#post(`/v1/approvals/${id}/decide`, said, by);
    return answered(got, it.foreign);
  }

  /** All mandates as the org reads them, by the names of the commands. */
  async read(): Promise<Map<string, Read>> {
    const { body } = await this.org.get("/v1/mandates?limit=200", this.org.management);
    const byId = new Map<string, Read>();
    for (const { id, state, seq, budget, uses_left, ...rest } of body.data) {
      const { checks: _checks, ended_at: _at, replaced_by: _by, ...terms } = rest;
      byId.set(id, { id, state, seq, budget, uses_left, terms: JSON.stringify(terms) });
    }
    const named = [...this.#ids].filter(([, id]) => byId.has(id));
    return new Map(named.map(([name, id]) => [name, byId.get(id)!]));
  }

  /** The whole log, and what whoever trusts nobody finds in it. */
  async log() {
    const { services: { deps } } = this.org.countersign;
    const lines = await storedLines(deps, this.org.id);
    const origin = (await this.org.get("/v1/audit/checkpoint")).text.split("\n", 1)[0] ?? "";
    const key = await activeLogKey(deps, this.org.id);
    const note = await checkpointOf(lines, await signerOf(deps, this.org.id, origin, key));
    const verdict = await verdictOn(exportOf(lines), note, [publicLogKey(origin, key)]);
    return { lines, verdict };
  }

  /** What counts against a user's budget. */
  async counted(user: string): Promise<number> {
    const { body } = await this.org.get(`/v1/budgets?scope=user:${user}`, this.org.management);
    const [{ settled, reserved }] = body.data;
    return settled + reserved;
  }

  #named(name: string, got: Got): string {
    if (got.status === 201) this.#ids.set(name, got.body.id);
    return ok(got);
  }

  #token(name: string, check: Check, token: string): void {
    this.#checks.set(name, check);
    this.#tokens.set(name, token);
  }

  #in(minutes: number): string {
    return new Date(this.org.countersign.clock.now + minutes * 60_000).toISOString();
  }
}

/** Each check has a resource of its own, so that none is taken for another. */
function bodyOf({ name, tool, tenant, user, micros }: Check, mandate_id: string) {
  return {
    tool_name: tool,
    resource_id: name,
    mandate_id,
    tenant_id: tenant,
    user_id: user,
    estimated_cost_micros: micros,
  };
}

/** What is told to whoever may not know of something. */
const UNKNOWN = new Set([
  "confirmation_gone",
  "mandate_not_found",
  "not_found",
  "reservation_not_found",
  "token_invalid",
]);

function ok({ status, body }: Got): string {
  if (status < 300) return "ok";
  return UNKNOWN.has(body.code) ? "unknown" : body.code;
}

const MINT_REFUSALS: Readonly<Record<string, string>> = {
  tool_disabled: "disabled",
  approval_required: "requires_approval",
  approval_not_approved: "over",
  approval_used: "over",
  approval_lapsed: "over",
};

function answered(got: Got, foreign: boolean): string {
  const isOver = ["approval_not_pending", "confirmation_gone"].includes(got.body.code);
  return isOver && !foreign ? "over" : ok(got);
}

/** An answer without what is new in each. */
function unnamed(body: object, mandate: string): string {
  const { decision_id: _id, audit: _audit, decided_at: _at, ...rest } = body as Record<
    string,
    unknown
  >;
  return JSON.stringify(rest).replaceAll(mandate, "");
}
