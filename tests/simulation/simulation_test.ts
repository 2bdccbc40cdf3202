import assert from "node:assert/strict";
import { rounds } from "../helpers/property_runs.ts";
import { FAULT_NAMES } from "./faults.ts";
import { type Plan, run } from "./run.ts";

function plan(seed: number): Plan {
  return { seed, suffering_ms: 15_000, without: { faults: [], actors: [] } };
}

Deno.test("no seed breaks a promise", async () => {
  for (let seed = 1; seed <= rounds(3, 120); seed++) {
    const { broken } = await run(plan(seed));
    assert.deepEqual(broken, [], `seed ${seed}: deno task simulate --replay`);
  }
});

Deno.test("an old store that was brought back is noticed by whoever kept a checkpoint", async () => {
  const without = { faults: FAULT_NAMES, actors: [] };
  let last = "";
  const { broken, suffered_ms } = await run(
    { ...plan(9), without, restores: true },
    (_at, owner, what) => owner === "·" && (last = what),
  );
  assert.deepEqual([...new Set(broken.map(({ invariant }) => invariant))], ["the log only grows"]);
  // It ends at the very step that shows it.
  assert.match(last, / auditor checkpoint 200 $/);
  assert.ok(suffered_ms < 15_000);
});

Deno.test("a seed that is run again takes the very same steps", async () => {
  const short = (seed: number) => ({ ...plan(seed), suffering_ms: 5000 });
  const [first, second] = [await run(short(7)), await run(short(7))];
  assert.equal(first.trace, second.trace);
  assert.equal(first.steps, second.steps);
  assert.notEqual(first.trace, (await run(short(8))).trace);
});
