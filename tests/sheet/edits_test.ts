import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { editIn, editsIn, pathIn, readMembers } from "../../lib/sheet/edits.ts";

const names = (object: JsonObject, named: string[] = []) =>
  readMembers(object, named).map((one) =>
    one.kind === "edit" ? one.edit.names.join("+") : one.name
  );

Deno.test("readMembers() takes the schema's order, then the received one, then short before long", () => {
  const long = "x".repeat(201);
  const args = { z: 1, note: long, a: 2, path: "p", extra: 3, b: 4 };
  assert.deepEqual(names(args, ["path", "note", "absent", "b"]), [
    "path",
    "b",
    "z",
    "a",
    "extra",
    "note",
  ]);
  assert.deepEqual(names(args), ["z", "a", "path", "extra", "b", "note"]);
  assert.deepEqual(names(JSON.parse('{"__proto__":1,"constructor":2}')), [
    "__proto__",
    "constructor",
  ]);
});

Deno.test("readMembers() puts an edit where its first member would stand, and loses no other", () => {
  assert.deepEqual(names({ path: "p", newText: "b", dryRun: false, oldText: "a" }), [
    "path",
    "oldText+newText",
    "dryRun",
  ]);
  const long = { old_string: "x".repeat(300), new_string: "y", path: "p" };
  assert.deepEqual(names(long), ["path", "old_string+new_string"]);
});

Deno.test("editIn() knows the names that tools use, of one object and for two texts alone", () => {
  for (
    const [before, after] of [
      ["old_text", "new_text"],
      ["oldText", "newText"],
      ["old_string", "new_string"],
      ["old_str", "new_str"],
      ["before", "after"],
      ["search", "replace"],
    ] as const
  ) {
    assert.deepEqual(editIn({ [after]: "b", [before]: "a" }), {
      names: [before, after],
      before: "a",
      after: "b",
    });
    assert.equal(editIn({ [before]: "a", [after]: 1 }), null);
    assert.equal(editIn({ [before]: "a" }), null);
  }
  assert.equal(editIn({ old_text: "a", newText: "b" }), null);
  // A range of dates is no edit.
  assert.equal(editIn({ after: "2026-01-01T00:00:00Z", before: "2026-02-01" }), null);
});

Deno.test("editsIn() is for lists of edits that say nothing else", () => {
  const edit = { oldText: "a", newText: "b" };
  assert.equal(editsIn([edit, edit])?.length, 2);
  assert.equal(editsIn([edit, { ...edit, replaceAll: true }]), null);
  assert.equal(editsIn([]), null);
});

Deno.test("pathIn() is the file that an object names in one line", () => {
  assert.equal(pathIn({ file_path: "a/b.ts" }), "a/b.ts");
  assert.equal(pathIn({ path: "a\nb" }), null);
  assert.equal(pathIn({ path: 5 }), null);
});
