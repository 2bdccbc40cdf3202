import assert from "node:assert/strict";
import type { Countersign, TestOrg } from "../helpers/countersign.ts";
import { Driver, type Line } from "./driver.ts";
import type { Environment } from "./environment.ts";
import { type Fault, FaultyWay, type Stage } from "./faults.ts";
import { type Framework, HOOK_FAULTS, type HookFault } from "./list.ts";

/**
 * Twelve cases that every guard passes, judged by one thing: whether the tool's effect happened; and
 * where it did not, by what the model was told instead. Each has an organization of its own.
 */

const TOOL = "refund_order";
const ARGUMENTS = { order_id: "order-17", amount: 5 };
const OTHERS = { order_id: "order-17", amount: 5000 };

/** The guard's time where nobody answers. */
const SHORT_MS = "300";

type Permission = "allowed" | "requires_approval" | "disabled";

/** One agent against one organization, through one way. */
class Trial {
  private constructor(
    readonly environment: Environment,
    readonly org: TestOrg,
    readonly key: string,
    readonly effectFile: string,
    public url: string,
  ) {}

  static async of(
    { environment, framework, countersign }: World,
    default_permission: Permission,
  ): Promise<Trial> {
    const org = await countersign.org();
    await org.tool(framework.tool ?? TOOL, { default_permission });
    await org.member("ann@example.com");
    const effectFile = await Deno.makeTempFile();
    return new Trial(environment, org, await org.agent(), effectFile, countersign.origin);
  }

  start(more: Readonly<Record<string, string>> = {}, program?: string): Driver {
    const env = {
      COUNTERSIGN_URL: this.url,
      COUNTERSIGN_API_KEY: this.key,
      EFFECT_FILE: this.effectFile,
      TOOL_ARGUMENTS: JSON.stringify(ARGUMENTS),
      ...more,
    };
    return new Driver(this.environment, env, program);
  }

  /** One run from beginning to end. */
  async run(more: Readonly<Record<string, string>> = {}): Promise<Line> {
    const driver = this.start(more);
    const line = await driver.line();
    assert.equal(await driver.end(), 0, "The driver ended as one that broke");
    return line;
  }

  async effects(): Promise<unknown[]> {
    const text = await Deno.readTextFile(this.effectFile);
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  async pending(): Promise<{ readonly id: string; readonly reference: string } | undefined> {
    const { body } = await this.org.get("/v1/approvals?status=pending", this.org.approver);
    return body.data[0];
  }

  /** Decides about the one request that waits; its reference. */
  async decide(decision: "approve" | "deny", note?: string): Promise<string> {
    const waiting = await this.pending() ?? assert.fail("Nobody was asked");
    const body = { decision, decided_by: "ann@example.com", ...(note && { note }) };
    const got = await this.org.post(
      `/v1/approvals/${waiting.id}/decide`,
      body,
      this.org.approver,
    );
    assert.equal(got.status, 200, got.text);
    return waiting.reference;
  }

  /**
   * A run that comes to wait for a person, who then decides; how it goes on: in the framework's own
   * way where it stopped by itself, and else by the model's making the call again.
   */
  async decided(
    decision: "approve" | "deny",
    later: Readonly<Record<string, unknown>> = ARGUMENTS,
  ): Promise<{ readonly reference: string; readonly after: Line }> {
    const resumed = { TOOL_ARGUMENTS_LATER: JSON.stringify(later) };
    const driver = this.start(resumed);
    const before = await driver.line();
    assert.deepEqual(await this.effects(), [], "It ran before anybody decided");
    const reference = await this.decide(decision, "not this one");
    assertNames(before, reference);
    if (before.waiting === null) {
      assert.equal(await driver.end(), 0);
      const again = { TOOL_ARGUMENTS: JSON.stringify(later) };
      return { reference, after: await this.run(again) };
    }
    const after = await driver.resume();
    assert.equal(await driver.end(), 0);
    return { reference, after };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.effectFile);
  }
}

export interface World {
  readonly framework: Framework;
  readonly environment: Environment;
  readonly countersign: Countersign;
}

/** All that came back, for those who read it: a model, or whoever catches what is raised. */
function heard({ told, waiting, raised }: Line): string {
  return [told, waiting, raised].filter((part) => part !== null).join(" ");
}

/** It says by which request, and what it is. */
function assertNames(line: Line, reference: string): void {
  assert.ok(heard(line).includes(reference), `${reference} is not in: ${heard(line)}`);
  if (line.waiting === null) assertTold(line, /\bpending\b/);
}

/** The model is told why, and what to do. */
function assertTold(line: Line, code: RegExp): void {
  assert.match(heard(line), code);
  assert.match(heard(line), /what_to_do|Tell the user/);
}

async function assertNothing(trial: Trial, line: Line, code: RegExp): Promise<void> {
  assert.deepEqual(await trial.effects(), [], "The tool ran");
  assertTold(line, code);
}

/** A fault that keeps the guard from a whole answer, at each of its two questions. */
function struck(fault: Fault, code: RegExp) {
  return async (world: World) => {
    for (const stage of ["authorize", "consume"] satisfies Stage[]) {
      await using trial = await Trial.of(world, "allowed");
      await using way = new FaultyWay(world.countersign.origin, fault, stage);
      trial.url = way.url;
      const line = await trial.run(fault === "slow" ? { GUARD_TIMEOUT_MS: SHORT_MS } : {});
      await assertNothing(trial, line, code);
    }
  };
}

async function unusedPort(): Promise<number> {
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response(),
  );
  return server.addr.port;
}

type Case = (world: World) => Promise<void>;

/** By the name that the published table has them by. */
export const CASES: Readonly<Record<string, Case>> = {
  "allowed": async (world) => {
    await using trial = await Trial.of(world, "allowed");
    const line = await trial.run();
    assert.deepEqual(await trial.effects(), [ARGUMENTS]);
    assert.match(line.told ?? "", /refunded 5 for order-17/);
    const { body } = await trial.org.get(
      "/v1/activity?type=execution.logged",
      trial.org.standard,
    );
    assert.deepEqual(
      body.data.map((entry: { data: { execution_result: string } }) => entry.data.execution_result),
      world.framework.unheard ? [] : ["success"],
      "What became of the run was not reported",
    );
  },
  "denied": async (world) => {
    await using byRule = await Trial.of(world, "disabled");
    await assertNothing(byRule, await byRule.run(), /\bdisabled\b/);
    await using byPerson = await Trial.of(world, "requires_approval");
    const { after } = await byPerson.decided("deny");
    await assertNothing(byPerson, after, /\b(recently_)?denied\b/);
  },
  "pending": async (world) => {
    await using trial = await Trial.of(world, "requires_approval");
    const line = await trial.run();
    assert.deepEqual(await trial.effects(), []);
    const { reference } = await trial.pending() ?? assert.fail("Nobody was asked");
    assertNames(line, reference);
  },
  "approved later": async (world) => {
    await using trial = await Trial.of(world, "requires_approval");
    const { after } = await trial.decided("approve");
    assert.deepEqual(await trial.effects(), [ARGUMENTS]);
    assert.match(after.told ?? "", /refunded 5 for order-17/);
  },
  "changed arguments": async (world) => {
    await using trial = await Trial.of(world, "requires_approval");
    const { after, reference } = await trial.decided("approve", OTHERS);
    assert.deepEqual(await trial.effects(), [], "It ran with what nobody approved");
    const other = await trial.pending();
    if (other === undefined) return assertTold(after, /action_mismatch|pending|requires_approval/);
    assert.notEqual(other.reference, reference);
    assertNames(after, other.reference);
  },
  "replay": async (world) => {
    await using trial = await Trial.of(world, "allowed");
    await using way = new FaultyWay(world.countersign.origin, "replayed", "authorize");
    trial.url = way.url;
    await trial.run();
    const again = await trial.run();
    assert.deepEqual(await trial.effects(), [ARGUMENTS], "One token, and not one run");
    assertTold(again, /\btoken_used\b/);
  },
  "token used": async (world) => {
    await using trial = await Trial.of(world, "allowed");
    await using way = new FaultyWay(world.countersign.origin, "stolen", "consume");
    trial.url = way.url;
    await assertNothing(trial, await trial.run(), /\btoken_used\b/);
  },
  "server dead": async (world) => {
    await using trial = await Trial.of(world, "allowed");
    trial.url = `http://127.0.0.1:${await unusedPort()}`;
    await assertNothing(trial, await trial.run(), /\bunreachable\b/);
  },
  "server slow": struck("slow", /\btimed_out\b/),
  "error 500": struck("error", /\bbad_answer\b/),
  "malformed answer": struck("malformed", /\bbad_answer\b/),
  "bug in the guard": async (world) => {
    await using trial = await Trial.of(world, "allowed");
    await assertNothing(trial, await trial.run({ GUARD_BUG: "1" }), /\bguard_failed\b/);
  },
};

/** The program of the framework's page, as it stands there. */
export async function runPage(world: World): Promise<void> {
  await using trial = await Trial.of(world, "allowed");
  const driver = trial.start({}, world.environment.page);
  assert.equal(await driver.end(), 0, "The program of the page ended as one that broke");
  assert.deepEqual(await trial.effects(), [ARGUMENTS]);
}

/** What a framework has to show besides, in a program of its folder. */
export async function runOwn(world: World): Promise<void> {
  await using trial = await Trial.of(world, "requires_approval");
  await trial.org.tool("read_order", { default_permission: "allowed" });
  await trial.org.tool("wipe_orders", { default_permission: "disabled" });
  const driver = trial.start({ APPROVER_KEY: trial.org.approver }, "own.mjs");
  assert.equal(await driver.end(), 0, "See what it says above");
}

/** Whether the tool runs where the framework's own hook throws, written as its documents say. */
export async function runBare(world: World): Promise<"runs" | "does not run"> {
  await using trial = await Trial.of(world, "disabled");
  await trial.run({ BARE: "1" });
  return (await trial.effects()).length > 0 ? "runs" : "does not run";
}

/** Whether a call runs that nobody authorized, where that goes wrong with the hook of a host. */
export async function runFault(world: World, fault: HookFault): Promise<"open" | "closed"> {
  const permission = HOOK_FAULTS[fault];
  await using trial = await Trial.of(world, permission);
  // The shell itself may start: what is typed into it afterwards is what is looked at.
  await trial.org.tool("codex/Bash");
  await trial.run({ HOOK_FAULT: fault });
  const effects = JSON.stringify(await trial.effects());
  const right = permission === "allowed" ? ["[]", JSON.stringify([ARGUMENTS])] : ["[]"];
  return right.includes(effects) ? "closed" : "open";
}
