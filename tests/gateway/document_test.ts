import assert from "node:assert/strict";
import {
  type KeptDocument,
  listDocument,
  operationNow,
  operationsOf,
} from "../../lib/gateway/document.ts";
import { definitionDigest } from "../../lib/gateway/definition.ts";
import { takeOffers } from "../../lib/gateway/follow.ts";
import { refreshUpstream } from "../../lib/gateway/refresh.ts";
import { readDocument } from "../../lib/openapi/document.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import { upstreamDocumentKey } from "../../lib/store/gateway_keys.ts";
import { ApiOrg } from "../helpers/api_org.ts";
import { NOTES } from "../helpers/api_server.ts";
import { readOffers } from "../helpers/offered.ts";

/** The documents of HTTP APIs in the store, and what the catalog follows of them. */

Deno.test("a refresh of a document that was replaced meanwhile writes nothing more", async () => {
  await using it = await ApiOrg.start();
  const { services } = it.it.countersign;
  const { ledgers, deps } = services;
  const upstreamNow = () =>
    ledgers.transact(it.org.id, {
      plan: ({ snapshot }) => snapshot.upstreams.get("notes") ?? assert.fail("no upstream"),
    });
  const before = await upstreamNow();
  const { definitions } = await operationsOf(deps.kv, it.org.id, before);
  const listed = definitions.map((definition) => ({ name: `${definition["name"]}`, definition }));
  const late = listed.map(({ name, definition }) => ({
    name,
    definition: { ...definition, title: "Another" },
  }));
  const { offers } = readOffers(before, late);
  await it.put({ document: NOTES });
  const taken = await ledgers.transact(it.org.id, takeOffers(before, offers));
  assert.deepEqual(taken, { added: [], changed: [], refused: [] });
  const { version } = await ledgers.transact(it.org.id, { plan: ({ snapshot }) => snapshot });
  const refreshed = await refreshUpstream(services, it.org.id, "notes");
  assert.deepEqual(refreshed, { added: [], removed: [], changed: [] });
  const after = await ledgers.transact(it.org.id, { plan: ({ snapshot }) => snapshot });
  assert.equal(after.version, version, "what is followed already is not looked at again");
});

Deno.test("what was just read is listed as the store has it, and stands for no other document", async () => {
  await using it = await ApiOrg.start();
  const { services } = it.it.countersign;
  const { deps, ledgers } = services;
  const upstream = await ledgers.transact(it.org.id, {
    plan: ({ snapshot }) => snapshot.upstreams.get("notes") ?? assert.fail("no upstream"),
  });
  const read = await readDocument(NOTES, () => null);
  if (typeof read === "string") assert.fail(read);
  const listed = async (known: KeptDocument | null, operations?: string[]) => {
    const picked = operations === undefined ? upstream : { ...upstream, operations };
    const found = await listDocument(deps.kv, it.org.id, picked, known);
    if (found.is !== "listed") assert.fail(found.says);
    const { offers } = readOffers(upstream, found.tools);
    return JSON.stringify([offers, found.refused]);
  };
  const id = upstream.document!.id;
  for (const picked of [undefined, [read.operations[1]!.name]]) {
    const stored = await listed(null, picked);
    assert.equal(await listed({ ...read, id }, picked), stored);
    const other: KeptDocument = { ...read, operations: read.operations.slice(1), id: `${id}x` };
    assert.equal(await listed(other, picked), stored);
  }
  const inCatalog = (await it.tools()).map((tool) => String(tool["definition_digest"]));
  const digests = read.operations.map(({ definition }) => definitionDigest(upstream, definition));
  assert.deepEqual(inCatalog.sort(), digests.sort());
});

Deno.test("how a tool is asked counts for the definition that says so, and for no other", () => {
  const http = { method: "GET", path: "/", parameters: [], body: null } as const;
  const operation = { http: { ...http, parameters: [] }, url: "https://a.example", digest: "one" };
  const of = (definition_digest: string) => ({ upstream: { definition_digest } as never });
  assert.equal(operationNow(operation, of("one")), operation);
  assert.equal(operationNow(operation, of("two")), null);
});

Deno.test("pieces that no record ever named are removed in time, those of the document that counts are not", async () => {
  await using it = await ApiOrg.start();
  const { services, clock } = it.it.countersign;
  const { kv } = services.deps;
  const left = { id: "" };
  await services.ledgers.transact(it.org.id, {
    plan(transaction) {
      left.id = transaction.id("doc");
      const key = upstreamDocumentKey(it.org.id, "notes", left.id, 0);
      transaction.set(key, { operations: new Uint8Array([1]) });
    },
  });
  const ids = async () =>
    (await Array.fromAsync(kv.list({ prefix: ["upstream_document", it.org.id] })))
      .map(({ key }) => String(key[3]));
  clock.advance(20 * 60_000);
  await sweep(services, clock.now);
  assert.ok((await ids()).includes(left.id), "somebody may just be about to name it");
  clock.advance(60 * 60_000);
  await sweep(services, clock.now);
  const kept = await ids();
  assert.ok(kept.length > 0 && !kept.includes(left.id), kept.join());
});
