import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import {
  changeResource,
  listResources,
  putResource,
  readResource,
  removeResource,
} from "../../lib/catalog/resources.ts";
import type { ResourceRecord } from "../../lib/store/records/policy.ts";
import { registeredResourceId, resourceId } from "../fields/action.ts";
import {
  displayName,
  metadataAnswer,
  metadataField,
  removedAnswer,
  removedAs,
  resourceType,
  writtenAnswer,
} from "../fields/catalog.ts";
import { timeText, versionAnswer } from "../fields/machine.ts";
import { pageAnswer, pageById, pageQuery } from "../fields/paging.ts";
import { guarded, type Route } from "../http/route.ts";

const PATH = "/v1/resources/:id";

const group = "Configuration";

const byId = z.object({ id: resourceId });

const resourceBody = z.strictObject({
  name: displayName.default(null),
  type: resourceType.default(null),
  metadata: metadataField.default(() => ({})),
});

const resourceChange = z.strictObject({
  name: displayName.exactOptional(),
  type: resourceType.exactOptional(),
  metadata: metadataField.exactOptional(),
});

const resourceAnswer = z.object({
  id: z.string(),
  name: z.string().nullable(),
  type: z.string().nullable(),
  metadata: metadataAnswer,
  created_at: z.iso.datetime(),
});

const writtenResource = resourceAnswer.extend(versionAnswer);

function renderResource({ id, name, type, metadata, created_at }: ResourceRecord): JsonObject {
  return { id, name, type, metadata, created_at: timeText(created_at) };
}

export const resourceRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/resources",
    group,
    summary: "List the resources by id",
    callers: ["management", "standard"],
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(resourceAnswer) },
    handle: async (call) => {
      const { services: { deps: { kv } }, org, query } = call;
      const { items, next_cursor } = await pageById(
        (span) => listResources(kv, org, span),
        query,
      );
      return { status: 200, body: { data: items.map(renderResource), next_cursor } };
    },
  }),
  guarded({
    method: "put",
    path: PATH,
    group,
    summary: "Register a resource, or replace what is said of it",
    callers: ["management"],
    params: z.object({ id: registeredResourceId }),
    body: resourceBody,
    answers: { 200: writtenResource, 201: writtenResource },
    handle: (call) =>
      call.commit(
        putResource(call.params.id, call.body, call.id),
        (written) => writtenAnswer(written, renderResource),
      ),
  }),
  guarded({
    method: "get",
    path: PATH,
    group,
    summary: "Read a resource",
    callers: ["management", "standard"],
    params: byId,
    answers: { 200: resourceAnswer },
    refusals: ["not_found"],
    handle: async (call) => {
      const record = await call.transact(readResource(call.params.id));
      return { status: 200, body: renderResource(record) };
    },
  }),
  guarded({
    method: "patch",
    path: PATH,
    group,
    summary: "Change named members of a resource",
    callers: ["management"],
    params: byId,
    body: resourceChange,
    answers: { 200: writtenResource },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        changeResource(call.params.id, call.body, call.id),
        (written) => writtenAnswer(written, renderResource),
      ),
  }),
  guarded({
    method: "delete",
    path: PATH,
    group,
    summary: "Remove a resource",
    description: "Rules that name it stay: a rule may name what is not registered.",
    callers: ["management"],
    params: byId,
    answers: { 200: writtenResource.extend(removedAnswer) },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        removeResource(call.params.id, call.id),
        (removed) => removedAs(removed, renderResource),
      ),
  }),
];
