import assert from "node:assert/strict";
import { Countersign as Client } from "../../clients/typescript/src/mod.ts";
import { type ClaudeGuard, guarded } from "../../clients/typescript/src/claude.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";

/** What the Claude Agent SDK asks before a call, and after it, as it asks it. */

const CALL = { order_id: "order-17", amount: 5 };

/** A session that makes calls of `refund`, each under the name that the SDK gives it. */
function session({ hooks, canUseTool }: ClaudeGuard) {
  const { signal } = new AbortController();
  const told = (event: keyof typeof hooks, id: string, tool_input: unknown) => {
    const [{ hooks: [hook] = [], onFailure } = { hooks: [], onFailure: null }] = hooks[event];
    assert.equal(onFailure, "block");
    const input = { hook_event_name: event, session_id: "s-1", cwd: "/", tool_name: "refund" };
    return hook!({ ...input, tool_input }, id, { signal });
  };
  return {
    before: async (id: string, input: unknown = CALL) => {
      const { hookSpecificOutput } = await told("PreToolUse", id, input);
      assert.ok(hookSpecificOutput !== undefined);
      const { permissionDecision, permissionDecisionReason } = hookSpecificOutput;
      return permissionDecision === "ask" ? "ask" : JSON.parse(permissionDecisionReason).code;
    },
    may: async (id: string, input: Record<string, unknown> = CALL, tool = "refund") => {
      const answer = await canUseTool(tool, input, { signal, toolUseID: id });
      return answer.behavior === "allow" ? answer.updatedInput : JSON.parse(answer.message).code;
    },
    after: (id: string, event: "PostToolUse" | "PostToolUseFailure" = "PostToolUse") =>
      told(event, id, CALL),
  };
}

async function outcomes(org: TestOrg): Promise<string[]> {
  const { body } = await org.get("/v1/activity?type=execution.logged");
  return body.data.map(({ data }: { data: { execution_result: string } }) => data.execution_result);
}

async function consumed(org: TestOrg): Promise<number> {
  return (await org.get("/v1/activity?type=token.consumed")).body.data.length;
}

Deno.test("a session of the Claude Agent SDK runs what was authorized, as it was, once", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("claude/refund");
  await org.tool("claude/wipe", { default_permission: "disabled" });
  const client = new Client({ url: countersign.origin, key: await org.agent() });
  const { before, may, after } = session(guarded(client));

  // Never `allow`: the second question would not be asked then.
  assert.equal(await before("1"), "ask");
  assert.deepEqual(await may("1", { amount: 5, order_id: "order-17" }), CALL);
  assert.equal(await consumed(org), 1);
  await after("1");
  await after("1");
  assert.equal(await before("2"), "ask");
  assert.deepEqual(await may("2"), CALL);
  await after("2", "PostToolUseFailure");
  assert.deepEqual((await outcomes(org)).toSorted(), ["error", "success"]);

  // What another hook made of it, or of which tool.
  assert.equal(await before("3"), "ask");
  assert.equal(await may("3", { ...CALL, amount: 9999 }), "action_mismatch");
  assert.equal(await before("4"), "ask");
  assert.equal(await may("4", CALL, "wipe"), "action_mismatch");
  assert.equal(await consumed(org), 4);
  // A name that was used up, or that no hook was told of, is a call of its own.
  assert.deepEqual(await may("3"), CALL);
  assert.deepEqual(await may("5"), CALL);
  assert.equal(await consumed(org), 6);
  assert.equal(await may("6", CALL, "wipe"), "disabled");
});

Deno.test("a session whose guard breaks, or is asked about no call, runs nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("claude/refund", { default_permission: "requires_approval" });
  const client = new Client({ url: countersign.origin, key: await org.agent() });
  const fine = session(guarded(client));
  assert.equal(await fine.before("1"), "pending");
  assert.equal(await fine.may("1"), "pending");
  for (const odd of [null, "refund", [CALL]]) {
    assert.equal(await fine.before("2", odd), "guard_failed");
  }
  const broken = new Proxy(client, {
    get: () => () => {
      throw new TypeError("a secret");
    },
  });
  const bad = session(guarded(broken));
  assert.equal(await bad.before("3"), "guard_failed");
  assert.equal(await bad.may("3"), "guard_failed");
  const named = session(guarded(client, {
    toolName: () => {
      throw new TypeError("a secret");
    },
  }));
  assert.equal(await named.before("4"), "guard_failed");
  const reading = session(guarded(client, { reason: () => assert.fail("a secret") }));
  assert.equal(await reading.before("5"), "guard_failed");
});
