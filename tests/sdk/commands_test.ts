import assert from "node:assert/strict";
import { COMMANDS, type Group, type Named } from "../../clients/typescript/src/cli/commands.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { Terminal } from "./terminal.ts";

/** The command line against a real service: what it prints, and what it ends with. */

interface Setting {
  readonly org: TestOrg;
  readonly terminal: Terminal;
}

async function withOrg(test: (setting: Setting) => Promise<void>): Promise<void> {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("read_file", { default_permission: "allowed" });
  await org.tool("delete_file", { default_permission: "requires_approval" });
  await org.tool("format_disk", { default_permission: "disabled" });
  await org.member("ann@example.com");
  await using terminal = await Terminal.at({
    COUNTERSIGN_URL: countersign.origin,
    COUNTERSIGN_KEY: org.standard,
  });
  await test({ org, terminal });
}

/** All commands, by the words that call them. */
function allCommands(commands: Group["commands"], path: readonly string[] = []): string[][] {
  return Object.entries(commands).flatMap(([word, one]: [string, Group | Named]) => {
    const to = [...path, word];
    return "commands" in one ? allCommands(one.commands, to) : [to];
  });
}

Deno.test("a command ends with what the answer is, and says it to people and as JSON", async (t) => {
  await withOrg(async ({ org, terminal }) => {
    await t.step("check", async () => {
      for (
        const [tool, code, permission] of [
          ["read_file", 0, "allowed"],
          ["format_disk", 3, "disabled"],
          ["delete_file", 4, "requires_approval"],
        ] as const
      ) {
        const said = await terminal.run(["check", tool]);
        assert.equal(said.code, code, said.err);
        assert.match(said.out, new RegExp(`^permission  ${permission}$`, "m"));
        const { json } = await terminal.run(["check", tool, "--json", "--reason", "tidying up"]);
        assert.equal(json.permission, permission);
      }
    });

    await t.step("status", async () => {
      const { code, out } = await terminal.run(["status"]);
      assert.equal(code, 0);
      assert.match(out, /^key {11}standard key, from COUNTERSIGN_KEY$/m);
      assert.ok(!out.includes(org.standard));
      const { json } = await terminal.run(["status", "--json"], {
        env: { COUNTERSIGN_KEY: await org.agent() },
      });
      assert.equal(json.key.kind, "agent");
    });

    await t.step("a key that is not taken", async () => {
      const key = `cs_live_${"x".repeat(40)}`;
      for (const words of [["check", "read_file"], ["status"]]) {
        const { code, out, err } = await terminal.run([...words, "--key", key]);
        assert.equal(code, 1);
        assert.match(err, /\(invalid_credentials\)\n/);
        assert.ok(!`${out}${err}`.includes(key));
      }
    });

    await t.step("a server that is not there, or not Countersign", async () => {
      const unused = Deno.listen({ port: 0, hostname: "127.0.0.1" });
      const { port } = unused.addr;
      unused.close();
      const url = `http://127.0.0.1:${port}`;
      const { code, json } = await terminal.run(["check", "read_file", "--url", url, "--json"]);
      assert.equal(code, 5);
      assert.equal(json.error.code, "unreachable");
    });
  });
});

Deno.test("wrong use ends with 2, asks nobody, and says what is wrong", async () => {
  await using terminal = await Terminal.at({
    COUNTERSIGN_URL: "http://127.0.0.1:1",
    COUNTERSIGN_KEY: "cs_live_x",
  });
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /USAGE/],
    [["chek"], /There is no command "chek"/],
    [["constructor"], /There is no command/],
    [["--url", "check", "x"], /"--url" has to stand behind the command/],
    [["check"], /TOOL/],
    [["check", "x", "y"], /one word too many: "y"/],
    [["check", "x", "--no-json"], /There is no option "--no-json"/],
    [["check", "x", "--dry-rum"], /There is no option "--dry-rum"/],
    [["check", "x", "--reasonn=secret"], /There is no option "--reasonn" here/],
    [["check", "x", "--json=false"], /--json takes no value/],
    [["check", "x", "--reason"], /--reason wants a value/],
    [["check", "x", "--reason", "--help"], /--reason wants a value/],
    [["check", "x", "--reason", "--json"], /--reason wants a value/],
    [["check", "x", "--arguments", "{"], /No JSON object/],
    [["check", "x", "--arguments", "[]"], /has to be a JSON object/],
    [["check", "x", "--url", "nowhere"], /is no address/],
    [["check", "x", "--url", "http://countersign.example"], /readable to countersign.example/],
    [["check", "x", "--", "y"], /nothing behind --/],
    [["completion", "tcsh"], /bash, zsh or fish/],
  ];
  const fetch = () => Promise.reject(new Error("nobody is to be asked"));
  for (const [words, says] of wrong) {
    const { code, out, err } = await terminal.run(words, { changes: { fetch } });
    assert.equal(code, 2, `${words.join(" ")}: ${err}`);
    assert.match(err + out, says);
  }
  // `check "$TOOL" && …` must not go on where somebody else wrote the word.
  for (const words of allCommands(COMMANDS)) {
    const { code, err } = await terminal.run([...words, "--help"], { changes: { fetch } });
    assert.equal(code, 2, words.join(" "));
    assert.match(err, /USAGE countersign/);
  }
  const { code, out } = await terminal.run(["--help"]);
  assert.equal(code, 0);
  assert.match(out, /USAGE countersign/);
});

Deno.test("what a server says reaches a terminal without what the terminal would obey", async () => {
  await using terminal = await Terminal.at({
    COUNTERSIGN_URL: "http://127.0.0.1:1",
    COUNTERSIGN_KEY: "cs_live_x",
  });
  const hostile = "\u001b]0;owned\u0007\u009b2J\r\u202egnol\u200b\n\u001b[8mhidden";
  const problem = {
    status: 403,
    code: `bad\u001b[2J`,
    detail: hostile,
    next: { see: hostile },
    errors: [{ path: "/x", message: hostile }],
  };
  const answers = [
    () => Response.json(problem, { status: 403 }),
    () =>
      Response.json({
        decision_id: `dec_${hostile}`,
        permission: "allowed",
        resolved_from: hostile,
        rule_id: null,
        policy_version: 1,
        action_digest: `sha256:${"0".repeat(64)}`,
        decided_at: "2026-01-01T00:00:00.000Z",
        audit: { index: 1, leaf_hash: hostile },
        next: {},
      }),
  ];
  for (const answer of answers) {
    for (const json of [[], ["--json"]]) {
      const { out, err } = await terminal.run(["check", "x", ...json], {
        changes: { fetch: () => Promise.resolve(answer()) },
      });
      // deno-lint-ignore no-control-regex -- these are what must not be there
      assert.doesNotMatch(out + err, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202e]/);
      assert.match(out + err, /\\u001b/);
      if (json.length > 0) assert.ok(JSON.stringify(JSON.parse(out)).includes("owned"));
    }
  }
});

Deno.test("no command prints the key, whatever it is asked and answered", async () => {
  const key = `cs_live_${"k3y".repeat(12)}`;
  await using terminal = await Terminal.at({
    COUNTERSIGN_URL: "http://127.0.0.1:1",
    COUNTERSIGN_KEY: key,
  });
  const more: Readonly<Record<string, readonly string[]>> = {
    ask: ["x", "--reason", "x"],
    guard: ["--", "true"],
    login: ["--print"],
    "mandate revoke": ["x", "--by", "x"],
  };
  const answers = [
    () => Promise.reject(new TypeError(`no way for Bearer ${key}`)),
    () => Promise.resolve(new Response("{", { status: 502 })),
    () => Promise.resolve(Response.json({ status: 403, code: "no" }, { status: 403 })),
    () => Promise.resolve(Response.json({ id: "x" })),
  ];
  const after = (milliseconds: number, then: () => void) => {
    const timer = milliseconds < 2000 ? setTimeout(then, 0) : undefined;
    return () => clearTimeout(timer);
  };
  for (const words of allCommands(COMMANDS)) {
    for (const fetch of answers) {
      const args = more[words.join(" ")] ?? ["x"];
      for (const json of [[], ["--json"]]) {
        const sitting = { changes: { fetch, after }, input: "{}" };
        const { out, err } = await terminal.run([...words, ...json, ...args], sitting);
        assert.ok(!`${out}${err}`.includes(key), words.join(" "));
      }
    }
  }
});

Deno.test("completion names every command and its options, in each shell's own words", async () => {
  await using terminal = await Terminal.at();
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, out } = await terminal.run(["completion", shell]);
    assert.equal(code, 0);
    for (const words of allCommands(COMMANDS)) {
      for (const word of words) assert.match(out, new RegExp(`\\b${word}\\b`), shell);
    }
    assert.match(out, /\breason\b/);
  }
  const { out } = await terminal.run(["completion", "bash"]);
  const asked = `${out}
COMP_WORDS=(countersign che); COMP_CWORD=1; _countersign; echo "\${COMPREPLY[@]}"
COMP_WORDS=(countersign check --rea); COMP_CWORD=2; _countersign; echo "\${COMPREPLY[@]}"`;
  const { stdout } = await new Deno.Command("bash", { args: ["-c", asked] }).output();
  assert.equal(new TextDecoder().decode(stdout), "check\n--reason\n");
});
