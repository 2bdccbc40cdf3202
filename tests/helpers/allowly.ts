import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import type { Got, TestOrg } from "./countersign.ts";

/** What clients of Allowly send, over HTTP and without their SDK. */

interface ActionOf {
  readonly decision?: string;
  readonly target?: string | null;
  readonly fields?: JsonObject;
  readonly rules?: JsonObject[];
  readonly guards?: JsonObject;
}

const TARGETS: Readonly<Record<string, string>> = {
  confirm: "agent_owner",
  escalate: "member:owner_1",
};

/** One action of a policy, allowed where nothing else is said. */
export function action(
  name: string,
  { decision = "allow", target, fields = {}, rules = [], guards = {} }: ActionOf = {},
): JsonObject {
  return {
    policy: {
      profile: "allowly.basic.v1",
      action: name,
      decision,
      target: target ?? TARGETS[decision] ?? null,
      fields,
      rules,
    },
    guards,
    executable_operations: [],
  };
}

export function policy(...actions: JsonObject[]): JsonObject {
  return {
    profile: "allowly.policy.v1",
    agent_id: "shop-assistant",
    default_expiry_days: null,
    actions,
  };
}

/** An organization of theirs, which registers what policies name. */
export class AllowlyOrg {
  private constructor(readonly org: TestOrg, readonly runtime: string) {}

  static async over(org: TestOrg): Promise<AllowlyOrg> {
    const set = await org.manage("PATCH", "/v1/org", { register_from_policies: true });
    assert.equal(set.status, 200, set.text);
    return new AllowlyOrg(org, await org.key("standard", { may_grant: true }));
  }

  ask(method: string, path: string, body?: unknown, key = this.runtime, headers = {}) {
    return this.org.countersign.request(method, `/allowly${path}`, { key, body, headers });
  }

  /** Publishes a policy; its `policy_ref`. */
  async published(policy_id: string, definition: JsonObject): Promise<JsonObject> {
    const body = { policy_id, ...definition };
    const got = await this.ask("POST", "/v1/policies", body, this.org.management);
    assert.equal(got.status, 201, got.text);
    return got.body.policy_ref;
  }

  /** Grants an authorization; its id. */
  async granted(policy_id: string, fields: JsonObject = {}): Promise<string> {
    const got = await this.ask("POST", "/v1/authorizations", {
      user_id: "u1",
      policy_id,
      policy_version: 1,
      metadata: {},
      ...fields,
    });
    assert.equal(got.status, 201, got.text);
    return got.body.authorization_id;
  }

  check(authorization_id: string, actions: string[], fields: JsonObject = {}): Promise<Got> {
    const body = {
      authorization_id,
      actions,
      resource: null,
      session_id: null,
      estimated_cost_micros: null,
      context: {},
      ...fields,
    };
    return this.ask("POST", "/v1/check", body);
  }

  /** What a check of one action answers about it. */
  // deno-lint-ignore no-explicit-any
  async checked(authorization_id: string, action: string, fields: JsonObject = {}): Promise<any> {
    const got = await this.check(authorization_id, [action], fields);
    assert.equal(got.status, 200, got.text);
    return got.body.results[action];
  }
}
