import {
  changeAgent,
  createAgent,
  pauseAgent,
  removeAgent,
  rotateAgent,
} from "../../lib/catalog/agents.ts";
import { createApiKey, keepBootstrapKey, revokeApiKey } from "../../lib/catalog/api_keys.ts";
import { revokeSubToken } from "../../lib/catalog/sub_tokens.ts";
import { confirmRecovery, nameOneself, putMember, removeMember } from "../../lib/people/members.ts";
import { acceptClockAsOwner } from "../../lib/server/clock.ts";
import type { TestOrg } from "../helpers/countersign.ts";
import { type Deed, OFF, ON, op, R } from "../helpers/member_deeds.ts";

const MACHINE = {
  name: "m",
  trust_tier: 0,
  tenant_ids: null,
  expires_at: null,
  rate_limit_per_minute: 10,
};

async function agentId(org: TestOrg, fields = {}): Promise<string> {
  await org.agent({ ...MACHINE, ...fields });
  return await org.transact(({ snapshot }) => [...snapshot.agents.keys()].at(-1) ?? "");
}

async function keyId(org: TestOrg, tier: "standard" | "approver", fields = {}): Promise<string> {
  await org.key(tier, fields);
  return await org.transact(({ snapshot }) => [...snapshot.apiKeys.keys()].at(-1) ?? "");
}

/** Every way in which a member makes, changes or ends who may ask, decide and rule. */
export const IDENTITY_DEEDS: readonly Deed[] = [
  {
    name: "makes a standard key",
    right: "configure",
    fresh: true,
    on: () => op(createApiKey({ ...MACHINE, tier: "standard", audit_private: false }, R)),
  },
  {
    name: "makes a management key",
    right: "configure",
    fresh: true,
    on: () => op(createApiKey({ ...MACHINE, tier: "management", audit_private: false }, R)),
  },
  {
    name: "makes an approver key",
    right: "make_approver_keys",
    fresh: true,
    on: () => op(createApiKey({ ...MACHINE, tier: "approver", audit_private: false }, R)),
  },
  {
    name: "makes a key that reads private data",
    right: "make_approver_keys",
    fresh: true,
    on: () => op(createApiKey({ ...MACHINE, tier: "standard", audit_private: true }, R)),
  },
  {
    name: "keeps an approver key of the operator",
    right: "make_approver_keys",
    fresh: true,
    on: async (org) => {
      const id = await keyId(org, "approver", { bootstrap: true });
      return op(keepBootstrapKey(id, R));
    },
  },
  {
    name: "revokes a key",
    right: "configure",
    on: async (org) => op(revokeApiKey(await keyId(org, "standard"), R)),
  },
  {
    name: "revokes a sub-token",
    right: "kill_switch_on",
    on: async (org) => {
      const agent = await org.agent(MACHINE);
      const made = await org.post("/v1/sub-tokens", { name: "s", ttl_seconds: 600 }, agent);
      return op(revokeSubToken(made.body.id, R));
    },
  },
  {
    name: "makes an agent",
    right: "configure",
    fresh: true,
    on: () => op(createAgent({ ...MACHINE, kill_switch: OFF }, R)),
  },
  {
    name: "renames an agent",
    right: "configure",
    fresh: true,
    on: async (org) => op(changeAgent(await agentId(org), { name: "other" }, R)),
  },
  {
    name: "raises an agent's tier",
    right: "configure",
    fresh: true,
    on: async (org) => op(changeAgent(await agentId(org), { trust_tier: 1 }, R)),
  },
  {
    name: "pauses an agent",
    right: "kill_switch_on",
    onHold: true,
    on: async (org) => op(pauseAgent(await agentId(org), "stop", R)),
  },
  {
    name: "releases an agent's kill switch",
    right: "kill_switch_off",
    fresh: true,
    on: async (org) =>
      op(changeAgent(await agentId(org, { kill_switch: ON }), { kill_switch: OFF }, R)),
  },
  {
    name: "gives an agent a new token",
    right: "configure",
    fresh: true,
    on: async (org) => op(rotateAgent(await agentId(org), { keep_requests: false }, R)),
  },
  {
    name: "removes an agent",
    right: "configure",
    on: async (org) => op(removeAgent(await agentId(org), R)),
  },
  {
    name: "makes a member",
    right: "manage_members",
    fresh: true,
    on: (_, n) => op(putMember(`m${n}@example.com`, { role: "viewer", groups: [] }, R)),
  },
  {
    name: "puts a member into a group",
    right: "manage_members",
    fresh: true,
    on: async (org, n) => {
      const { email } = await org.member(`m${n}@example.com`);
      return op(putMember(email, { role: "approver", groups: [2] }, R));
    },
  },
  {
    name: "removes a member",
    right: "manage_members",
    fresh: true,
    on: async (org, n) => op(removeMember((await org.member(`m${n}@example.com`)).email, R)),
  },
  {
    name: "says what they are called",
    right: "see_requests",
    fresh: true,
    on: (_org, n) => op(nameOneself(`Ann ${n}`, R)),
  },
  {
    name: "confirms a recovery",
    right: "confirm_recovery",
    fresh: true,
    on: async (org, n) => {
      const { now } = org.countersign.clock;
      const { id } = await org.member(`m${n}@example.com`, { held_until: now + 1000 });
      return op(confirmRecovery(id, R));
    },
  },
  {
    name: "accepts a clock that jumped",
    right: "accept_clock",
    fresh: true,
    on: (org) => {
      const { ledgers } = org.countersign.services;
      const to = org.countersign.clock.now;
      ledgers.clock.jumped = { from: to - 1000, to };
      return op(acceptClockAsOwner(ledgers.clock, R));
    },
  },
];
