import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import {
  changeTenant,
  listTenants,
  putTenant,
  readTenant,
  registeredTenants,
  removeTenant,
} from "../../lib/catalog/tenants.ts";
import type { TenantRecord } from "../../lib/store/records/policy.ts";
import { registeredTenantId, tenantId } from "../fields/action.ts";
import {
  displayName,
  metadataAnswer,
  metadataField,
  removedAnswer,
  writtenAnswer,
} from "../fields/catalog.ts";
import { timeText, versionAnswer } from "../fields/machine.ts";
import { pageAnswer, pageById, pageByName, pageQuery } from "../fields/paging.ts";
import { guarded, type Route } from "../http/route.ts";

const PATH = "/v1/tenants/:id";

const group = "Configuration";

const byId = z.object({ id: tenantId });

const tenantBody = z.strictObject({
  name: displayName.default(null),
  metadata: metadataField.default(() => ({})),
});

const tenantChange = z.strictObject({
  name: displayName.exactOptional(),
  metadata: metadataField.exactOptional(),
});

const tenantAnswer = z.object({
  id: z.string(),
  name: z.string().nullable(),
  metadata: metadataAnswer,
  created_at: z.iso.datetime(),
});

const writtenTenant = tenantAnswer.extend(versionAnswer);

const removedTenant = writtenTenant.extend({
  ...removedAnswer,
  created_at: z.iso.datetime().nullable().describe("Null when only rules of it were left"),
  rules_removed: z.int(),
});

function renderTenant({ id, name, metadata, created_at }: TenantRecord): JsonObject {
  return { id, name, metadata, created_at: timeText(created_at) };
}

export const tenantRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/tenants",
    group,
    summary: "List the tenants by id",
    description: "A key that is bound to tenants gets those.",
    callers: ["management", "standard"],
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(tenantAnswer) },
    handle: async (call) => {
      const { services: { deps: { kv } }, org, query } = call;
      const bound = await call.transact({ plan: (_, { tenant_ids }) => tenant_ids });
      const { items, next_cursor } = bound === null
        ? await pageById((span) => listTenants(kv, org, span), query)
        : pageByName(await registeredTenants(kv, org, bound), ({ id }) => id, query);
      return { status: 200, body: { data: items.map(renderTenant), next_cursor } };
    },
  }),
  guarded({
    method: "put",
    path: PATH,
    group,
    summary: "Register a tenant, or replace what is said of it",
    callers: ["management"],
    params: z.object({ id: registeredTenantId }),
    body: tenantBody,
    answers: { 200: writtenTenant, 201: writtenTenant },
    handle: (call) =>
      call.commit(
        putTenant(call.params.id, call.body, call.id),
        (written) => writtenAnswer(written, renderTenant),
      ),
  }),
  guarded({
    method: "get",
    path: PATH,
    group,
    summary: "Read a tenant",
    callers: ["management", "standard"],
    params: byId,
    answers: { 200: tenantAnswer },
    refusals: ["not_found", "tenant_not_permitted"],
    handle: async (call) => {
      const record = await call.transact(readTenant(call.params.id));
      return { status: 200, body: renderTenant(record) };
    },
  }),
  guarded({
    method: "patch",
    path: PATH,
    group,
    summary: "Change named members of a tenant",
    callers: ["management"],
    params: byId,
    body: tenantChange,
    answers: { 200: writtenTenant },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        changeTenant(call.params.id, call.body, call.id),
        (written) => writtenAnswer(written, renderTenant),
      ),
  }),
  guarded({
    method: "delete",
    path: PATH,
    group,
    summary: "Remove a tenant and its rules",
    description:
      "The tenant goes first, then its rules, in several versions when there are many. " +
      "If the answer does not come, send the request again: it removes what is left.",
    callers: ["management"],
    params: byId,
    answers: { 200: removedTenant },
    refusals: ["not_found"],
    handle: async (call) => {
      const { id } = call.params;
      const { tenant, rules_removed, policy_version } = await removeTenant(
        (operation) => call.transact(operation),
        id,
        call.id,
      );
      const was = tenant === null
        ? { id, name: null, metadata: {}, created_at: null }
        : renderTenant(tenant);
      return { status: 200, body: { ...was, removed: true, rules_removed, policy_version } };
    },
  }),
];
