import fc from "fast-check";
import assert from "node:assert/strict";
import { z } from "zod";
import { Refusal } from "../../lib/refusal.ts";
import { decodeCursor, encodeCursor, pageByName } from "../../routes/fields/paging.ts";
import { Countersign } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";

const parts = z.array(z.union([z.string(), z.int()]));

Deno.test("decodeCursor() gives back what encodeCursor() took", () => {
  const character = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code));
  const part = fc.oneof(fc.string({ unit: character }), fc.maxSafeInteger());
  fc.assert(fc.property(fc.array(part), (given) => {
    const text = encodeCursor(given);
    assert.match(text, /^[A-Za-z0-9_-]+$/);
    assert.deepEqual(decodeCursor(text, parts), given);
  }));
});

Deno.test("decodeCursor() refuses what is no cursor of the list", () => {
  const malformed = [
    "",
    "*",
    "aaaaa",
    "AAAA",
    encodeCursor([1]),
    encodeCursor(["a", "b"]),
    "bnVsbA",
  ];
  for (const text of malformed) {
    assert.throws(
      () => decodeCursor(text, z.tuple([z.string()])),
      (error) => error instanceof Refusal && error.code === "invalid_request",
      text,
    );
  }
});

Deno.test("pageByName() walks a list once, whatever the size of its pages", () => {
  const list = fc.uniqueArray(fc.string()).map((names) => names.sort());
  fc.assert(fc.property(list, fc.integer({ min: 1, max: 5 }), (names, limit) => {
    const seen: string[] = [];
    let cursor: string | undefined;
    for (;;) {
      const { items, next_cursor } = pageByName(names, (name) => name, { limit, cursor });
      seen.push(...items);
      if (next_cursor === null) break;
      assert.equal(items.length, limit);
      cursor = next_cursor;
    }
    assert.deepEqual(seen, names);
  }));
});

Deno.test("A list refuses limits and cursors that do not fit", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const lists = ["tools", "categories", "tenants", "resources", "rules", "members"];
  for (const list of lists) {
    for (const limit of ["0", "201", "-1", "1.5", "1e2", "", "all", "0x10"]) {
      assertProblem(await org.get(`/v1/${list}?limit=${limit}`), 422, "invalid_request", "/limit");
    }
    for (const cursor of ["", "*", "W10", encodeCursor([7]), encodeCursor(["a", "b"])]) {
      const got = await org.get(`/v1/${list}?cursor=${cursor}`);
      assertProblem(got, 422, "invalid_request", "/cursor");
    }
    const twice = await org.get(`/v1/${list}?limit=1&limit=2`);
    assertProblem(twice, 422, "invalid_request", "/limit");
    assertProblem(await org.get(`/v1/${list}?sort=name`), 422, "invalid_request");
    // Well formed, though no list ever gave it: it can only choose a place in one's own list.
    for (const forged of ["\ud800", "\0", "__proto__", "\u{10ffff}".repeat(200)]) {
      const got = await org.get(`/v1/${list}?cursor=${encodeCursor([forged])}`);
      assert.equal(got.status, 200, got.text);
    }
  }
});
