import assert from "node:assert/strict";
import { broken, MUTANTS, testFiles } from "../../tools/mutants.ts";
import { PROJECT, projectText } from "../helpers/project_files.ts";

/** The rooms that security rests on. */
const ROOMS = [
  "upstreams",
  "vault",
  "gateway",
  "calls",
  "mcp",
  "socket",
  "channels",
  "endpoints",
  "webhooks",
  "server",
  "decisions",
  "guards",
  "mandates",
  "granting",
  "confirming",
  "receipts",
  "verify",
  "events",
  "policy",
  "approvals",
  "authorize",
  "catalog",
  "leaving",
  "tokens",
  "identity",
  "people",
  "oauth",
  "ledger",
  "outside",
  "passkeys",
  "sheet",
  "allowly",
  "http",
  // The package of the TypeScript client, with its commands.
  "typescript",
  "openapi",
];

Deno.test("every mutant breaks one line that is there, once", async () => {
  for (const mutant of MUTANTS) {
    const source = await projectText(mutant.file);
    assert.notEqual(broken(source, mutant), source, mutant.guard);
  }
});

Deno.test("every mutant names tests that there are", async () => {
  for (const mutant of MUTANTS) {
    assert.notEqual(mutant.tests.length, 0, mutant.guard);
    for (const file of testFiles(mutant)) await Deno.stat(new URL(file, PROJECT));
  }
});

Deno.test("each guard has one mutant, and each room has some", () => {
  assert.equal(new Set(MUTANTS.map(({ guard }) => guard)).size, MUTANTS.length);
  const rooms = new Set(MUTANTS.map(({ file }) => file.split("/")[1]));
  assert.deepEqual([...rooms].toSorted(), ROOMS.toSorted());
});

Deno.test("a line that is not there, or there twice, is no mutant", () => {
  const [mutant] = MUTANTS;
  assert(mutant !== undefined);
  assert.throws(() => broken("", mutant), /has 0 times/);
  assert.throws(() => broken(mutant.find.repeat(2), mutant), /has 2 times/);
  // What a replacement is made of is text, not a pattern.
  assert.equal(broken("a", { ...mutant, find: "a", replace: "$&$&" }), "$&$&");
});
