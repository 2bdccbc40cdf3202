import assert from "node:assert/strict";
import fc from "fast-check";
import { runs } from "../helpers/property_runs.ts";
import { boundsOf, type Commit, Rows } from "./rows.ts";

const part = fc.oneof(
  fc.constantFrom("", "a", "b", "ab", "a\0", "a\0b", "é", "z", "😀", "\uffff"),
  fc.constantFrom(0, -0, 1, -1, 1.5, 1e300, -1e300, Infinity, -Infinity, 1767225600000),
  fc.boolean(),
  fc.uint8Array({ maxLength: 3 }),
);
const key = fc.array(part, { minLength: 1, maxLength: 3 });
const value = fc.oneof(fc.integer(), fc.string(), fc.record({ a: fc.array(fc.boolean()) }));
const step = fc.record({
  writes: fc.array(fc.record({ key, value: fc.option(value) }), { maxLength: 6 }),
  /** Of the keys written so far: which is checked, and whether by its true stamp. */
  checks: fc.array(fc.record({ at: fc.nat(), isTrue: fc.boolean() }), { maxLength: 2 }),
});

Deno.test("the rows of the simulation are those of Deno KV: order, ranges, checks", async () => {
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 8 }),
    fc.array(fc.record({ prefix: key, start: key, end: key, reverse: fc.boolean() }), {
      maxLength: 4,
    }),
    async (steps, ranges) => {
      using kv = await Deno.openKv(":memory:");
      const rows = new Rows();
      const written: Deno.KvKey[] = [];
      for (const { writes, checks } of steps) {
        const commit: Commit = { checks: [], writes: [], messages: [] };
        const operation = kv.atomic();
        for (const { at, isTrue } of checks) {
          const known = written[at % Math.max(written.length, 1)];
          if (known === undefined) continue;
          const no = isTrue ? null : "00000000000000000009";
          operation.check({ key: known, versionstamp: no ?? (await kv.get(known)).versionstamp });
          commit.checks.push({ key: known, versionstamp: no ?? rows.get(known).versionstamp });
        }
        for (const { key, value } of writes) {
          if (value === null) operation.delete(key);
          else operation.set(key, value);
          const set = value === null ? {} : { set: { value, expireIn: undefined } };
          commit.writes.push({ key, ...set });
          written.push(key);
        }
        if (writes.length === 0) continue;
        assert.equal(rows.commit(commit).ok, (await operation.commit()).ok);
      }
      for (const { prefix, start, end, reverse } of ranges) {
        for (const selector of [{ prefix }, { start, end }, { prefix: [] }]) {
          const { from, to } = boundsOf(selector);
          const ours = rows.range(from, to, Infinity, reverse);
          const theirs = await theirRange(kv, selector, reverse);
          if (theirs === null) continue;
          assert.deepEqual(ours.map(withoutStamp), theirs.map(withoutStamp));
        }
      }
      for (const key of written) {
        assert.deepEqual(withoutStamp(rows.get(key)), withoutStamp(await kv.get(key)));
      }
    },
  );
  await fc.assert(property, runs(40));
});

/** Null where Deno KV refuses the range, which nobody asks for. */
async function theirRange(kv: Deno.Kv, selector: Deno.KvListSelector, reverse: boolean) {
  try {
    return await Array.fromAsync(kv.list(selector, { reverse }));
  } catch (error) {
    assert.ok(error instanceof TypeError);
    return null;
  }
}

function withoutStamp({ key, value, versionstamp }: Deno.KvEntryMaybe<unknown>) {
  return { key, value, isThere: versionstamp !== null };
}

Deno.test("a commit beyond the limits of Deno KV is refused as there", () => {
  const rows = new Rows();
  const checks = Array.from({ length: 101 }, () => ({ key: ["a"], versionstamp: null }));
  const of = (fields: Partial<Commit>): Commit => ({
    checks: [],
    writes: [],
    messages: [],
    ...fields,
  });
  const large = { key: ["a"], set: { value: new Uint8Array(70_000), expireIn: undefined } };
  const many = Array.from({ length: 1001 }, () => ({ key: ["a"] }));
  for (const commit of [of({ checks }), of({ writes: [large] }), of({ writes: many })]) {
    assert.throws(() => rows.commit(commit), /too (large|many)/i);
  }
});
