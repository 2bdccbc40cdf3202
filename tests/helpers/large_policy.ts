import assert from "node:assert/strict";
import type { Got } from "./countersign.ts";
import type { Kv } from "../../lib/store/kv.ts";

/** A policy of as many tools and rules as a test wants, one category, one tenant and one resource. */
export class LargePolicy {
  constructor(readonly tools: number, readonly rules: number) {}

  /** How many rows it has. */
  get rows(): number {
    return this.tools + this.rules + 3;
  }

  /** What a `PUT /v1/policy` takes. */
  document() {
    return {
      tools: Array.from({ length: this.tools }, (_, i) => ({
        name: `tool_${i}`,
        description: `Does the thing of number ${i}, for all who ask.`,
        annotations_acknowledged: true,
        default_permission: "allowed",
      })),
      categories: [{ name: "reading", default_permission: "allowed" }],
      tenants: [{ id: "acme", name: "Acme" }],
      resources: [{ id: "server-1", type: "server" }],
      rules: Array.from({ length: this.rules }, (_, i) => this.#rule(i)),
    };
  }

  /** Asserts that an answer of `GET /v1/policy` is this policy, whole, besides archived tools. */
  assertIs({ status, body }: Got): void {
    assert.equal(status, 200);
    const inUse = body.tools.filter((tool: { status: string }) => tool.status !== "archived");
    const names = inUse.map(({ name }: { name: string }) => name);
    const expected = this.document();
    assert.deepEqual(names, expected.tools.map(({ name }) => name).sort());
    const selectors = (rules: { selector: Record<string, string>; permission: string }[]) =>
      rules.map(({ selector, permission }) =>
        [selector.tool_name, selector.method, permission].join(" ")
      ).sort();
    assert.deepEqual(selectors(body.rules), selectors(expected.rules));
    assert.deepEqual(body.tenants.map(({ id }: { id: string }) => id), ["acme"]);
    assert.deepEqual(body.resources.map(({ id }: { id: string }) => id), ["server-1"]);
    assert.deepEqual(body.categories.length, 1);
  }

  #rule(i: number) {
    const selector = i < 5 ? { tool_name: `tool_${i}` } : {
      tool_name: `tool_${i % this.tools}`,
      method: `METHOD_${i}`,
    };
    return { selector, permission: i === 2 ? "disabled" : "allowed", note: `number ${i}` };
  }
}

/** How many rows of an org's policy lie in the store, in whatever generation. */
export async function policyRows(kv: Kv, org: string): Promise<number> {
  let count = 0;
  const kinds = ["tool", "category", "tenant", "resource", "rule", "policy_row"];
  for (const kind of [...kinds, "policy_generation"]) {
    for await (const _ of kv.list({ prefix: [kind, org] })) count++;
  }
  return count;
}
