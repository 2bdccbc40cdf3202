import assert from "node:assert/strict";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { answerLike } from "./scripted_service.ts";
import { type Sitting, Terminal } from "./terminal.ts";

/** What hosts are answered before their tools run: 0 for one call, once, and 2 for everything else. */

const CALL = {
  session_id: "s-1",
  cwd: "/work",
  hook_event_name: "PreToolUse",
  tool_name: "Bash",
  tool_input: { command: "ls", description: "List files" },
};

interface Setting {
  readonly org: TestOrg;
  readonly hook: (
    call?: unknown,
    sitting?: Sitting,
    ...words: string[]
  ) => ReturnType<Terminal["run"]>;
}

async function withHook(permission: string, test: (setting: Setting) => Promise<void>) {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("claude/Bash", { default_permission: permission });
  await org.tool("codex/Bash", { default_permission: permission });
  await org.member("ann@example.com");
  await using terminal = await Terminal.at({
    COUNTERSIGN_URL: countersign.origin,
    COUNTERSIGN_KEY: await org.agent(),
  });
  const hook: Setting["hook"] = (call = CALL, sitting = {}, ...words) => {
    const input = typeof call === "string" ? call : JSON.stringify(call);
    const said = words.length === 0 ? ["claude"] : words;
    return terminal.run(["hook", ...said], { input, ...sitting });
  };
  await test({ org, hook });
}

async function count(org: TestOrg, type: string): Promise<number> {
  return (await org.get(`/v1/activity?type=${type}`)).body.data.length;
}

Deno.test("a hook answers 0 for a call whose token it has used up", async () => {
  await withHook("allowed", async ({ org, hook }) => {
    const { code, out, err } = await hook();
    assert.equal(code, 0, err);
    const { hookSpecificOutput } = JSON.parse(out);
    assert.equal(hookSpecificOutput.hookEventName, "PreToolUse");
    assert.equal(hookSpecificOutput.permissionDecision, "allow");
    assert.match(hookSpecificOutput.permissionDecisionReason, /rtk_/);
    const [consumed] = (await org.get("/v1/activity?type=token.consumed")).body.data;
    assert.ok(hookSpecificOutput.permissionDecisionReason.includes(consumed.subject.token));

    const codex = await hook(CALL, {}, "codex");
    assert.deepEqual([codex.code, JSON.parse(codex.out)], [0, {}]);
    assert.equal(await count(org, "token.consumed"), 2);
  });
});

Deno.test("a hook that asks a person answers 2 with where they decide, and goes on after a yes", async () => {
  await withHook("requires_approval", async ({ org, hook }) => {
    const held = await hook(CALL, {}, "claude", "--wait", "0");
    assert.equal(held.code, 2);
    assert.equal(held.out, "");
    assert.match(
      held.err,
      /Bash did not run: REF-\S+ waits for a person: http.* \(pending\)\nTell the user .*make this call again/,
    );
    const [pending] = (await org.get("/v1/approvals?status=pending", org.approver)).body.data;
    assert.equal(pending.reason, "Claude Code calls Bash: List files");
    assert.deepEqual(pending.arguments, CALL.tool_input);
    const body = { decision: "approve", decided_by: "ann@example.com" };
    assert.equal(
      (await org.post(`/v1/approvals/${pending.id}/decide`, body, org.approver)).status,
      200,
    );
    // The yes is for these arguments.
    const other = { ...CALL, tool_input: { command: "rm -rf /", description: "List files" } };
    assert.equal((await hook(other, {}, "claude", "--wait", "0")).code, 2);
    assert.equal((await hook(CALL, {}, "claude", "--wait", "0")).code, 0);
    assert.equal((await hook(CALL, {}, "claude", "--wait", "0")).code, 2);
  });
});

Deno.test("a hook answers 2 for what is disabled, wrong use, and input that is no call", async () => {
  await withHook("disabled", async ({ hook }) => {
    assert.equal((await hook()).code, 2);
    const calls: unknown[] = [
      "",
      "{",
      "null",
      [],
      { ...CALL, hook_event_name: "PostToolUse" },
      { ...CALL, tool_name: 1 },
      { ...CALL, tool_name: "a b" },
      { ...CALL, tool_name: "claude/../Bash" },
      { ...CALL, tool_input: null },
      { ...CALL, tool_input: ["ls"] },
    ];
    for (const call of calls) {
      const { code, out } = await hook(call);
      assert.deepEqual([code, out], [2, ""], JSON.stringify(call));
    }
    const uses = [
      ["cursor"],
      ["claude", "codex"],
      ["claude", "--wait", "541"],
      ["claude", "--waitt", "1"],
      ["claude", "--help"],
      ["--help"],
      ["claude", "--", "ls"],
      ["claude", "--url", "http://countersign.example"],
    ];
    for (const words of uses) {
      const { code, out, err } = await hook(CALL, {}, ...words);
      assert.deepEqual([code, out], [2, ""], words.join(" "));
      // Said before anybody was asked.
      assert.doesNotMatch(err, /Bash did not run/);
    }
  });
});

/** Pauses between tries pass at once; limits do not. */
const IMPATIENT = {
  after: (milliseconds: number, then: () => void) => {
    if (milliseconds > 2000) return () => {};
    const timer = setTimeout(then, 0);
    return () => clearTimeout(timer);
  },
};

Deno.test("a hook answers 2 whatever the server does, or is not", async () => {
  await withHook("allowed", async ({ org, hook }) => {
    const check = answerLike("allowed", { token: "cs_run_x", token_id: "rtk_x" });
    assert.equal(check["permission"], "allowed");
    const answers: Readonly<Record<string, () => Promise<Response>>> = {
      dead: () => Promise.reject(new TypeError("connection refused")),
      broken: () => Promise.resolve(new Response("oops", { status: 500 })),
      failing: () =>
        Promise.resolve(Response.json({ status: 500, code: "internal" }, { status: 500 })),
      "a page": () => Promise.resolve(new Response("<html>allowed</html>")),
      "no object": () => Promise.resolve(Response.json("allowed")),
      "a yes without a token": () =>
        Promise.resolve(Response.json({ ...check, token: undefined, token_id: undefined })),
      "a yes for all, and no token of it": () => Promise.resolve(Response.json(check)),
      elsewhere: () => Promise.resolve(Response.redirect("https://evil.example/")),
      "a crash": () => {
        throw new RangeError("out of everything");
      },
    };
    for (const [name, answer] of Object.entries(answers)) {
      const { code, out } = await hook(CALL, { changes: { ...IMPATIENT, fetch: answer } });
      assert.deepEqual([code, out], [2, ""], name);
    }
    const before = await count(org, "token.consumed");
    // The answer to the consuming itself is lost, or is of another token.
    for (const lost of [null, { token_id: "rtk_other" }]) {
      const { code } = await hook(CALL, {
        changes: {
          ...IMPATIENT,
          fetch: async (input, init) => {
            const response = await fetch(input, init);
            if (!String(input).endsWith("/consume")) return response;
            const { claims, ...answer } = await response.json();
            if (lost === null) throw new TypeError("connection reset");
            return Response.json({ ...answer, ...lost, claims: { ...claims, ...lost } });
          },
        },
      });
      assert.equal(code, 2);
    }
    assert.equal(await count(org, "token.consumed"), before + 2);
    const key = `cs_agent_${"x".repeat(40)}`;
    const wrong = await hook(CALL, { env: { COUNTERSIGN_KEY: key } });
    assert.equal(wrong.code, 2);
    assert.ok(!wrong.err.includes(key));
    assert.equal((await hook(CALL, { env: { COUNTERSIGN_KEY: "" } })).code, 2);
    assert.equal((await hook(CALL, { env: { COUNTERSIGN_URL: "" } })).code, 2);
    const unread = { input: () => Promise.reject(new Error("closed")) };
    assert.equal((await hook(CALL, { changes: unread })).code, 2);
    const unsaid = { out: () => assert.fail("nobody reads it") };
    assert.equal((await hook(CALL, { changes: unsaid })).code, 2);
  });
});

Deno.test("a hook whose server, or whose input, never ends answers 2 before its host goes on", async () => {
  await withHook("allowed", async ({ hook }) => {
    let limit = 0;
    const after = (milliseconds: number, then: () => void) => {
      if (milliseconds < 60_000) return () => {};
      limit = milliseconds;
      const timer = setTimeout(then, 0);
      return () => clearTimeout(timer);
    };
    const silent: typeof fetch = (_, init) =>
      new Promise((_, reject) => {
        init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
      });
    for (
      const changes of [{ after, fetch: silent }, {
        after,
        input: () => new Promise<never>(() => {}),
      }]
    ) {
      const { code, err } = await hook(CALL, { changes }, "claude", "--wait", "540");
      assert.equal(code, 2);
      assert.match(err, /No verdict within 575 seconds/);
    }
    assert.ok(limit < 600_000);
  });
});
