import assert from "node:assert/strict";
import { sweep } from "../../lib/server/due_worker.ts";
import { migrate } from "../../lib/server/migrations.ts";
import { duePrefix, schemaVersionKey } from "../../lib/store/keys.ts";
import * as keys from "../../lib/store/mandate_keys.ts";
import type { MandateRecord } from "../../lib/store/records/mandate.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { BUNDLE, granted, shop } from "../helpers/mandates.ts";

/** Mandates in force are found by user, agent and org without looking through those that are over. */

const DAY_MS = 24 * 60 * 60 * 1000;

interface Page {
  readonly ids: string[];
  readonly next: string | null;
}

async function page(org: TestOrg, query: string): Promise<Page> {
  const { body } = await org.get(`/v1/mandates?${query}`);
  const ids = body.data.map(({ id }: { id: string }) => id);
  return { ids, next: body.next_cursor };
}

const active = async (org: TestOrg, query = "") =>
  (await page(org, `state=active&limit=100${query}`)).ids;

const revoke = (org: TestOrg, id: string) =>
  org.manage("POST", `/v1/mandates/${id}/revoke`, { by: "app" });

/** What finds mandates that are in force, and what is to be done when they are over. */
async function rows({ countersign: { services: { deps: { kv } } } }: TestOrg): Promise<string[]> {
  const found = await Array.fromAsync(
    kv.list({ prefix: ["mandate_in_force"] }),
    ({ key }) => key.slice(2).join(" "),
  );
  const due = kv.list<{ kind: string; id: string }>({ prefix: [...duePrefix()] });
  for await (const { value } of due) {
    if (value.kind === "mandate_over") found.push(`due ${value.id}`);
  }
  return found.sort();
}

const rowsOf = (
  id: string,
  user: string,
  agent = BUNDLE.agent,
) => [`agent ${agent} ${id}`, `due ${id}`, `org  ${id}`, `user ${user} ${id}`];

/** As many copies of a mandate that is over, each with what it is found by, between this and the next. */
async function bury({ countersign, id: org }: TestOrg, like: string, count: number) {
  const { services: { deps: { kv }, ids }, clock } = countersign;
  const { value } = await kv.get<MandateRecord>([...keys.mandateKey(org, like)]);
  assert.ok(value !== null);
  const ended = { state: "revoked", at: clock.now, by: null };
  for (let from = 0; from < count; from += 100) {
    const commit = kv.atomic();
    for (let i = 0; i < 100; i++) {
      const id = ids.make("mdt", clock.now);
      commit.set([...keys.mandateKey(org, id)], { ...value, id, ended })
        .set([...keys.mandateByUserKey(org, value.user_id, id)], { id })
        .set([...keys.mandateByAgentKey(org, value.agent, id)], { id });
    }
    assert.ok((await commit.commit()).ok);
  }
}

Deno.test("those in force are on one page, however many have ended between them", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const first = await granted(org);
  await bury(org, first, 1200);
  countersign.clock.advance(1);
  const last = await granted(org);
  for (
    const more of ["", "&user_id=u1", `&agent=${BUNDLE.agent}`, `&user_id=u1&agent=${BUNDLE.agent}`]
  ) {
    assert.deepEqual(await page(org, `state=active${more}`), { ids: [last, first], next: null });
  }
  assert.deepEqual(await page(org, "state=active&user_id=u2"), { ids: [], next: null });
  // Whoever wants those that ended looks through them, a page at a time.
  const { ids, next } = await page(org, "state=expired&user_id=u1");
  assert.deepEqual(ids, []);
  assert.notEqual(next, null);
});

Deno.test("a mandate is found while it is in force: revoked, replaced, expired or with its parent it goes", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const expires_at = new Date(countersign.clock.now + DAY_MS).toISOString();
  const [revoked, replaced, over, parent] = [
    await granted(org),
    await granted(org),
    await granted(org, { expires_at }),
    await granted(org),
  ];
  const made = async (of: string) => {
    const scopes = BUNDLE.scopes;
    const got = await org.manage("POST", "/v1/mandates", { parent: of, scopes });
    assert.equal(got.status, 201, got.text);
    return got.body.id as string;
  };
  const child = await made(parent);
  const grandchild = await made(child);
  const all = [grandchild, child, parent, over, replaced, revoked];
  assert.deepEqual(await active(org, "&user_id=u1"), all);
  assert.deepEqual(await rows(org), all.flatMap((id) => rowsOf(id, "u1")).sort());
  assert.deepEqual(await active(org, `&parent=${parent}`), [child]);

  await revoke(org, revoked);
  const next = await granted(org, { replaces: replaced });
  await revoke(org, parent);
  countersign.clock.advance(DAY_MS);
  // Whatever is still there to find them by, lists know what they are.
  assert.deepEqual(await active(org), [next]);
  assert.deepEqual((await page(org, "state=expired")).ids, [over]);
  await sweep(countersign.services, countersign.clock.now);
  assert.deepEqual(await rows(org), rowsOf(next, "u1"));
  assert.deepEqual(await active(org), [next]);
});

Deno.test("many that are over at once are forgotten together, and of other orgs none", async () => {
  await using countersign = await Countersign.start();
  const [org, other] = [await shop(await countersign.org()), await shop(await countersign.org())];
  const expires_at = new Date(countersign.clock.now + DAY_MS).toISOString();
  for (let i = 0; i < 120; i++) await granted(org, { expires_at });
  await granted(other, { expires_at });
  countersign.clock.advance(DAY_MS - 1);
  await sweep(countersign.services, countersign.clock.now);
  assert.equal((await rows(org)).length, 121 * 4);
  countersign.clock.advance(1);
  await sweep(countersign.services, countersign.clock.now);
  assert.deepEqual(await rows(org), []);
});

Deno.test("a cursor goes on where it was, whatever is granted and ended meanwhile", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const ids: string[] = [];
  for (let i = 0; i < 9; i++) ids.unshift(await granted(org));
  const seen: string[] = [];
  let cursor = "";
  for (let round = 0;; round++) {
    const { ids: some, next } = await page(org, `state=active&user_id=u1&limit=2${cursor}`);
    seen.push(...some);
    if (next === null) break;
    cursor = `&cursor=${next}`;
    // The very one that the cursor names ends, one that comes is left out, and a newer one comes.
    await revoke(org, some.at(-1) ?? "");
    if (round === 0) await revoke(org, ids[5] ?? "");
    await granted(org);
  }
  assert.deepEqual(seen, ids.toSpliced(5, 1));
});

Deno.test("a store from before is given what finds its mandates, once more where it was cut off", async () => {
  await using countersign = await Countersign.start();
  const { services: { deps: { kv } }, services } = countersign;
  const org = await shop(await countersign.org());
  const expires_at = new Date(countersign.clock.now + 1000).toISOString();
  const [ended] = [await granted(org), await granted(org, { expires_at })];
  await revoke(org, ended);
  const all: string[] = [];
  for (let i = 0; i < 105; i++) all.unshift(await granted(org, { user_id: "u2" }));
  countersign.clock.advance(1000);
  const forget = async (most: number) => {
    for (const prefix of [["mandate_in_force"], [...duePrefix()]]) {
      for await (const { key } of kv.list({ prefix }, { limit: most })) {
        await kv.atomic().delete(key).commit();
      }
    }
    await kv.set([...schemaVersionKey()], { version: 3 });
  };
  for (const most of [10_000, 50]) {
    await forget(most);
    await migrate(services);
    assert.deepEqual(await active(org, "&user_id=u2"), all.slice(0, 100));
    await sweep(services, countersign.clock.now);
    assert.deepEqual(await rows(org), all.flatMap((id) => rowsOf(id, "u2")).sort());
  }
});
