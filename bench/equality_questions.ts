import {
  type Chance,
  type Member,
  membersOf,
  objectText,
  oddBody,
  oddMembers,
  oddText,
  sentence,
} from "./chance.ts";
import { CHOSEN, METHODS, OWNER, RESOURCES, setUp, TAGS, TENANTS, TOOLS } from "./equality_org.ts";
import type { Both } from "./same_answers.ts";

/**
 * What two versions of the service are asked alike once they have one and the same organization:
 * random questions, of which some refer to what either answered before.
 */

/** A request, in which `<<7>>` stands for the seventh thing that the services named differently. */
export interface Question {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** The place of a byte that is sent as 0xff, which no UTF-8 has. */
  readonly broken?: number;
  /** What was asked about, for later questions about the same. */
  readonly action?: readonly Member[];
}

/** What both services answered; the text of the body is that of the version before. */
interface Remembered {
  readonly ref: string;
  readonly action: readonly Member[];
  readonly credential: string;
}

const KEEPS = 30;
/** New requests for approval that one agent may make a minute, less some. */
const ASKS_AN_AGENT = 18;

/** The random questions, and what of the answers they refer to later. */
export class Questions {
  /** What `<<n>>` stands for in either service. */
  readonly #named: Both[] = [];
  readonly #credentials: Record<string, string> = { ...CHOSEN };
  readonly #tokens: Remembered[] = [];
  readonly #approvals: Remembered[] = [];
  readonly #ids: string[] = [];
  readonly #repeatable: Question[] = [];
  #asks = 0;
  #repeats = 0;

  constructor(readonly chance: Chance) {}

  /** A text with what the services named in place of `<<n>>`. */
  inWordsOf(side: 0 | 1, text: string): string {
    return text.replace(/<<(\d+)>>/g, (_, number) => this.#named[Number(number)]?.[side] ?? "");
  }

  /** What makes the organization; each must be answered with success. */
  setUp(): Question[] {
    return setUp().map(({ method, path, body }) =>
      this.#question("management", method, path, JSON.stringify(body))
    );
  }

  /** What is asked once, at the beginning: more than a key may ask a minute. */
  opening(): Question[] {
    const action = this.#action();
    return Array.from(
      { length: 8 },
      () => this.#question("limited", "POST", "/v1/permissions/check", objectText(action)),
    );
  }

  /** One random question. */
  next(): Question {
    const { chance } = this;
    if (this.#repeatable.length > 0 && chance.percent(4)) return this.#repetition();
    // An agent that has asked as often as it may a minute makes way: what holds depends on the time.
    if (this.#asks >= ASKS_AN_AGENT) {
      this.#asks = 0;
      const fields = { name: "agent", rate_limit_per_minute: null, trust_tier: chance.below(4) };
      return this.#question("management", "POST", "/v1/agents", JSON.stringify(fields));
    }
    const kinds: readonly (readonly [number, () => Question])[] = [
      [36, () => this.#check()],
      [6, () => this.#batch()],
      [8, () => this.#checkOverMcp()],
      [11, () => this.#mint()],
      [12, () => this.#use()],
      [9, () => this.#ask()],
      [7, () => this.#approval()],
      [4, () => this.#change()],
      [5, () => this.#read()],
      [2, () => this.#stray()],
    ];
    let drawn = chance.below(kinds.reduce((sum, [share]) => sum + share, 0));
    for (const [share, make] of kinds) {
      if (drawn < share) return this.#unusual(make());
      drawn -= share;
    }
    return this.#check();
  }

  /** Keeps of the answers what later questions refer to. */
  remember(question: Question, [before, after]: readonly [unknown, unknown]): void {
    const [ours, theirs] = [record(before), record(after)];
    const name = (member: string): string | null => {
      const [a, b] = [ours[member], theirs[member]];
      if (typeof a !== "string" || typeof b !== "string") return null;
      return `<<${this.#named.push([a, b]) - 1}>>`;
    };
    const { path, method, action = [], headers } = question;
    const credential = headers["x-api-key"] ?? headers.authorization?.slice("Bearer ".length) ?? "";
    const secret = name(path === "/v1/agents" ? "token" : "key");
    if (secret !== null && method === "POST") {
      this.#credentials[String(ours.name)] = secret;
      return;
    }
    const token = name("token");
    if (token !== null) keep(this.#tokens, { ref: token, action, credential });
    for (const member of ["decision_id", "execution_id", "token_id"]) {
      const id = name(member);
      if (id !== null) keep(this.#ids, id);
    }
    const asked = question.path.startsWith("/v1/approvals") ? [ours, theirs] as const : null;
    if (ours.approval !== undefined) {
      this.remember({ ...question, path: "/v1/approvals" }, [ours.approval, theirs.approval]);
    } else if (asked !== null && String(ours.id).startsWith("apr_")) {
      const ref = name(this.chance.percent(80) ? "id" : "reference");
      if (ref !== null) keep(this.#approvals, { ref, action, credential });
    }
  }

  #check(): Question {
    const { chance } = this;
    const action = this.#action();
    const flags = {
      explain: chance.percent(12) ? chance.percent(90) : undefined,
      mint: chance.percent(15) ? true : undefined,
      request: chance.percent(8) ? true : undefined,
      reference_id: chance.percent(15) ? this.#reference() : undefined,
    };
    if (flags.request === true) this.#asks++;
    const credential = flags.request === true ? "agent" : this.#caller();
    const members = [...action, ...this.#reason(85), ...membersOf(flags)];
    return this.#post(credential, "/v1/permissions/check", members, action);
  }

  #batch(): Question {
    const checks = Array.from({ length: 1 + this.chance.below(6) }, () => {
      const members = [...this.#action(), ...this.#reason(60)];
      return this.chance.percent(8) ? oddBody(this.chance, members) : objectText(members);
    });
    const members: Member[] = [["checks", `[${checks.join()}]`]];
    return this.#post(this.#caller(), "/v1/permissions/check-batch", members);
  }

  #checkOverMcp(): Question {
    const { chance } = this;
    const revision = "2026-07-28";
    const name = chance.percent(70) ? "check_permission" : "mint_run_token";
    const action = this.#action();
    const members = [...action, ...name === "check_permission" ? this.#reason(80) : []];
    const called = chance.percent(15) ? oddBody(chance, members) : objectText(members);
    const meta = {
      "io.modelcontextprotocol/protocolVersion": revision,
      "io.modelcontextprotocol/clientCapabilities": {},
      "io.modelcontextprotocol/clientInfo": { name: "equality", version: "1" },
    };
    const params = `{"name":"${name}","arguments":${called},"_meta":${JSON.stringify(meta)}}`;
    const question = this.#question(
      chance.pick(["agent", "agent", "agent", "walled_agent", "standard"]),
      "POST",
      "/mcp",
      `{"jsonrpc":"2.0","id":${chance.below(100)},"method":"tools/call","params":${params}}`,
    );
    const { "x-api-key": secret, ...headers } = question.headers;
    return {
      ...question,
      headers: {
        ...headers,
        authorization: `Bearer ${secret}`,
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": revision,
        "mcp-method": "tools/call",
        "mcp-name": name,
      },
    };
  }

  #mint(): Question {
    const { chance } = this;
    const approval = chance.percent(25) && this.#approvals.length > 0
      ? chance.pick(this.#approvals)
      : null;
    const action = approval === null || chance.percent(10) ? this.#action() : approval.action;
    const fields = {
      approval_id: approval?.ref,
      ttl_seconds: chance.percent(90) ? 3600 : chance.pick([300, 9, 10.5, 3601, 600]),
    };
    const members = [...action, ...membersOf(fields)];
    return this.#post(approval?.credential ?? this.#caller(), "/v1/tokens/mint", members, action);
  }

  /** Consumes, verifies or reports a token. */
  #use(): Question {
    const { chance } = this;
    const held = this.#tokens.length > 0 && chance.percent(92) ? chance.pick(this.#tokens) : null;
    const token = held === null ? oddText(chance) : held.ref + (chance.percent(4) ? "x" : "");
    const action = held === null || chance.percent(12) ? this.#action() : held.action;
    const credential = held === null || chance.percent(15) ? this.#caller() : held.credential;
    const way = chance.pick(["consume", "consume", "verify", "log"]);
    const members = [...action, ...membersOf({ token })];
    if (way !== "log") return this.#post(credential, `/v1/tokens/${way}`, members);
    const report = membersOf({
      execution_result: chance.pick(["success", "failed", "error", "unknown"]),
      duration_ms: chance.percent(50) ? chance.below(5000) : undefined,
      cost_micros: chance.percent(30) ? chance.below(5000) : undefined,
      error: chance.percent(30) ? sentence(chance) : undefined,
    });
    const named = chance.percent(40) ? members : members.filter(([name]) => /^to/.test(name));
    return this.#post(credential, "/v1/executions/log", [...named, ...report]);
  }

  #ask(): Question {
    const { chance } = this;
    this.#asks++;
    const before = chance.percent(25) && this.#approvals.length > 0
      ? chance.pick(this.#approvals)
      : null;
    const action = before?.action ?? this.#action();
    const members = [
      ...action,
      ...this.#reason(97),
      ...membersOf({
        reference_id: chance.percent(20) ? this.#reference() : undefined,
        timeout_seconds: chance.percent(15) ? chance.pick([3600, 86400, 59, 1e9]) : undefined,
      }),
      ...chance.percent(20) ? [["context", objectText(oddMembers(chance))] as const] : [],
    ];
    return this.#post(before?.credential ?? "agent", "/v1/approvals", members, action);
  }

  /** Reads, decides or ends a request for approval. */
  #approval(): Question {
    const { chance } = this;
    if (this.#approvals.length === 0) return this.#ask();
    const { ref, credential, action } = chance.pick(this.#approvals);
    const who = chance.percent(85) ? credential : this.#caller();
    const path = `/v1/approvals/${ref}`;
    const way = chance.pick(["read", "cancel", "revoke", "decide", "decide", "decide"]);
    if (way === "read") {
      return this.#question(chance.percent(30) ? "approver" : who, "GET", path, null);
    }
    if (way !== "decide") return { ...this.#post(who, `${path}/${way}`, []), action };
    const members = membersOf({
      decision: chance.percent(75) ? "approve" : "deny",
      decided_by: chance.percent(85) ? OWNER : chance.pick(["dana@example.com", "x@example.com"]),
      note: chance.percent(30) ? sentence(chance) : undefined,
    });
    return { ...this.#post("approver", `${path}/decide`, members), action };
  }

  /** Changes the policy, so that its versions differ along the way. */
  #change(): Question {
    const { chance } = this;
    const selector = membersOf({
      tenant_id: chance.percent(50) ? chance.pick(TENANTS) : undefined,
      tool_name: chance.percent(60) ? this.#tool() : undefined,
      method: chance.percent(30) ? chance.pick(METHODS) : undefined,
      resource_id: chance.percent(20) ? chance.pick(RESOURCES) : undefined,
      tag: chance.percent(15) ? chance.pick(TAGS) : undefined,
    });
    const permission = chance.pick(["allowed", "allowed", "requires_approval"]);
    const rule: Member[] = [["selector", objectText(selector)], ...membersOf({ permission })];
    const active = chance.percent(50);
    return chance.pick<() => Question>([
      () => this.#manage("PUT", "/v1/rules", rule),
      () => this.#manage("PUT", "/v1/rules", rule),
      () => this.#manage("PUT", `/v1/tenants/t-${chance.below(9)}`, membersOf({ name: "T" })),
      () => this.#manage("DELETE", `/v1/tenants/t-${chance.below(9)}`, null),
      () =>
        this.#manage(
          "PATCH",
          "/v1/tools/killed",
          membersOf({ kill_switch: { active, reason: null } }),
        ),
      () => this.#manage("PATCH", "/v1/org", membersOf({ retain_arguments: active })),
    ])();
  }

  #read(): Question {
    const { chance } = this;
    const id = this.#ids.length === 0 ? "dec_none" : chance.pick(this.#ids);
    const status = chance.pick(["pending", "approved", "denied", "cancelled", "odd"]);
    const path = chance.pick([
      `/v1/approvals?limit=${1 + chance.below(5)}&status=${status}`,
      "/v1/activity?limit=5",
      `/v1/activity?limit=3&type=permission.checked&tool_name=${this.#tool()}`,
      `/v1/audit/entries?start=${chance.below(300)}&limit=3`,
      `/v1/audit/proof/inclusion?index=${chance.below(300)}`,
      `/v1/receipts/${id}`,
      "/v1/rules?limit=5",
      `/v1/tools/${this.#tool()}`,
      "/v1/org",
      "/v1/policy",
    ]);
    return this.#question(chance.pick(["standard", "management", "agent"]), "GET", path, null);
  }

  /** What no route takes. */
  #stray(): Question {
    const { chance } = this;
    const paths = ["/v1/permissions/chek", "/v1/permissions/check/", "/v1", "//v1/org", "/v1/%ff"];
    const path = chance.pick([...paths, "/v1/permissions/check", "/v1/tokens/mint", "/healthz"]);
    const method = chance.pick(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]);
    return this.#question("standard", method, path, null);
  }

  /** The question itself, or with something amiss in its head or body. */
  #unusual(question: Question): Question {
    const { chance } = this;
    const { body, headers } = question;
    if (body === null || !chance.percent(9)) {
      if (question.method !== "POST" || !chance.percent(8)) return question;
      const key = chance.percent(92) ? `once-${this.#repeats++}` : oddHeader(chance);
      const repeatable = { ...question, headers: { ...headers, "idempotency-key": key } };
      if (question.path !== "/mcp") keep(this.#repeatable, repeatable);
      return repeatable;
    }
    const { "x-api-key": secret = "", "content-type": _, ...bare } = headers;
    const types = ["text/plain", "application/json; charset=utf-8", "application/json;charset=x"];
    const type = chance.pick([...types, "APPLICATION/JSON", "application/problem+json", "json"]);
    return chance.pick<() => Question>([
      () => ({ ...question, headers: { ...headers, "content-type": type } }),
      () => ({ ...question, headers: { ...bare, "x-api-key": secret } }),
      () => ({ ...question, headers: { ...headers, "content-encoding": "gzip" } }),
      () => ({ ...question, headers: { ...headers, "x-api-key": secret.slice(0, -1) } }),
      () => ({ ...question, headers: { ...headers, "x-api-key": oddHeader(chance) } }),
      () => ({ ...question, headers: { ...bare, "content-type": "application/json" } }),
      () => ({ ...question, headers: { ...headers, authorization: `Bearer ${secret}` } }),
      () => ({ ...question, headers: { ...headers, authorization: "Basic YTpi" } }),
      () => ({ ...question, headers: { ...headers, "user-agent": oddHeader(chance) } }),
      () => ({ ...question, path: `${question.path}?a=1` }),
      () => ({ ...question, broken: chance.below(body.length + 1) }),
    ])();
  }

  /** One that was asked with an idempotency key, again: as it was, or otherwise. */
  #repetition(): Question {
    const { chance } = this;
    const question = chance.pick(this.#repeatable);
    if (chance.percent(75)) return question;
    return { ...question, body: `${question.body ?? ""} ` };
  }

  #action(): Member[] {
    const { chance } = this;
    const has = (share: number) => chance.percent(share);
    const fields = {
      tool_name: this.#tool(),
      tenant_id: has(70) ? chance.pick(TENANTS) : has(20) ? null : undefined,
      resource_id: has(60) ? chance.pick(RESOURCES) : has(10) ? `r-${chance.below(99)}` : undefined,
      method: has(50) ? chance.pick(METHODS) : has(10) ? null : undefined,
    };
    if (fields.tool_name === "mail.send" && has(85)) {
      const args = { to: sentence(chance), count: chance.below(12), note: has(50) ? "a" : null };
      return membersOf({ ...fields, arguments: args });
    }
    const members = membersOf(fields);
    return has(75) ? [...members, ["arguments", objectText(oddMembers(chance))]] : members;
  }

  #tool(): string {
    const { chance } = this;
    const names = TOOLS.map(({ name }) => String(name));
    return chance.percent(96) ? chance.pick(names) : `unknown.${chance.below(40)}`;
  }

  #reason(share: number): Member[] {
    return this.chance.percent(share) ? membersOf({ reason: sentence(this.chance) }) : [];
  }

  #reference(): string {
    return this.chance.percent(70) ? `ticket-${this.chance.below(99)}` : oddText(this.chance);
  }

  #caller(): string {
    const names = ["standard", "standard", "standard", "trusted", "walled", "agent"];
    return this.chance.percent(3)
      ? this.chance.pick(["management", "approver"])
      : this.chance.pick([...names, "walled_agent"]);
  }

  #manage(method: string, path: string, members: readonly Member[] | null): Question {
    return this.#question(
      this.chance.percent(95) ? "management" : "standard",
      method,
      path,
      members === null ? null : objectText(members),
    );
  }

  /** A question with a body; now and then an odd one. */
  #post(
    credential: string,
    path: string,
    members: readonly Member[],
    action: readonly Member[] = [],
  ): Question {
    const isOdd = members.length > 0 && this.chance.percent(14);
    const body = isOdd ? oddBody(this.chance, members) : objectText(members);
    return { ...this.#question(credential, "POST", path, body), action };
  }

  /** @param credential the name of one, or one */
  #question(credential: string, method: string, path: string, body: string | null): Question {
    const secret = this.#credentials[credential] ?? credential;
    const headers = { "x-api-key": secret, "user-agent": "equality" };
    if (body === null) return { method, path, headers, body };
    return { method, path, headers: { ...headers, "content-type": "application/json" }, body };
  }
}

/** What a header can have and hardly ever has. */
function oddHeader(chance: Chance): string {
  return chance.pick([
    'a "quoted" \\ one',
    "",
    "x".repeat(300),
    "a b",
    "cs_live_",
    "<b>é</b>",
    "1",
  ]);
}

function keep<T>(kept: T[], one: T): void {
  kept.push(one);
  if (kept.length > KEEPS) kept.shift();
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}
