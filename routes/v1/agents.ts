import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import {
  changeAgent,
  createAgent,
  existingAgent,
  removeAgent,
  rotateAgent,
  type TokenedAgent,
} from "../../lib/catalog/agents.ts";
import { mayKnowOf } from "../../lib/identity/caller.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { AgentRecord } from "../../lib/store/records/identity.ts";
import {
  expiryOf,
  lastUsedAnswer,
  machineAnswer,
  machineChangeFields,
  newMachineFields,
  renderMachine,
  timeText,
  versionAnswer,
} from "../fields/machine.ts";
import { pageAnswer, pageByName, pageQuery } from "../fields/paging.ts";
import type { Answer } from "../http/call.ts";
import { guarded, type Route } from "../http/route.ts";

const killSwitch = z.strictObject({
  active: z.boolean(),
  reason: z.string().max(500, "has at most 500 characters").nullable().default(null),
}).describe("While active, everything that the agent asks is disabled");

const newAgent = z.strictObject({
  ...newMachineFields,
  kill_switch: killSwitch.default({ active: false, reason: null }),
});

const agentChange = z.strictObject({
  ...machineChangeFields,
  kill_switch: killSwitch.exactOptional(),
});

const agent = z.object({
  ...machineAnswer,
  kill_switch: z.object({ active: z.boolean(), reason: z.string().nullable() }),
});

const readAgent = agent.extend(lastUsedAnswer);

const writtenAgent = agent.extend(versionAnswer);

const tokenedAgent = writtenAgent.extend({ token: z.string().describe("Shown once") });

const rotation = z.strictObject({
  keep_requests: z.boolean().default(false)
    .describe("Whether unspent run tokens and open requests stay good: for a planned rotation"),
}).default({ keep_requests: false });

const byId = z.object({ id: z.string() });

function renderAgent(record: AgentRecord): JsonObject {
  const { active, reason } = record.kill_switch;
  return { ...renderMachine(record), kill_switch: { active, reason } };
}

function renderRead(record: AgentRecord, used: ReadonlyMap<string, number>): JsonObject {
  return { ...renderAgent(record), last_used_at: timeText(used.get(record.id) ?? null) };
}

function renderTokened({ record, secret, policy_version }: TokenedAgent): JsonObject {
  return { ...renderAgent(record), token: secret, policy_version };
}

export const agentRoutes: readonly Route[] = [
  guarded({
    method: "post",
    path: "/v1/agents",
    group: "Machines",
    summary: "Make an agent",
    description: "Its token is in this answer and nowhere else: it is stored as SHA-256 only.",
    callers: ["management"],
    body: newAgent,
    answers: { 201: tokenedAgent },
    handle: (call) => {
      const fields = { ...call.body, expires_at: expiryOf(call.body.expires_at) };
      return call.commit(
        createAgent(fields, call.id),
        (made): Answer => ({ status: 201, body: renderTokened(made) }),
      );
    },
  }),
  guarded({
    method: "get",
    path: "/v1/agents",
    group: "Machines",
    summary: "List the agents",
    callers: ["management", "standard"],
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(readAgent) },
    handle: async (call) => {
      const { items, next_cursor } = await call.transact({
        plan: ({ snapshot }, caller) => {
          const ids = [...snapshot.agents.keys()].sort();
          const agents = ids.flatMap((id) => snapshot.agents.get(id) ?? [])
            .filter(({ tenant_ids }) => mayKnowOf(caller, tenant_ids));
          return pageByName(agents, ({ id }) => id, call.query);
        },
      });
      const used = await call.services.lastUsed.of(call.org, items.map(({ id }) => id));
      const data = items.map((record) => renderRead(record, used));
      return { status: 200, body: { data, next_cursor } };
    },
  }),
  guarded({
    method: "get",
    path: "/v1/agents/:id",
    group: "Machines",
    summary: "Read an agent",
    callers: ["management", "standard"],
    params: byId,
    answers: { 200: readAgent },
    refusals: ["not_found"],
    handle: async (call) => {
      const { id } = call.params;
      const record = await call.transact({
        plan(transaction, caller) {
          const agent = existingAgent(transaction, id);
          if (mayKnowOf(caller, agent.tenant_ids)) return agent;
          throw new Refusal("not_found", { what: `agent ${id}` });
        },
      });
      const used = await call.services.lastUsed.of(call.org, [id]);
      return { status: 200, body: renderRead(record, used) };
    },
  }),
  guarded({
    method: "patch",
    path: "/v1/agents/:id",
    group: "Machines",
    summary: "Change an agent",
    description:
      "Members that are absent stay as they are. Once an owner has a passkey, releasing " +
      "the kill switch is for an owner.",
    callers: ["management"],
    params: byId,
    body: agentChange,
    answers: { 200: writtenAgent },
    refusals: ["not_found", "owner_required"],
    handle: (call) => {
      const { expires_at, ...rest } = call.body;
      const expiry = expires_at === undefined ? {} : { expires_at: expiryOf(expires_at) };
      return call.commit(
        changeAgent(call.params.id, { ...rest, ...expiry }, call.id),
        ({ record, policy_version }) => ({
          status: 200,
          body: { ...renderAgent(record), policy_version },
        }),
      );
    },
  }),
  guarded({
    method: "post",
    path: "/v1/agents/:id/rotate",
    group: "Machines",
    summary: "Give an agent a new token",
    description: "The old token is void at once, and so are its unspent run tokens, pending " +
      "requests and unused approvals, unless they are kept. With an idempotency key the answer is " +
      "repeated only while the policy has not changed since.",
    callers: ["management"],
    params: byId,
    body: rotation,
    answers: { 200: tokenedAgent },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        rotateAgent(call.params.id, call.body, call.id),
        (made): Answer => ({
          status: 200,
          body: renderTokened(made),
          // Another change may have voided this token: it must not be handed out as if it held.
          granted: { token_id: null },
        }),
      ),
  }),
  guarded({
    method: "delete",
    path: "/v1/agents/:id",
    group: "Machines",
    summary: "Remove an agent",
    description: "Its token is void on the next call, on every node.",
    callers: ["management"],
    params: byId,
    answers: { 200: writtenAgent.extend({ removed: z.literal(true) }) },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        removeAgent(call.params.id, call.id),
        ({ record, policy_version }) => ({
          status: 200,
          body: { ...renderAgent(record), removed: true, policy_version },
        }),
      ),
  }),
];
