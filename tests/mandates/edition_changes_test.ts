import assert from "node:assert/strict";
import { scopeChanges } from "../../lib/mandates/edition_changes.ts";
import type { Definition, Scope } from "../../lib/store/records/mandate.ts";

const scope = (name: string, fields: Partial<Scope> = {}): Scope => ({
  name,
  decision: "allow",
  resources: null,
  conditions: [],
  ...fields,
});

const edition = (...scopes: Scope[]): Definition => ({
  agent: "a",
  default_expiry_seconds: null,
  scopes,
});

Deno.test("scopeChanges() tells what came, what went and what became another, and nothing else", () => {
  const before = edition(scope("kept"), scope("gone", { decision: "deny" }), scope("changed"));
  const changed = scope("changed", {
    decision: "escalate",
    resources: ["order-*"],
    limits: { max_per_day: 5 },
  });
  const after = edition(scope("new"), changed, scope("kept"));
  assert.deepEqual(scopeChanges(before, after), [
    { name: "new", before: null, after: "allow", parts: [] },
    { name: "changed", before: "allow", after: "escalate", parts: ["resources", "limits"] },
    { name: "gone", before: "deny", after: null, parts: [] },
  ]);
  assert.deepEqual(scopeChanges(after, after), []);
  assert.deepEqual(
    scopeChanges(edition(scope("a"), scope("b")), edition(scope("b"), scope("a"))),
    [],
  );
});

Deno.test("scopeChanges() sees a change of conditions or budget alone", () => {
  const when = [{ field: "/amount", op: "gt", value: 5 }] as const;
  const cases: [Partial<Scope>, string][] = [
    [{ conditions: [{ when: [...when], decision: "deny" }] }, "conditions"],
    [{
      budget: {
        limit_micros: 1,
        period: "day",
        ask_above_micros: null,
        min_estimate_micros: 0,
      },
    }, "budget"],
  ];
  for (const [fields, part] of cases) {
    const [change] = scopeChanges(edition(scope("t")), edition(scope("t", fields)));
    assert.deepEqual(change?.parts, [part]);
  }
});
