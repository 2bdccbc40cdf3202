import assert from "node:assert/strict";
import { guardTools } from "../../clients/typescript/src/ai.ts";
import { attempt, Countersign as Client, sounding } from "../../clients/typescript/src/mod.ts";
import { guardedTool, guardMcpServer } from "../../clients/typescript/src/openai_agents.ts";
import { guardServer } from "../../clients/typescript/src/mcp.ts";
import { isRefusal, refusalOf } from "../../clients/typescript/src/refusal.ts";
import { z } from "zod";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";

/**
 * What guards for frameworks stand on, against the real service and without any framework; what
 * becomes of them in the frameworks is shown by `tests/frameworks/conformance.ts`.
 */

interface World {
  readonly org: TestOrg;
  readonly client: Client;
}

async function inWorld(test: (world: World) => Promise<void>): Promise<void> {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("refund", { default_permission: "allowed" });
  await org.tool("payout", { default_permission: "disabled" });
  await org.tool("transfer", { default_permission: "requires_approval" });
  await org.member("ann@example.com");
  await test({ org, client: new Client({ url: countersign.origin, key: org.standard }) });
}

async function kinds(org: TestOrg, type: string) {
  const { body } = await org.get(`/v1/activity?type=${type}`, org.standard);
  return body.data.map(({ data }: { data: Record<string, unknown> }) => data);
}

Deno.test("what a body throws is thrown and logged, and whatever else fails is told and runs nothing", async () => {
  await inWorld(async ({ org, client }) => {
    const run = () => {
      throw new Error("the bank is closed");
    };
    await assert.rejects(attempt(client, { tool_name: "refund", run })({}), /the bank is closed/);
    const [logged, ...more] = await kinds(org, "execution.logged");
    assert.deepEqual([logged.execution_result, more], ["error", []]);

    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    const ran: unknown[] = [];
    const tool = { tool_name: "refund", run: (args: unknown) => void ran.push(args) };
    const secret = () => {
      throw new Error("sk_live_4242");
    };
    for (
      const tried of [
        await attempt(client, tool)(circle),
        await attempt(client, { ...tool, facts: secret })({}),
        await attempt(client, { ...tool, reason: secret })({}),
        await attempt({} as Client, tool)({}),
      ]
    ) {
      assert.ok(!tried.ran);
      assert.equal(tried.refusal.code, "guard_failed");
      assert.equal(tried.refusal.message, "refund did not run: its guard failed");
    }
    assert.deepEqual(ran, []);
  });
});

Deno.test("sounding asks a person once, mints nothing, and is clear once they have approved", async () => {
  await inWorld(async ({ org, client }) => {
    const told: string[] = [];
    const ask = (tool_name: string) =>
      sounding(client, {
        tool_name,
        run: () => assert.fail("it ran"),
        onPending: ({ reference }) => told.push(reference),
      })({ amount: 5 });
    assert.deepEqual(await ask("refund"), { state: "clear" });
    const refused = await ask("payout");
    assert.equal(refused.state === "refused" && refused.refusal.code, "disabled");
    for (let times = 0; times < 2; times++) {
      const pending = await ask("transfer");
      assert.equal(pending.state === "pending" && pending.refusal.reference, told[0]);
    }
    assert.equal(told[0], told[1]);
    const { body } = await org.get("/v1/approvals?status=pending", org.approver);
    assert.equal(body.data.length, 1);
    const decision = { decision: "approve", decided_by: "ann@example.com" };
    await org.post(`/v1/approvals/${body.data[0].id}/decide`, decision, org.approver);
    assert.deepEqual(await ask("transfer"), { state: "clear" });
    assert.deepEqual(await kinds(org, "token.minted"), []);
    const run = ({ amount }: { readonly amount: number }) => `sent ${amount}`;
    const tried = await attempt(client, { tool_name: "transfer", run })({ amount: 5 });
    assert.deepEqual(tried, { ran: true, result: "sent 5" });
  });
});

Deno.test("calls to an MCP server do not go out unasked, and errors that it answers are logged as such", async () => {
  await inWorld(async ({ org, client }) => {
    const calls: unknown[] = [];
    const server = guardMcpServer(client, {
      callTool: (name: string, args: unknown, ...more: unknown[]) => {
        calls.push([name, args, ...more]);
        return Promise.resolve([{ type: "text", text: "done" }]);
      },
      callToolResult: (name: string, args: unknown) => {
        calls.push([name, args]);
        const content: { text: string }[] = [];
        return Promise.resolve({ isError: true, content });
      },
    });
    const meta = { trace: "1" };
    assert.deepEqual(await server.callTool("refund", { amount: 5 }, meta), [
      { type: "text", text: "done" },
    ]);
    assert.deepEqual(await server.callToolResult("refund", null), { isError: true, content: [] });
    const [said] = await server.callTool("payout", { amount: 5 });
    assert.equal(JSON.parse(said?.text ?? "").code, "disabled");
    const { isError, content } = await server.callToolResult("payout", {});
    assert.deepEqual([isError, isRefusal(JSON.parse(content[0]?.text ?? ""))], [true, true]);
    assert.deepEqual(calls, [["refund", { amount: 5 }, meta], ["refund", {}]]);
    const results = (await kinds(org, "execution.logged")).map(({ execution_result }: {
      execution_result: string;
    }) => execution_result);
    assert.deepEqual(results.sort(), ["error", "success"]);
  });
});

Deno.test("tools of the AI SDK that yield run inside of their guard, and know no refusals of it", async () => {
  await inWorld(async ({ client }) => {
    const seen: string[] = [];
    const pieces = {
      async *execute(_input: unknown, _options: unknown) {
        seen.push("began");
        yield await Promise.resolve("half");
        yield "whole";
      },
      toModelOutput: ({ output }: { output: string }) => ({ type: "text", value: output.trim() }),
    };
    const { refund, payout } = guardTools(client, { refund: pieces, payout: pieces });
    assert.equal(await refund.execute({}, {}), "whole");
    const refusal = await payout.execute({}, {});
    assert.ok(isRefusal(refusal));
    assert.deepEqual(seen, ["began"]);
    const told = payout.toModelOutput({ output: refusal as never });
    assert.deepEqual(told, { type: "json", value: refusal });
    assert.equal((refund.toModelOutput({ output: " x " }) as { value: string }).value, "x");
    assert.throws(() => guardTools(client, { search: {} }), /search has no execute/);
  });
});

Deno.test("a refusal says what to do, whatever the code", () => {
  const { what_to_do, ...refusal } = refusalOf("refund", "not even an error");
  assert.deepEqual(refusal, {
    ran: false,
    code: "guard_failed",
    message: "refund did not run: its guard failed",
    reference: null,
    next: null,
  });
  assert.match(what_to_do, /^Tell the user/);
});

Deno.test("what a tool of OpenAI Agents wants approved by itself stays so, beside what Countersign asks", async () => {
  await inWorld(async ({ client }) => {
    type Options = {
      readonly name: string;
      readonly execute: (input: unknown) => unknown;
      readonly needsApproval?: boolean | ((...given: unknown[]) => Promise<boolean>);
    };
    const tool = guardedTool(client, (options: Options) => options, { interrupt: true });
    const execute = () => "paid";
    const needed = async (name: string, own?: Options["needsApproval"]) => {
      const made = tool({ name, execute, ...(own === undefined ? {} : { needsApproval: own }) });
      assert.ok(typeof made.needsApproval === "function");
      return await made.needsApproval("context", { amount: 5 }, "call_1");
    };
    assert.equal(await needed("refund"), false);
    assert.equal(await needed("transfer"), true);
    assert.equal(await needed("refund", true), true);
    const given: unknown[] = [];
    const own = (...all: unknown[]) => {
      given.push(...all);
      return Promise.resolve(true);
    };
    assert.equal(await needed("refund", own), true);
    assert.deepEqual(given, ["context", { amount: 5 }, "call_1"]);
    assert.equal(await needed("refund", () => Promise.resolve(false)), false);
  });
});

Deno.test("every way of registering a tool of an MCP server is held, in both versions of its SDK", async () => {
  await inWorld(async ({ client }) => {
    for (const version of [1, 2]) {
      const ran: unknown[] = [];
      const runs = (args: unknown) => {
        ran.push(args);
        return { content: [] };
      };
      const { server, call } = await mcpServer(version);
      guardServer(client, server);
      const inputSchema = z.object({ amount: z.number() });
      server.registerTool("payout", { inputSchema }, runs);
      const refund = server.registerTool("refund", { inputSchema }, runs);
      // As the one before it was: of version 1 alone.
      server.tool?.("transfer", { amount: z.number() }, runs);
      assert.throws(() => guardServer(client, server), /has tools already/);
      if (version === 1) assert.throws(() => server.experimental, /cannot be held/);

      assert.match(await call("payout"), /"code":"disabled"/);
      if (version === 1) assert.match(await call("transfer"), /"code":"pending"/);
      assert.deepEqual(ran, []);
      assert.equal(await call("refund"), "");
      assert.deepEqual(ran, [{ amount: 5 }]);
      refund.update({ name: "payout_again", callback: runs });
      assert.match(await call("payout_again"), /"ran":false/);
      assert.equal(ran.length, 1);
    }
  });
});

/** A server of the SDK, of either of its versions, and a client of it. */
async function mcpServer(version: number) {
  const info = { name: "test", version: "1" };
  const [servers, clients, memory] = version === 1
    ? await Promise.all([
      import("@modelcontextprotocol/sdk/server/mcp.js"),
      import("@modelcontextprotocol/sdk/client/index.js"),
      import("@modelcontextprotocol/sdk/inMemory.js"),
    ])
    : await Promise.all([
      import("@modelcontextprotocol/server"),
      import("@modelcontextprotocol/client"),
      import("@modelcontextprotocol/client"),
    ]);
  // deno-lint-ignore no-explicit-any -- what both versions have alike is looked at
  const server: any = new servers.McpServer(info);
  // deno-lint-ignore no-explicit-any -- the same
  const asking: any = new clients.Client(info);
  const call = async (name: string): Promise<string> => {
    if (asking.transport === undefined) {
      const [own, other] = memory.InMemoryTransport.createLinkedPair();
      await Promise.all([server.connect(other), asking.connect(own)]);
    }
    const { content } = await asking.callTool({ name, arguments: { amount: 5 } });
    return content[0]?.text ?? "";
  };
  return { server, call };
}
