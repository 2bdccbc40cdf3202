import assert from "node:assert/strict";
import { levelOfSelector } from "../../lib/policy/levels.ts";
import { LEVELS, RESOLVED_FROM } from "../../lib/store/records/vocabulary.ts";
import { aSelector } from "../helpers/policy_records.ts";

Deno.test("levelOfSelector() knows exactly the eight combinations, with or without a tenant", () => {
  const parts = ["resource_id", "tool_name", "method", "tag"] as const;
  const expected: Record<string, string> = {
    "resource_id+tool_name+method": "resource_tool_method",
    "resource_id+tool_name": "resource_tool",
    "resource_id+method": "resource_method",
    "resource_id": "resource",
    "tool_name+method": "tool_method",
    "tool_name": "tool",
    "method": "method",
    "tag": "tag",
  };
  for (let bits = 0; bits < 16; bits++) {
    const chosen = parts.filter((_, i) => bits & (1 << i));
    for (const tenant_id of [null, "a"]) {
      const selector = aSelector({
        tenant_id,
        ...Object.fromEntries(chosen.map((part) => [part, ""])),
      });
      assert.equal(levelOfSelector(selector)?.name, expected[chosen.join("+")]);
    }
  }
});

Deno.test("RESOLVED_FROM lists every origin once", () => {
  assert.equal(new Set(RESOLVED_FROM).size, RESOLVED_FROM.length);
  assert.equal(RESOLVED_FROM.length, 1 + 1 + 7 + 16 + 4 + 1 + 6 + 12);
});

Deno.test("LEVELS are named after their selector in both halves of the walk", () => {
  assert.deepEqual(
    LEVELS.map((level) => level.tenant),
    LEVELS.map((level) => `tenant_${level.name}`),
  );
  assert.deepEqual(LEVELS.map((level) => level.org), LEVELS.map((level) => `org_${level.name}`));
});
