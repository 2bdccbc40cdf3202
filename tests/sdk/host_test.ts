import assert from "node:assert/strict";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { PROJECT, projectText } from "../helpers/project_files.ts";
import { BROKEN_PROGRAMS } from "../frameworks/hook_faults.mjs";
import { type HookSetting, StandInHost } from "./stand_in_host.ts";
import { Terminal } from "./terminal.ts";

/**
 * The hook as hosts run it: a program of its own behind the line that `connect` writes, judged by
 * whether the tool ran. `tests/frameworks` has the hosts' own programs as judges.
 */

const KINDS = ["claude", "codex"] as const;
type Kind = typeof KINDS[number];

const TOOL = "mcp__shop__refund_order";
const CALL = { order_id: "order-17", amount: 5 };

/** What `connect` wrote into a host's file. */
async function settingOf(terminal: Terminal, kind: Kind): Promise<HookSetting> {
  const name = kind === "claude" ? "claude-code" : kind;
  const words = ["connect", name, "--hook", "--wait", "0", "--yes"];
  const { code, err } = await terminal.run(words);
  assert.equal(code, 0, err);
  if (kind === "claude") {
    const text = await Deno.readTextFile(`${terminal.project}/.claude/settings.json`);
    return JSON.parse(text).hooks.PreToolUse[0].hooks[0];
  }
  const text = await Deno.readTextFile(`${terminal.home}/.codex/config.toml`);
  const [, command = "", timeout] = /^command = (".*hook codex.*")\ntimeout = (\d+)$/m.exec(text) ??
    [];
  return { command: JSON.parse(command), timeout: Number(timeout) };
}

/** Lays a program `countersign` in the path of a host. */
async function layProgram(terminal: Terminal, line: string | null): Promise<string> {
  const bin = `${terminal.home}/bin`;
  await Deno.mkdir(bin, { recursive: true });
  const path = `${bin}/countersign`;
  await Deno.remove(path).catch(() => {});
  if (line !== null) await Deno.writeTextFile(path, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  return `${bin}:/usr/bin:/bin`;
}

const OURS = [
  `exec "${Deno.execPath()}" run -A --quiet --no-check`,
  `--config "${new URL("deno.dev.json", PROJECT).pathname}"`,
  `"${new URL("clients/typescript/src/cli/bin.ts", PROJECT).pathname}" "$@"`,
].join(" ");

/** A host with our hook, and what its tool did. */
async function hostOf(terminal: Terminal, kind: Kind) {
  const hook = await settingOf(terminal, kind);
  const { DENO_DIR = "", HOME = "" } = Deno.env.toObject();
  const env = {
    ...terminal.env,
    PATH: await layProgram(terminal, OURS),
    HOME: terminal.home,
    DENO_DIR: DENO_DIR || `${HOME}/.cache/deno`,
  };
  const effects: unknown[] = [];
  const heard = async (args: unknown, more: Readonly<Record<string, string>> = {}) => {
    const where = { cwd: terminal.project, env: { ...env, ...more } };
    const host = new StandInHost(kind, hook, where);
    return await host.call(TOOL, args, () => {
      effects.push(args);
      return "refunded";
    });
  };
  return { heard, effects };
}

async function approve(org: TestOrg): Promise<string> {
  const { body } = await org.get("/v1/approvals?status=pending", org.approver);
  const [{ id, reference }] = body.data;
  const decision = { decision: "approve", decided_by: "ann@example.com" };
  const { status } = await org.post(`/v1/approvals/${id}/decide`, decision, org.approver);
  assert.equal(status, 200);
  return reference;
}

Deno.test("a host with our line runs a call once it is authorized, once, and no other", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool(`claude/${TOOL}`, { default_permission: "requires_approval" });
  await org.member("ann@example.com");
  await using terminal = await Terminal.at({
    COUNTERSIGN_URL: countersign.origin,
    COUNTERSIGN_KEY: await org.agent(),
  });
  const { heard, effects } = await hostOf(terminal, "claude");
  const pending = await heard(CALL);
  assert.match(pending.told, /\(pending\)\nTell the user/);
  const reference = await approve(org);
  assert.ok(pending.told.includes(reference));
  const [changed, unset] = await Promise.all([
    heard({ ...CALL, amount: 5000 }),
    heard(CALL, { COUNTERSIGN_KEY: "" }),
  ]);
  assert.match(changed.told, /\(pending\)/);
  assert.match(unset.told, /There is no key .*\(guard_failed\)\nTell the user/);
  assert.deepEqual(effects, []);
  assert.equal((await heard(CALL)).told, "refunded");
  assert.match((await heard(CALL)).told, /\(pending\)/);
  assert.deepEqual(effects, [CALL]);
});

Deno.test("Codex runs what is allowed, and is told no in words that it takes for one", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool(`codex/${TOOL}`);
  await using terminal = await Terminal.at({
    COUNTERSIGN_URL: countersign.origin,
    COUNTERSIGN_KEY: await org.agent(),
  });
  const { heard, effects } = await hostOf(terminal, "codex");
  const [ran, odd] = await Promise.all([heard(CALL), heard("no call")]);
  assert.equal(ran.told, "refunded");
  assert.match(odd.told, /What came in is no call of a tool.*\(guard_failed\)/);
  assert.deepEqual(effects, [CALL]);
});

Deno.test("the host that stands in does with what breaks as the hosts' own programs were seen to do", async () => {
  const results = JSON.parse(await projectText("tests/frameworks/results.json"));
  await using terminal = await Terminal.at({ COUNTERSIGN_URL: "http://localhost:8000" });
  for (const [kind, name] of [["claude", "claude-code"], ["codex", "codex"]] as const) {
    const hook = await settingOf(terminal, kind);
    for (const [fault, line] of Object.entries<string | null>(BROKEN_PROGRAMS)) {
      const late = fault === "outlasts the host's limit";
      const env = { PATH: await layProgram(terminal, late ? "sleep 1" : line) };
      const where = { cwd: terminal.project, env };
      const after = late ? passed : undefined;
      const { ran } = await new StandInHost(kind, hook, where, after).call(TOOL, CALL, () => "");
      assert.equal(ran ? "open" : "closed", results[name].faults[fault], `${name}: ${fault}`);
    }
  }
});

/** A limit that has passed at once. */
function passed(_: number, then: () => void): () => void {
  queueMicrotask(then);
  return () => {};
}
