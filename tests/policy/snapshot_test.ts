import assert from "node:assert/strict";
import fc from "fast-check";
import { draftToolRecord } from "../../lib/policy/draft_tool.ts";
import { Snapshot } from "../../lib/policy/snapshot.ts";
import { toolKey } from "../../lib/store/keys.ts";
import type { ToolRecord } from "../../lib/store/records/policy.ts";
import { runs } from "../helpers/property_runs.ts";

const ORG = "org_1";

/** A tool that comes, is another one, or goes: with a name among those of all upstreams, or without. */
const step = fc.record({
  tool: fc.nat(3),
  becomes: fc.constantFrom("gone", "own", "offered"),
  exposed: fc.nat(4),
});

Deno.test("which tool has a name among those of all upstreams is what a look at all tools tells", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const snapshot = new Snapshot(ORG);
      for (const { tool, becomes, exposed } of steps) {
        const holder = snapshot.exposedAs(`exposed${exposed}`);
        // Whoever writes a tool sees to it that its name is free.
        if (becomes === "offered" && holder !== undefined && holder !== `tool${tool}`) continue;
        snapshot.apply(toolKey(ORG, `tool${tool}`), recordOf(tool, becomes, exposed));
        for (let at = 0; at < 5; at++) {
          const found = [...snapshot.tools.values()]
            .find(({ upstream }) => upstream?.exposed_name === `exposed${at}`);
          assert.equal(snapshot.exposedAs(`exposed${at}`), found?.name);
        }
      }
    }),
    runs(100),
  );
});

function recordOf(tool: number, becomes: string, exposed: number): ToolRecord | null {
  if (becomes === "gone") return null;
  const record = draftToolRecord(`tool${tool}`, `tol_${tool}`, 0);
  if (becomes === "own") return record;
  return {
    ...record,
    upstream: {
      name: "notes",
      tool: `tool${tool}`,
      definition_digest: "sha256:0",
      generation: 1,
      exposed_name: `exposed${exposed}`,
      since: 0,
      drifted: false,
      first: true,
    },
  };
}
