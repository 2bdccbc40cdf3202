import assert from "node:assert/strict";
import { Grounds } from "../../lib/ledger/grounds.ts";

Deno.test("a ground bears what was made of it until something shifts all of it", () => {
  const grounds = new Grounds();
  const one = grounds.lay(["a", "b"]);
  const other = grounds.lay(["c"]);
  assert.ok(grounds.bear(one) && grounds.bear(other));
  assert.deepEqual([...grounds.texts], ["a", "b", "c"]);
  grounds.shift();
  assert.ok(!grounds.bear(one) && !grounds.bear(other));
  assert.equal(grounds.texts.size, 0);
  const again = grounds.lay(["a", "b"]);
  assert.ok(grounds.bear(again) && !grounds.bear(one));
  grounds.shift();
  assert.ok(!grounds.bear(again));
});

Deno.test("grounds of one organization bear nothing of another's, and however many are laid, what they take is bounded", () => {
  const grounds = new Grounds();
  const first = grounds.lay(["a"]);
  assert.ok(!new Grounds().bear(first));
  for (let i = 0; i < 30_000 && grounds.bear(first); i++) grounds.lay([`row ${i}`]);
  assert.ok(!grounds.bear(first));
});
