import assert from "node:assert/strict";
import { denyDecision } from "../../lib/approvals/decide.ts";
import { lookAtApproval, revokeApproval } from "../../lib/approvals/end.ts";
import { viewDigest } from "../../lib/approvals/frozen_view.ts";
import { openDecision, signDecision } from "../../lib/approvals/sign.ts";
import { changeAgent } from "../../lib/catalog/agents.ts";
import { createApiKey, keepBootstrapKey } from "../../lib/catalog/api_keys.ts";
import { changeOrg } from "../../lib/catalog/org_settings.ts";
import { changeTool } from "../../lib/catalog/tools.ts";
import { actionDigest } from "../../lib/decisions/decide.ts";
import { asMember, type MemberOperation } from "../../lib/identity/acting.ts";
import { passkeysOf } from "../../lib/identity/passkeys.ts";
import type { PresentedSession } from "../../lib/identity/sessions.ts";
import { challengeText, noteDigest, requestOptions } from "../../lib/passkeys/challenge.ts";
import { approvalStatement } from "../../lib/passkeys/statement.ts";
import type { Right } from "../../lib/policy/rights.ts";
import { type RecordedRefusal, Refusal } from "../../lib/refusal.ts";
import { acceptClockAsOperator } from "../../lib/server/clock.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import { reviewApproval } from "../../lib/sheet/review.ts";
import { DEPLOYMENT_ORG } from "../../lib/store/keys.ts";
import type { Got } from "../helpers/countersign.ts";
import { rawTool } from "../helpers/mcp_client.ts";
import { OAuthWorld, type Tokens } from "../helpers/oauth_world.ts";
import { CLIENT, type Person } from "../helpers/people.ts";

const OWNER = "jo@example.com";
const TOOLS = ["refund", "restart", "purge"] as const;
const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const SPANS = [SECOND, 40 * SECOND, 10 * 60 * SECOND, 2 * HOUR, 3 * DAY];

/** A number from 0 up to, and without, the one given. */
export type Pick = (below: number) => number;

/** A number below another, one after the other; the same for the same seed (mulberry32). */
export function numbersFrom(seed: number): Pick {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface Machine {
  readonly id: string;
  secret: string;
  readonly kind: "standard" | "agent" | "management";
}

interface Human {
  readonly person: Person;
  secret: string;
  session: PresentedSession;
  /** When they signed in, milliseconds: for a while that counts as showing a passkey. */
  at: number;
}

interface Asked {
  readonly id: string;
  readonly action: object;
  readonly by: Machine;
}

interface Token {
  readonly text: string;
  readonly action: object;
}

/**
 * An org that lives: machines over HTTP and people with passkeys do one thing after another, whether
 * or not it is theirs to do. Nothing in it is made but by the service.
 */
export class Life implements AsyncDisposable {
  readonly #machines: Machine[] = [];
  readonly #people: Human[] = [];
  readonly #asked: Asked[] = [];
  readonly #tokens: Token[] = [];
  #grant: Tokens | null = null;
  #number = 0;

  private constructor(
    readonly world: OAuthWorld,
    readonly pick: Pick,
    readonly management: string,
    readonly approver: string,
  ) {
    const { owner: person, session, entered: { secret } } = world.ruled;
    this.#people.push({ person, session, secret, at: world.clock.now });
  }

  static async start(pick: Pick): Promise<Life> {
    const management = `cs_mgmt_${"0123456789abcdefghijklmnopqrstuv"}`;
    const approver = `cs_appr_${"0123456789abcdefghijklmnopqrstuv"}`;
    const world = await OAuthWorld.start({
      variables: {
        COUNTERSIGN_BOOTSTRAP_KEY: management,
        COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: approver,
        COUNTERSIGN_BOOTSTRAP_OWNER: OWNER,
      },
    });
    return new Life(world, pick, management, approver);
  }

  /** How many things it does that the log has an entry of, however they end. */
  async live(steps: number): Promise<void> {
    for (const name of TOOLS) await this.#putTool(name);
    await this.#makeMachine();
    for (let step = 0; step < steps; step++) {
      const deed = this.#one(DEEDS) ?? assert.fail("nothing to do");
      await deed(this);
    }
    await sweep(this.world.services, this.world.clock.now);
  }

  get org(): string {
    return this.world.org;
  }

  /** A request over HTTP; that it is refused is life, that the service fails is not. */
  async request(method: string, path: string, key: string, body?: unknown): Promise<Got> {
    const got = await this.world.people.countersign.request(method, path, { key, body });
    assert.ok(got.status < 500, got.text);
    return got;
  }

  readonly check = async () => {
    const machine = this.#machine();
    const body = { ...this.#action(), mint: this.pick(2) === 0 };
    const { body: said } = await this.request("POST", CHECK, machine.secret, body);
    if (said?.token !== undefined) this.#tokens.push({ text: said.token.token, action: body });
  };

  readonly ask = async () => {
    const by = this.#machine();
    const action = this.#action();
    const body = { ...action, reason: "so that it is done" };
    const { body: said } = await this.request("POST", "/v1/approvals", by.secret, body);
    if (said?.id !== undefined) this.#asked.push({ id: said.id, action, by });
  };

  readonly askAndDecide = async () => {
    await this.ask();
    await this.decide();
    if (this.pick(2) === 0) await this.decide();
    await this.mint();
  };

  readonly decide = async () => {
    const asked = this.#newest(this.#asked);
    if (asked === undefined) return;
    const decision = this.pick(5) === 0 ? "deny" : "approve";
    if (this.pick(3) === 0) {
      const decided_by = this.#one(this.#people)?.person.email;
      const path = `/v1/approvals/${asked.id}/decide`;
      await this.request("POST", path, this.approver, { decision, decided_by });
      return;
    }
    const human = await this.#human();
    await tolerated(decision === "deny" ? this.#deny(human, asked) : this.#approve(human, asked));
  };

  readonly mint = async () => {
    const asked = this.#newest(this.#asked);
    if (asked === undefined) return;
    const by = this.pick(8) === 0 ? this.#machine() : asked.by;
    const body = { ...asked.action, approval_id: asked.id, ttl_seconds: 10 + this.pick(3590) };
    const { body: said } = await this.request("POST", "/v1/tokens/mint", by.secret, body);
    if (said?.token !== undefined) this.#tokens.push({ text: said.token, action: asked.action });
  };

  readonly consume = async () => {
    const token = this.#newest(this.#tokens);
    if (token === undefined) return;
    const body = { ...token.action, token: token.text, mint: undefined };
    await this.request("POST", "/v1/tokens/consume", this.#machine().secret, body);
  };

  readonly report = async () => {
    const token = this.#newest(this.#tokens);
    const execution_result = this.#one(["success", "failed", "unknown"] as const);
    const body = {
      tool_name: TOOLS[0],
      ...token?.action,
      mint: undefined,
      execution_result,
      token: token?.text ?? null,
    };
    await this.request("POST", "/v1/executions/log", this.#machine().secret, body);
  };

  /** Asks where it has to, runs and reports, as somebody who does all as it is meant. */
  readonly runThrough = async () => {
    const machine = this.#machine();
    const action = this.#action();
    const { body } = await this.request("POST", CHECK, machine.secret, { ...action, mint: true });
    let token = body?.token?.token;
    if (body?.permission === "requires_approval") {
      const asking = { ...action, reason: "as it is meant" };
      const asked = await this.request("POST", "/v1/approvals", machine.secret, asking);
      if (asked.body?.id === undefined) return;
      const { id } = asked.body;
      await tolerated(this.#approve(await this.#human(), { id, action, by: machine }));
      if (this.pick(2) === 0) {
        await tolerated(this.#approve(await this.#human(), { id, action, by: machine }));
      }
      const minting = { ...action, approval_id: id };
      const minted = await this.request("POST", "/v1/tokens/mint", machine.secret, minting);
      token = minted.body?.token;
    }
    if (token === undefined) return;
    this.#tokens.push({ text: token, action });
    await this.consume();
    await this.report();
  };

  readonly takeBack = async () => {
    const asked = this.#newest(this.#asked);
    if (asked === undefined) return;
    if (this.pick(2) === 0) {
      const verb = this.#one(["cancel", "revoke"]);
      await this.request("POST", `/v1/approvals/${asked.id}/${verb}`, asked.by.secret);
    } else {
      await tolerated(
        this.as(await this.#human(), "see_requests", revokeApproval(asked.id, CLIENT)),
      );
    }
  };

  readonly stop = async () => {
    const active = this.pick(3) === 0;
    const kill_switch = { active, reason: null };
    const owner = await this.#human(0);
    const by = this.pick(2);
    const request_id = "req_life";
    switch (this.pick(3)) {
      case 0:
        if (by === 0) await this.#manage("PATCH", "/v1/org", { kill_switch: { active } });
        else await tolerated(this.as(owner, "configure", changeOrg({ kill_switch }, request_id)));
        return;
      case 1: {
        const tool = this.#one(TOOLS) ?? "";
        if (by === 0) await this.#manage("PATCH", `/v1/tools/${tool}`, { kill_switch: { active } });
        else {await tolerated(
            this.as(owner, "configure", changeTool(tool, { kill_switch }, request_id)),
          );}
        return;
      }
      default: {
        const { id, kind } = this.#machine();
        if (kind !== "agent") return;
        if (by === 0) await this.#manage("PATCH", `/v1/agents/${id}`, { kill_switch: { active } });
        else {await tolerated(
            this.as(owner, "configure", changeAgent(id, { kill_switch }, request_id)),
          );}
      }
    }
  };

  readonly letGo = async () => {
    const kill_switch = { active: false, reason: null };
    const owner = await this.#human(0);
    const request_id = "req_life";
    await tolerated(this.as(owner, "configure", changeOrg({ kill_switch }, request_id)));
    for (const tool of TOOLS) {
      await tolerated(this.as(owner, "configure", changeTool(tool, { kill_switch }, request_id)));
    }
  };

  readonly changeTool = () => this.#putTool(this.#one(TOOLS) ?? TOOLS[0]);

  readonly changeRule = async () => {
    const tool_name = this.#one(TOOLS);
    const permission = this.#one(["allowed", "requires_approval", "disabled"] as const);
    const selector = { tool_name, ...(this.pick(2) === 0 ? {} : { method: "DELETE" }) };
    const { body } = await this.#manage("PUT", "/v1/rules", { selector, permission });
    if (this.pick(2) === 0) await this.#manage("DELETE", `/v1/rules/${body.id}`);
  };

  readonly changeMachine = async () => {
    const machine = this.#one(this.#machines.slice(-4));
    if (machine === undefined || this.pick(3) === 0) return await this.#makeMachine();
    const { id, kind } = machine;
    if (kind !== "agent") {
      await this.#manage("DELETE", `/v1/api-keys/${id}`);
    } else if (this.pick(3) === 0) {
      await this.#manage("DELETE", `/v1/agents/${id}`);
    } else if (this.pick(2) === 0) {
      const expires_at = new Date(this.world.clock.now + HOUR).toISOString();
      await this.#manage("PATCH", `/v1/agents/${id}`, { expires_at });
    } else {
      const keep_requests = this.pick(2) === 0;
      const { body } = await this.#manage("POST", `/v1/agents/${id}/rotate`, { keep_requests });
      if (body?.token !== undefined) machine.secret = body.token;
    }
    if (this.#machines.length < 2 || this.pick(2) === 0) await this.#makeMachine();
  };

  readonly invite = async () => {
    if (this.#people.length > 5) return;
    const { people } = this.world;
    const email = `p${this.#number++}@example.com`;
    const { session } = await this.#human(0);
    const role = this.#one(["admin", "approver", "approver", "viewer"] as const) ?? "viewer";
    const groups = role === "viewer" ? [] : this.#one([[], [1], [2], [1, 2]] as (1 | 2)[][]);
    const person = people.person(email);
    const { secret } = await person.accept(await people.invited(session, email, role, groups));
    const accepted = await people.session(secret);
    this.#people.push({ person, secret, session: accepted, at: this.world.clock.now });
  };

  readonly changeMember = async () => {
    const human = this.#one(this.#people.slice(1));
    if (human === undefined) return await this.invite();
    const path = `/v1/members/${human.person.email}`;
    if (this.pick(3) === 0) {
      await this.#manage("DELETE", path);
    } else {
      const groups = this.#one([[], [1], [2]]);
      await this.#manage("PUT", path, { role: "approver", groups });
    }
  };

  readonly changeOrg = async () => {
    const settings = this.#one([
      { api_decisions: false },
      { separation_of_duties: true },
      { report_within_seconds: 60 },
      { approval_use_seconds: 120 },
      { approval_timeout_seconds: 7 * 24 * 3600 },
    ]);
    const change = { ...settings, ...(this.pick(2) === 0 ? { api_decisions: true } : {}) };
    await tolerated(this.as(await this.#human(0), "configure", changeOrg(change, "req_life")));
  };

  readonly changeApproverKeys = async () => {
    const owner = await this.#human(0);
    const { body } = await this.#manage("GET", "/v1/api-keys");
    const key = body.data.find(({ tier }: { tier: string }) => tier === "approver");
    if (key === undefined || this.pick(2) === 0) {
      await tolerated(this.as(
        owner,
        "make_approver_keys",
        createApiKey({
          ...{ name: "gate", tier: "approver", trust_tier: 0, tenant_ids: null },
          ...{ expires_at: null, rate_limit_per_minute: null, audit_private: false },
        }, "req_life"),
      ));
    } else {
      await tolerated(this.as(owner, "make_approver_keys", keepBootstrapKey(key.id, "req_life")));
    }
  };

  readonly changeLogKey = () => this.#manage("POST", "/v1/audit/rotate-key");

  readonly readPrivate = async () => {
    await this.request("GET", "/v1/audit/entries?limit=5", this.#machine().secret);
  };

  readonly connect = async () => {
    if (this.#grant === null || this.pick(4) === 0) {
      const owner = await this.#human(0);
      const ticked = await this.world.tick(this.world.query(), {}, owner);
      if (ticked.status !== 200) return;
      const code = new URL(ticked.body.redirect).searchParams.get("code") ?? "";
      const exchanged = await this.world.exchange(code);
      this.#grant = exchanged.status === 200 ? exchanged.body : null;
    }
    if (this.#grant === null) return;
    const { access_token } = this.#grant;
    const args = { ...this.#action(), reason: "asked by a program" };
    await rawTool(this.world.people.countersign, access_token, "check_permission", args);
    if (this.pick(4) > 0) return;
    const form = { client_id: this.world.client_id, token: access_token };
    await this.world.form("/oauth/revoke", form);
    this.#grant = null;
  };

  readonly wait = async () => {
    this.world.clock.advance(this.#one(SPANS) ?? 0);
    if (this.pick(2) === 0) await sweep(this.world.services, this.world.clock.now);
  };

  /** The machine's clock is set back; where that is by more than a little, the operator accepts it. */
  readonly setClock = async () => {
    const { clock, services: { ledgers } } = this.world;
    clock.set(-(this.#one([20 * SECOND, 2 * HOUR]) ?? 0));
    for (const org of [this.org, DEPLOYMENT_ORG]) {
      await ledgers.transact(org, acceptClockAsOperator(ledgers.clock));
    }
    // Who signed in later than now looks as if they had not.
    for (const human of this.#people) human.at = 0;
  };

  /** Runs an operation of somebody, as a page or route that asks for `right` does. */
  async as<L, R>(
    { session }: Human,
    right: Right,
    operation: MemberOperation<L, R>,
  ): Promise<Exclude<R, RecordedRefusal>> {
    const done = await this.world.services.ledgers.transact(
      this.org,
      asMember(session, right, operation),
    );
    return done as Exclude<R, RecordedRefusal>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }

  /** Somebody, signed in a moment ago where they can be; the owner by the number 0. */
  async #human(number = this.pick(this.#people.length)): Promise<Human> {
    const human = this.#people[number] ?? assert.fail("nobody is there");
    const { now } = this.world.clock;
    if (now - human.at < 4 * 60 * SECOND) return human;
    const entered = await tolerated(human.person.signIn());
    if (entered === null) return human;
    human.secret = entered.secret;
    human.session = await this.world.people.session(entered.secret);
    human.at = now;
    return human;
  }

  async #approve(human: Human, { id }: Asked): Promise<void> {
    const { services } = this.world;
    const { settings, deps } = services;
    const approval = await this.as(human, "see_requests", lookAtApproval(id));
    const review = await reviewApproval(services, this.org, approval);
    if (!review?.view || approval.arguments === null) return;
    const facts = await this.as(human, "decide", openDecision(settings, id));
    const { tenant, resource, method, tool_name: tool } = approval.record;
    const action = { tenant, resource, method, tool, arguments: approval.arguments };
    const digests = {
      action_digest: actionDigest(this.org, action),
      view_digest: viewDigest(review.view),
    };
    const statement = approvalStatement({ ...facts, ...digests, note_digest: noteDigest(null) });
    const passkeys = await passkeysOf(deps.kv, human.session.record.account);
    const rpId = settings.url.hostname;
    const options = requestOptions({ rpId, challenge: challengeText(statement), passkeys });
    const response = await human.person.assert(options);
    const given = { nonce: facts.nonce, note: null, response, ...digests };
    await this.as(human, "decide", signDecision(settings, id, given, CLIENT));
  }

  async #deny(human: Human, { id }: Asked): Promise<void> {
    const denial = { note: null, quick_reason: null, pause_agent: this.pick(2) === 0 };
    await this.as(human, "decide", denyDecision(id, denial, CLIENT));
  }

  #manage(method: string, path: string, body?: unknown): Promise<Got> {
    return this.request(method, path, this.management, body);
  }

  async #putTool(name: string): Promise<void> {
    await this.#manage("PUT", `/v1/tools/${name}`, {
      description: "Does something",
      risk_level: this.#one(["low", "high"] as const),
      default_permission: this.#one(["allowed", "requires_approval", "requires_approval"] as const),
      annotations: { read_only: false, destructive: true, idempotent: false, open_world: true },
      annotations_acknowledged: true,
      requires_second_approval: this.pick(3) === 0,
    });
  }

  async #makeMachine(): Promise<void> {
    const kind = this.#one(["standard", "agent", "agent"] as const) ?? "agent";
    const lasts = this.pick(3) === 0 ? new Date(this.world.clock.now + HOUR).toISOString() : null;
    const fields = { name: "m", expires_at: lasts };
    const { status, body } = kind === "agent"
      ? await this.#manage("POST", "/v1/agents", fields)
      : await this.#manage("POST", "/v1/api-keys", { ...fields, tier: kind });
    if (status !== 201) return;
    this.#machines.push({ id: body.id, secret: body.token ?? body.key, kind });
  }

  #machine(): Machine {
    return this.#one(this.#machines.slice(-5)) ?? assert.fail("no machine was made");
  }

  #action() {
    return {
      tool_name: this.pick(30) === 0 ? `new_${this.#number++}` : this.#one(TOOLS) ?? TOOLS[0],
      ...(this.pick(3) === 0 ? { method: "DELETE" } : {}),
      arguments: { amount: this.pick(3) },
    };
  }

  /** One of the last of a kind, seldom an old one. */
  #newest<T>(all: readonly T[]): T | undefined {
    return this.pick(6) === 0 ? this.#one(all) : this.#one(all.slice(-3));
  }

  #one<T>(all: readonly T[]): T | undefined {
    return all.length === 0 ? undefined : all[this.pick(all.length)];
  }
}

const CHECK = "/v1/permissions/check";

/** What happens often stands here often. */
const DEEDS: readonly ((life: Life) => Promise<unknown>)[] = [
  ...Array(5).fill((life: Life) => life.check()),
  ...Array(3).fill((life: Life) => life.ask()),
  ...Array(5).fill((life: Life) => life.askAndDecide()),
  ...Array(4).fill((life: Life) => life.decide()),
  ...Array(4).fill((life: Life) => life.mint()),
  ...Array(6).fill((life: Life) => life.consume()),
  ...Array(5).fill((life: Life) => life.report()),
  ...Array(3).fill((life: Life) => life.takeBack()),
  ...Array(8).fill((life: Life) => life.runThrough()),
  ...Array(2).fill((life: Life) => life.stop()),
  ...Array(4).fill((life: Life) => life.letGo()),
  ...Array(2).fill((life: Life) => life.invite()),
  ...Array(4).fill((life: Life) => life.wait()),
  ...Array(2).fill((life: Life) => life.connect()),
  ...Array(3).fill((life: Life) => life.changeMachine()),
  ...Array(2).fill((life: Life) => life.changeMember()),
  (life) => life.changeTool(),
  (life) => life.changeRule(),
  (life) => life.changeOrg(),
  (life) => life.changeApproverKeys(),
  (life) => life.changeLogKey(),
  (life) => life.setClock(),
  (life) => life.readPrivate(),
];

/** What came of an attempt; null where it was refused. */
async function tolerated<T>(attempt: Promise<T>): Promise<T | null> {
  try {
    return await attempt;
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}
