import assert from "node:assert/strict";
import { projectText, sourceFiles } from "../helpers/project_files.ts";

/**
 * What a mandate leaves of an answer is computed from what was read, by modules without a store, a clock
 * or chance of their own, and what the policy says becomes a decision in one place.
 */

const PURE = ["lib/mandates/budget.ts", "lib/mandates/conditions.ts", "lib/mandates/narrow.ts"];

/** What these take their functions from; types are of no effect. */
const TAKEN_FROM = [
  "../base/json.ts",
  "../ledger/clock.ts isOver",
  "../policy/facts.ts isOnlyStated",
  "../policy/levels.ts stricter",
  "../policy/trace.ts namedStep",
  "../store/records/mandate.ts",
  "../store/records/vocabulary.ts",
  "./conditions.ts",
];

const IMPURE =
  /\b(?:async|await|Promise|Deno|process|performance|crypto|fetch|setTimeout|queueMicrotask|console)\b|Date\.now|new Date\(\)|Math\.random|\bimport\(|"node:/;

/** Imports of values: `from name, name`. */
function valuesOf(text: string): string[] {
  return [...text.matchAll(/^import (type )?(?:\{([^}]*)\}|\S+)? ?(?:from )?"([^"]+)";/gm)]
    .filter(([, type]) => type === undefined)
    .flatMap(([, , names = "", from = ""]) => {
      const values = names.split(",").map((name) => name.trim())
        .filter((name) => name !== "" && !name.startsWith("type "));
      return values.map((name) => `${from} ${name}`);
    });
}

/** The code alone. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*.*?\*\//gs, "").replaceAll(/\/\/.*$/gm, "");
}

Deno.test("what a mandate leaves of an answer, its conditions and its budget are computed purely", async () => {
  for (const path of PURE) {
    const text = withoutComments(await projectText(path));
    assert.doesNotMatch(text, IMPURE, path);
    for (const taken of valuesOf(text)) {
      const isKnown = TAKEN_FROM.some((known) => taken === known || taken.startsWith(`${known} `));
      assert.ok(isKnown, `${path} takes ${taken}, which is not known to be pure`);
    }
  }
  // The rules know what they look for when they see it.
  for (const text of ["await x", "Date.now()", "new Date()", 'import "node:fs"', "Math.random()"]) {
    assert.match(text, IMPURE);
  }
  assert.deepEqual(
    valuesOf('import type { A } from "./a.ts";\nimport { b, type C } from "./b.ts";'),
    [
      "./b.ts b",
    ],
  );
});

/** Where the policy's answer is asked for, and what becomes of it there. */
const RESOLVES: Readonly<Record<string, string>> = {
  "lib/authorize/authorize.ts": "whether to read what was asked before",
  "lib/calls/begin_call.ts": "whether to read what people approved",
  "lib/calls/run_call.ts": "whether to connect beforehand",
  "lib/decisions/decide.ts": "the decision",
  "lib/decisions/explain.ts": "what would be decided, for whoever only looks",
  "lib/policy/rule_matrix.ts": "what would be decided, for a table of the rules",
  "lib/tokens/standing.ts": "whether a token is void by now",
  "routes/mcp/caller.ts": "which tools are shown",
};

Deno.test("what the policy says becomes a decision in one place, and a mandate narrows it there and for who looks", async () => {
  const callers: Record<"resolve" | "narrow" | "budgeted", string[]> = {
    resolve: [],
    narrow: [],
    budgeted: [],
  };
  for (const path of [...await sourceFiles("lib/"), ...await sourceFiles("routes/")]) {
    const text = withoutComments(await projectText(path));
    const taken = valuesOf(text);
    const takes = (name: string, from: RegExp) =>
      taken.some((one) => one.endsWith(` ${name}`) && from.test(one)) &&
      new RegExp(`\\b${name}\\(`).test(text);
    if (takes("resolve", /(?:policy|\.)\/chain\.ts /)) callers.resolve.push(path);
    if (takes("narrow", /mandates\/narrow\.ts /)) callers.narrow.push(path);
    if (takes("budgeted", /mandates\/spending\.ts /)) callers.budgeted.push(path);
  }
  assert.deepEqual(callers.resolve, Object.keys(RESOLVES));
  const narrowing = ["lib/decisions/explain.ts", "lib/decisions/under_mandate.ts"];
  assert.deepEqual(callers.narrow, narrowing);
  assert.deepEqual(callers.budgeted, narrowing);
  const decided = withoutComments(await projectText("lib/decisions/decide.ts"));
  assert.equal(decided.match(/type: "permission\.checked"/g)?.length, 1);
});
