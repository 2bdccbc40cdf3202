import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { existingCategory, putCategory, removeCategory } from "../../lib/catalog/categories.ts";
import { type CategoryRecord, categoryRecord } from "../../lib/store/records/policy.ts";
import {
  categoryName,
  permissionField,
  registeredCategoryName,
  removedAnswer,
  removedAs,
  writtenAnswer,
} from "../fields/catalog.ts";
import { versionAnswer } from "../fields/machine.ts";
import { pageAnswer, pageByName, pageQuery } from "../fields/paging.ts";
import { guarded, type Route } from "../http/route.ts";

const PATH = "/v1/categories/:name";

const group = "Configuration";

const byName = z.object({ name: categoryName });

const categoryBody = z.strictObject({
  default_permission: permissionField.nullable().default(null)
    .describe("What holds for its tools that have no default of their own"),
});

const writtenCategory = categoryRecord.extend(versionAnswer);

function renderCategory({ name, default_permission }: CategoryRecord): JsonObject {
  return { name, default_permission };
}

export const categoryRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/categories",
    group,
    summary: "List the categories by name",
    callers: ["management", "standard"],
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(categoryRecord) },
    handle: (call) =>
      call.transact({
        plan: ({ snapshot }) => {
          const all = [...snapshot.categories.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
          const { items, next_cursor } = pageByName(all, ({ name }) => name, call.query);
          return { status: 200, body: { data: items.map(renderCategory), next_cursor } };
        },
      }),
  }),
  guarded({
    method: "put",
    path: PATH,
    group,
    summary: "Make a category, or replace it",
    callers: ["management"],
    params: z.object({ name: registeredCategoryName }),
    body: categoryBody,
    answers: { 200: writtenCategory, 201: writtenCategory },
    handle: (call) =>
      call.commit(
        putCategory({ ...call.params, ...call.body }, call.id),
        (written) => writtenAnswer(written, renderCategory),
      ),
  }),
  guarded({
    method: "get",
    path: PATH,
    group,
    summary: "Read a category",
    callers: ["management", "standard"],
    params: byName,
    answers: { 200: categoryRecord },
    refusals: ["not_found"],
    handle: (call) =>
      call.transact({
        plan: (transaction) => ({
          status: 200,
          body: renderCategory(existingCategory(transaction, call.params.name)),
        }),
      }),
  }),
  guarded({
    method: "delete",
    path: PATH,
    group,
    summary: "Remove a category",
    description: "Its tools keep its name, and have no default by it any more.",
    callers: ["management"],
    params: byName,
    answers: { 200: writtenCategory.extend(removedAnswer) },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        removeCategory(call.params.name, call.id),
        (removed) => removedAs(removed, renderCategory),
      ),
  }),
];
