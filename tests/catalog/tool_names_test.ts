import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";
import { namesOf } from "./changes.ts";

const CHECK = "/v1/permissions/check";

Deno.test("The name of a tool cannot be taken for a path", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const names = ["a", "a/b/c", "A.b:c_d-e", "constructor", "__proto__", "x".repeat(128), "..."];
  for (const name of names) {
    const made = await org.manage("PUT", `/v1/tools/${name}`, {});
    assert.equal(made.status, 201, name);
    assert.equal(made.body.name, name);
  }
  const refused = ["/a", "a/", "a//b", "a/../b", "./a", "a/.", "..", "", "a b", "ä", "a\u200bb"];
  for (const name of [...refused, "x".repeat(129), "раypal"]) {
    const got = await org.manage("POST", "/v1/tools", { name });
    assertProblem(got, 422, "invalid_request", "/name");
  }
  for (const path of ["a//b", "a/", "a%20b", "%c3%a4", "a%2F%2E%2E%2Fb"]) {
    const got = await org.manage("PUT", `/v1/tools/${path}`, {});
    assertProblem(got, 422, "invalid_request", "/name");
  }
  assert.deepEqual(await namesOf(org, "/v1/tools", "name", 200), names.toSorted());
});

Deno.test("GET /v1/tools pages and filters", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (let i = 0; i < 7; i++) {
    await org.manage("PUT", `/v1/tools/tool_${i}`, {
      annotations_acknowledged: i % 2 === 0,
      category: i < 3 ? "first" : null,
    });
  }
  await org.post(CHECK, { tool_name: "found" });
  const all = ["found", ...Array.from({ length: 7 }, (_, i) => `tool_${i}`)];
  for (const limit of [1, 3, 8, 200]) {
    assert.deepEqual(await namesOf(org, "/v1/tools", "name", limit), all);
  }
  const filtered = (query: string) => namesOf(org, `/v1/tools?${query}`, "name", 2);
  assert.deepEqual(await filtered("category=first"), all.slice(1, 4));
  assert.deepEqual(await filtered("status=approved"), ["tool_0", "tool_2", "tool_4", "tool_6"]);
  assert.deepEqual(await filtered("discovered=true"), ["found"]);
  assert.deepEqual(await filtered("discovered=false&status=draft&category=first"), ["tool_1"]);
  for (const query of ["status=live", "discovered=yes", "category="]) {
    assertProblem(await org.get(`/v1/tools?${query}`), 422, "invalid_request");
  }
});
