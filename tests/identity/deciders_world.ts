import {
  type ApprovalEvent,
  memberLevel,
  moved,
  settledApproval,
  type StandingPolicy,
  termsOf,
} from "../../lib/approvals/state.ts";
import { toolDefinitionDigest } from "../../lib/catalog/tool_record.ts";
import { type Decided, decisionBar, levelsFor, requesterNow } from "../../lib/identity/deciders.ts";
import { missingFacts } from "../../lib/identity/standing.ts";
import { clocksAt } from "../../lib/ledger/clock.ts";
import type { ApprovalRecord } from "../../lib/store/records/approval.ts";
import type { AgentRecord, ApiKeyRecord, MemberRecord } from "../../lib/store/records/identity.ts";
import type { OrgRecord, ToolRecord } from "../../lib/store/records/policy.ts";
import { anOrg, aTool } from "../helpers/policy_records.ts";
import {
  type Fact,
  type Happening,
  type Somebody,
  type Team,
  TERMS,
  type Way,
} from "./deciders_oracle.ts";

/** The team of the oracle as records, and the pure functions of decisions put together on them. */

export const AGENT = "agt_1";
export const TOOL = "t";
const KEYS = { made: "key_made", operator: "key_operator" } as const;

export const idOf = (who: number): string => `usr_${who}`;
export const emailOf = (who: number): string => `p${who}@example.com`;

/** What of a member the oracle knows. `since` is when its seconds begin, milliseconds. */
export function memberFields(person: Somebody, account: string, since: number) {
  return {
    role: person.role,
    groups: [...person.groups],
    account: person.accepted ? account : null,
    has_passkey: person.passkey,
    held_until: person.held_until === 0 ? null : since + person.held_until * 1000,
  } satisfies Partial<MemberRecord>;
}

export function orgFields({ separated, skips, keysDecide }: Team) {
  return {
    separation_of_duties: separated,
    strict_levels: skips === "no",
    strict_levels_by: skips === "chosen" ? idOf(0) : null,
    api_decisions: keysDecide,
    approval_timeout_seconds: TERMS.waits,
    approval_use_seconds: TERMS.use,
  } satisfies Partial<OrgRecord>;
}

export function toolFields({ twice, required, tier }: Team) {
  return {
    default_permission: "requires_approval",
    requires_second_approval: twice,
    required_facts: [...required],
    required_tier: tier,
  } satisfies Partial<ToolRecord>;
}

export function agentFields({ behind, trust }: Team) {
  return { members_behind: behind.map(idOf), trust_tier: trust } satisfies Partial<AgentRecord>;
}

/** What the two approver keys are, but for their secrets. */
export function keyFields(way: Exclude<Way, "passkey">) {
  const bootstrap = way === "operator";
  return {
    bootstrap,
    members_behind: bootstrap ? [idOf(0)] : [],
  } satisfies Partial<ApiKeyRecord>;
}

/** The facts of an action that gives these. */
export function actionFacts(given: readonly Fact[]) {
  return {
    tenant: null,
    resource: given.includes("resource") ? "srv-1" : null,
    method: given.includes("method") ? "POST" : null,
  };
}

type Request = Parameters<typeof settledApproval>[0] & Decided;

/** Decides on plain records, by the very functions that the operations call. */
export class PureWorld {
  #request: Request | null = null;
  #policy: StandingPolicy;

  constructor(private team: Team) {
    this.#policy = policyOf(team);
  }

  /** @param team as it is after the happening */
  happen(happening: Happening, team: Team): boolean {
    switch (happening.what) {
      case "look":
        this.#look();
        return true;
      case "ask":
        return this.#ask(happening.given);
      case "approve":
        return this.#approve(happening.who, happening.way);
      case "mint":
        return this.#reaches() && this.#move({ type: "use", token_id: "rtk_1" });
      default:
        this.team = team;
        this.#policy = policyOf(team);
        return true;
    }
  }

  get #now(): number {
    return this.team.now * 1000;
  }

  #tool(): ToolRecord {
    const tool = this.#policy.tools.get(TOOL);
    if (tool === undefined) throw new Error("The tool is gone.");
    return tool;
  }

  #reaches(): boolean {
    const tier = requesterNow(this.#policy, { type: "agent", id: AGENT })?.trust_tier ?? 0;
    return tier >= this.#tool().required_tier;
  }

  #look(): Request | null {
    const request = this.#request;
    if (request === null) return null;
    return this.#request = settledApproval(request, this.#policy, clocksAt(this.#now));
  }

  #ask(given: readonly Fact[]): boolean {
    const state = this.#look()?.progress.state;
    if (state === "pending" || state === "approved" || !this.#reaches()) return false;
    const tool = this.#tool();
    const levels = levelsFor(tool, this.#policy.org, this.#policy.members);
    if (levels === null) return false;
    const facts = actionFacts(given);
    this.#request = {
      ...levels,
      ...facts,
      progress: { state: "pending", level: 1 },
      decisions: [],
      duties_separated: this.team.separated || this.team.twice,
      members_behind: this.team.behind.map(idOf),
      requester: { type: "agent", id: AGENT, name: "agent" },
      tool_name: TOOL,
      missing_facts: missingFacts(tool, facts),
      definition_digest: toolDefinitionDigest(tool),
      policy_version: 0,
      created_at: this.#now,
      expires_at: this.#now + TERMS.waits * 1000,
      use_seconds: TERMS.use,
      mandate: null,
      user_seat: null,
    };
    return true;
  }

  #approve(who: number, way: Way): boolean {
    const request = this.#look();
    if (request?.progress.state !== "pending") return false;
    const said = {
      level: request.progress.level,
      member: idOf(who),
      asserted_by: way === "passkey" ? null : KEYS[way],
    };
    if (decisionBar(request, said, this.#policy, this.#now) !== null) return false;
    if (!this.#reaches()) return false;
    const decision: ApprovalRecord["decisions"][number] = {
      ...said,
      level: memberLevel(request.progress),
      decision: "approve",
      at: this.#now,
      note: null,
      quick_reason: null,
    };
    this.#request = { ...request, decisions: [...request.decisions, decision] };
    return this.#move({ type: "approve" });
  }

  #move(event: ApprovalEvent): boolean {
    const request = this.#look();
    if (request === null) return false;
    const terms = termsOf(request, this.#policy, this.#now);
    const progress = moved(request.progress, event, terms, clocksAt(this.#now));
    if (typeof progress === "string") return false;
    this.#request = { ...request, progress };
    return true;
  }
}

function policyOf(team: Team): StandingPolicy {
  const machine = {
    name: "m",
    secret_hash: "",
    tenant_ids: null,
    expires_at: null,
    rate_limit_per_minute: null,
    created_at: 0,
  };
  const agent: AgentRecord = {
    ...machine,
    ...agentFields(team),
    id: AGENT,
    kill_switch: { active: false, reason: null },
    void_before: 0,
    mandate_ids: null,
  };
  const keys = (["made", "operator"] as const).filter((way) => team.keys[way]).map((way) => {
    const key: ApiKeyRecord = {
      ...machine,
      ...keyFields(way),
      id: KEYS[way],
      tier: "approver",
      trust_tier: 0,
      audit_private: false,
      kept: false,
      mandate_ids: null,
      may_grant: false,
      user_passkeys: false,
    };
    return [key.id, key] as const;
  });
  const members = team.people.flatMap((person, who) =>
    person === null ? [] : [
      [emailOf(who), {
        id: idOf(who),
        email: emailOf(who),
        name: null,
        ...memberFields(person, `acc_${who}`, 0),
        created_at: 0,
      }] as const,
    ]
  );
  return {
    org: anOrg(orgFields(team)),
    tools: new Map([[TOOL, aTool({ name: TOOL, ...toolFields(team) })]]),
    agents: new Map([[AGENT, agent]]),
    apiKeys: new Map(keys),
    members: new Map<string, MemberRecord>(members),
    grants: new Map(),
    upstreams: new Map(),
    vault: new Map(),
  };
}
