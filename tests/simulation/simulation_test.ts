import assert from "node:assert/strict";
import { rounds } from "../helpers/property_runs.ts";
import { FAULT_NAMES } from "./faults.ts";
import { judge } from "./judge.ts";
import { type Plan, run } from "./run.ts";

function plan(seed: number): Plan {
  return { seed, suffering_ms: 15_000, without: { faults: [], actors: [] } };
}

Deno.test("no seed breaks a promise", async () => {
  for (let seed = 1; seed <= rounds(3, 120); seed++) {
    assert.deepEqual(judge(await run(plan(seed))), [], `seed ${seed}: deno task simulate --replay`);
  }
});

Deno.test("an old store that was brought back is noticed by whoever kept a checkpoint", async () => {
  const without = { faults: FAULT_NAMES, actors: [] };
  const broken = judge(await run({ ...plan(9), without, restores: true }));
  assert.ok(broken.some(({ invariant }) => invariant === "the log only grows"));
});

Deno.test("a seed that is run again takes the very same steps", async () => {
  const [first, second] = [await run(plan(7)), await run(plan(7))];
  assert.equal(first.trace, second.trace);
  assert.equal(first.steps, second.steps);
  assert.notEqual(first.trace, (await run(plan(8))).trace);
});
