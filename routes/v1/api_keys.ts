import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { createApiKey, revokeApiKey } from "../../lib/catalog/api_keys.ts";
import { mayKnowOf } from "../../lib/identity/caller.ts";
import { type ApiKeyRecord, KEY_TIERS } from "../../lib/store/records/identity.ts";
import {
  expiryOf,
  lastUsedAnswer,
  machineAnswer,
  newMachineFields,
  renderMachine,
  timeText,
  versionAnswer,
} from "../fields/machine.ts";
import { pageAnswer, pageByName, pageQuery } from "../fields/paging.ts";
import { guarded, type Route } from "../http/route.ts";

const newKey = z.strictObject({
  ...newMachineFields,
  tier: z.enum(KEY_TIERS).describe("`approver` is refused here: an owner makes those"),
  audit_private: z.boolean().default(false).describe("Refused when true: for owners"),
  user_passkeys: z.boolean().default(false).describe(
    "Whether a management key may say which passkeys speak for users; refused when true once an " +
      "owner has a passkey",
  ),
  may_grant: z.boolean().default(false).describe(
    "Whether a standard key may grant mandates; refused when true once an owner has a passkey",
  ),
});

const apiKey = z.object({
  ...machineAnswer,
  tier: z.enum(KEY_TIERS),
  audit_private: z.boolean().describe("Whether it may read the private parts of the audit log"),
  bootstrap: z.boolean().describe("Whether it was handed over by environment"),
  may_grant: z.boolean().describe("Whether it may grant mandates"),
  user_passkeys: z.boolean().describe("Whether it may say which passkeys speak for users"),
});

const byId = z.object({ id: z.string() });

function renderKey(record: ApiKeyRecord): JsonObject {
  const { tier, audit_private, bootstrap, may_grant, user_passkeys } = record;
  return { ...renderMachine(record), tier, audit_private, bootstrap, may_grant, user_passkeys };
}

export const apiKeyRoutes: readonly Route[] = [
  guarded({
    method: "post",
    path: "/v1/api-keys",
    group: "Machines",
    summary: "Make an API key",
    description: "The key is in this answer and nowhere else: it is stored as SHA-256 only.",
    callers: ["management"],
    body: newKey,
    answers: { 201: apiKey.extend({ key: z.string().describe("Shown once"), ...versionAnswer }) },
    refusals: ["owner_required"],
    handle: (call) => {
      const fields = { ...call.body, expires_at: expiryOf(call.body.expires_at) };
      return call.commit(
        createApiKey(fields, call.id),
        ({ record, secret, policy_version }) => ({
          status: 201,
          body: { ...renderKey(record), key: secret, policy_version },
        }),
      );
    },
  }),
  guarded({
    method: "get",
    path: "/v1/api-keys",
    group: "Machines",
    summary: "List the API keys",
    callers: ["management", "standard"],
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(apiKey.extend(lastUsedAnswer)) },
    handle: async (call) => {
      const { items, next_cursor } = await call.transact({
        plan: ({ snapshot }, caller) => {
          const ids = [...snapshot.apiKeys.keys()].sort();
          const keys = ids.flatMap((id) => snapshot.apiKeys.get(id) ?? [])
            .filter(({ tenant_ids }) => mayKnowOf(caller, tenant_ids));
          return pageByName(keys, ({ id }) => id, call.query);
        },
      });
      const used = await call.services.lastUsed.of(call.org, items.map(({ id }) => id));
      const data = items.map((record) => ({
        ...renderKey(record),
        last_used_at: timeText(used.get(record.id) ?? null),
      }));
      return { status: 200, body: { data, next_cursor } };
    },
  }),
  guarded({
    method: "delete",
    path: "/v1/api-keys/:id",
    group: "Machines",
    summary: "Revoke an API key",
    description: "In force on the next call, on every node. A key may revoke itself.",
    callers: ["management"],
    params: byId,
    answers: {
      200: apiKey.extend({
        revoked: z.literal(true),
        warning: z.enum(["last_management_key"]).nullable().describe(
          "`last_management_key`: no key and no owner with a passkey is left to configure the organization",
        ),
        ...versionAnswer,
      }),
    },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        revokeApiKey(call.params.id, call.id),
        ({ record, policy_version, warning }) => ({
          status: 200,
          body: { ...renderKey(record), revoked: true, warning, policy_version },
        }),
      ),
  }),
];
