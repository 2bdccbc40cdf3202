import { z } from "zod";
import {
  archiveBundle,
  existingBundle,
  listBundles,
  loadBundle,
  publishBundle,
} from "../../lib/mandates/bundle.ts";
import { invalidRequest } from "../../lib/refusal.ts";
import {
  bundleAnswer,
  bundleBody,
  bundleId,
  definitionOf,
  renderBundle,
} from "../fields/mandate.ts";
import { pageAnswer, pageById, pageQuery } from "../fields/paging.ts";
import { guarded, type Route } from "../http/route.ts";

const group = "Mandates";

const PATH = "/v1/bundles/:id";

const byId = z.object({ id: bundleId });

const published = bundleAnswer.extend({
  audit: z.object({ index: z.int(), leaf_hash: z.string() }).nullable()
    .describe("Null where the newest edition says the same"),
});

/** The number of the newest edition as its author knows it. @throws {Refusal} invalid_request */
function expectedEdition(headers: Headers): number | null {
  const text = headers.get("if-match")?.trim();
  if (text === undefined) return null;
  const number = /^"([0-9]{1,9})"$/.exec(text)?.[1];
  if (number === undefined) {
    throw invalidRequest("/if-match", 'must be the newest edition in quotes, as in "3"');
  }
  return Number(number);
}

export const bundleRoutes: readonly Route[] = [
  guarded({
    method: "put",
    path: PATH,
    group,
    summary: "Publish an edition of a bundle",
    description:
      "What mandates are made of. An edition never changes: another content is another " +
      "edition, and mandates on those before mean what they meant. The content of the newest " +
      "edition again answers 200 with that edition. `If-Match` has the newest edition as you know " +
      'it, `"0"` for none.',
    callers: ["management"],
    params: byId,
    body: bundleBody,
    answers: { 200: published, 201: published },
    refusals: ["bundle_edition_exists"],
    handle: (call) => {
      const { description = null, ...definition } = call.body;
      const given = { definition: definitionOf(definition), description };
      const expected = expectedEdition(call.request.headers);
      return call.commit(
        publishBundle(call.params.id, given, expected, call.id),
        ({ created, audit, ...read }) => ({
          status: created ? 201 : 200,
          body: { ...renderBundle(read), audit: audit === null ? null : { ...audit } },
        }),
      );
    },
  }),
  guarded({
    method: "get",
    path: "/v1/bundles",
    group,
    summary: "List the bundles by id, each with its newest edition",
    callers: ["management", "standard"],
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(bundleAnswer) },
    handle: async (call) => {
      const { items, next_cursor } = await pageById(
        async (span) => {
          const read = await call.transact({
            load: (reader) => listBundles(reader, span),
            plan: (_transaction, _caller, read) => read,
          });
          return read.map((one) => ({ id: one.bundle.id, read: one }));
        },
        call.query,
      );
      return {
        status: 200,
        body: { data: items.map(({ read }) => renderBundle(read)), next_cursor },
      };
    },
  }),
  guarded({
    method: "get",
    path: PATH,
    group,
    summary: "Read a bundle, with its newest edition or the one that is named",
    callers: ["management", "standard"],
    params: byId,
    query: z.strictObject({
      edition: z.string().regex(/^[1-9][0-9]{0,8}$/, "must be the number of an edition")
        .transform(Number).optional(),
    }),
    answers: { 200: bundleAnswer },
    refusals: ["not_found"],
    handle: async (call) => {
      const { id } = call.params;
      const read = await call.transact({
        load: (reader) => loadBundle(reader, id, call.query.edition ?? null),
        plan: (_transaction, _caller, read) => existingBundle(read, id),
      });
      return { status: 200, body: renderBundle(read) };
    },
  }),
  guarded({
    method: "delete",
    path: PATH,
    group,
    summary: "Archive a bundle",
    description: "No mandate is made of it any more; those that there are go on.",
    callers: ["management"],
    params: byId,
    answers: { 200: bundleAnswer },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(archiveBundle(call.params.id, call.id), (read) => ({
        status: 200,
        body: renderBundle(read),
      })),
  }),
];
