import assert from "node:assert/strict";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import {
  Countersign as Client,
  NotGenuine,
  verifiedClaims,
  verifiedEvent,
  verifiedReceipt,
} from "../../clients/typescript/src/mod.ts";
import { Countersign } from "../helpers/countersign.ts";
import { runs } from "../helpers/property_runs.ts";
import { eventful, receiptedEntries, receiptPath } from "../helpers/receipts.ts";

/** What the client believes of receipts and webhooks, in code that shares nothing with the service. */

type Json = Record<string, unknown>;

async function withLog(
  test: (at: {
    readonly client: Client;
    readonly ids: readonly string[];
    readonly keys: Parameters<typeof verifiedReceipt>[1];
    readonly read: (path: string) => Promise<Json>;
  }) => Promise<void>,
): Promise<void> {
  await using countersign = await Countersign.start();
  const org = await eventful(countersign);
  const url = `http://127.0.0.1:${countersign.server.addr.port}`;
  const client = new Client({ url, key: org.management });
  const entries = await receiptedEntries(countersign, org);
  const read = async (path: string) => (await org.get(path, org.management)).body;
  const keys = (await org.get(`/.well-known/countersign/keys/${org.id}`)).body;
  await test({
    client,
    read,
    keys,
    ids: entries.map(({ entry }) => receiptPath(entry).replace("/v1/receipts/", "")),
  });
}

Deno.test("every signed receipt is genuine, and its claims lead to an entry that is in the log", async () => {
  await withLog(async ({ client, ids }) => {
    assert.ok(ids.length > 10);
    for (const id of ids) {
      const { claims, trusted } = await client.receipts.signed(id);
      assert.equal(claims["receipt_id"], id);
      assert.equal(trusted, false);
    }
  });
});

Deno.test("a receipt of the log is genuine, and is trusted by keys that were kept alone", async () => {
  await withLog(async ({ client, keys, read }) => {
    const { data } = await read("/v1/activity?type=permission.checked") as { data: Json[] };
    for (const row of data) {
      const id = String((row["subject"] as Json)["decision"] ?? row["id"]);
      assert.equal((await client.receipts.get(id)).trusted, false);
      const { entry, trusted } = await client.receipts.get(id, keys);
      assert.equal(entry["type"], "permission.checked");
      assert.equal(trusted, true);
      await assert.rejects(client.receipts.get(id, { keys: [] }), NotGenuine);
    }
  });
});

/** Every place in a value where something can be changed. */
function places(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [[...path]];
  const below = Object.entries(value).flatMap(([name, of]) => places(of, [...path, name]));
  return below.length === 0 ? [[...path]] : below;
}

function changedAt(value: unknown, [name, ...rest]: readonly string[], to: unknown): unknown {
  if (name === undefined) return to;
  const copy = (Array.isArray(value) ? [...value] : { ...value as Json }) as Json;
  copy[name] = changedAt(copy[name], rest, to);
  return copy;
}

Deno.test("property: a receipt of the log that is changed anywhere that it speaks for is not genuine", async () => {
  await withLog(async ({ keys, read }) => {
    const { data: [row] } = await read("/v1/activity?type=permission.checked") as { data: Json[] };
    const id = String((row?.["subject"] as Json)["decision"] ?? row?.["id"]);
    const receipt = await read(`/v1/receipts/${id}`);
    // What stands beside the key says when it counted, which the trusted ones say for it.
    const all = places(receipt).filter(([part, member]) => part !== "key" || member === "x");
    const property = fc.asyncProperty(
      fc.constantFrom(...all),
      fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.boolean()),
      async (path, to) => {
        const changed = changedAt(receipt, path, to) as Json;
        if (JSON.stringify(changed) === JSON.stringify(receipt)) return;
        await assert.rejects(verifiedReceipt(changed, keys), NotGenuine, path.join("/"));
      },
    );
    await fc.assert(property, runs(300));
  });
});

Deno.test("property: a signed receipt of which a byte is changed is not genuine, nor by another's keys", async () => {
  await withLog(async ({ client, ids, read }) => {
    const { receipt, claims } = await client.receipts.signed(ids[0] ?? "");
    const org = claims["workspace_id"];
    const keys = await read(
      `/.well-known/countersign/receipt-keys/${org}`,
    ) as unknown as Parameters<
      typeof verifiedClaims
    >[1];
    await verifiedClaims(receipt, keys);
    await assert.rejects(verifiedClaims(receipt, { ...keys, workspace_id: "org_x" }), NotGenuine);
    const later = keys.keys.map((key) => ({ ...key, active_from: "2999-01-01T00:00:00.000Z" }));
    await assert.rejects(verifiedClaims(receipt, { ...keys, keys: later }), NotGenuine);
    const property = fc.asyncProperty(
      fc.constantFrom("protected", "payload", "signature"),
      fc.nat(),
      fc.constantFrom(..."AZaz09-_"),
      async (part, at, character) => {
        const text = String(receipt[part]);
        // The last character of Base64 has bits that say nothing.
        const place = at % (text.length - 1);
        if (text[place] === character) return;
        const changed = text.slice(0, place) + character + text.slice(place + 1);
        await assert.rejects(verifiedClaims({ ...receipt, [part]: changed }, keys), NotGenuine);
      },
    );
    await fc.assert(property, runs(300));
  });
});

Deno.test("a webhook is ours by its secret, its bytes and its time", async () => {
  const secret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
  const body = JSON.stringify({
    type: "approval.decided",
    timestamp: "2026-03-01T10:00:00.000Z",
    data: { approval: "apr_01" },
  });
  const at = new Date("2026-03-01T10:00:00.000Z");
  const now = at.getTime();
  const headers = {
    "webhook-id": "evt_01",
    "webhook-timestamp": String(now / 1000),
    "webhook-signature": `v1,AAAA ${new Webhook(secret).sign("evt_01", at, body)}`,
  };
  const bytes = new TextEncoder().encode(body);
  for (const form of [body, bytes]) {
    const event = await verifiedEvent(secret, headers, form, now);
    assert.deepEqual([event.id, event.type, event.data], ["evt_01", "approval.decided", {
      approval: "apr_01",
    }]);
  }
  await verifiedEvent(secret, new Headers(headers), body, now + 299_000);
  const wrong: readonly Parameters<typeof verifiedEvent>[] = [
    [secret, headers, `${body} `, now],
    [secret, headers, body, now + 301_000],
    [secret, headers, body, now - 301_000],
    [secret, { ...headers, "webhook-id": "evt_02" }, body, now],
    [secret, { ...headers, "webhook-timestamp": String(now / 1000 + 1) }, body, now],
    [secret, { ...headers, "webhook-signature": "" }, body, now],
    [secret, {}, body, now],
    [`whsec_${btoa("another secret, that is not ours")}`, headers, body, now],
  ];
  for (const [at, args] of wrong.entries()) {
    await assert.rejects(verifiedEvent(...args), NotGenuine, `case ${at}`);
  }
});
