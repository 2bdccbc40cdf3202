import assert from "node:assert/strict";
import { diffOf } from "../../clients/typescript/src/cli/change.ts";
import { withTable } from "../../clients/typescript/src/cli/edits.ts";
import { hookCommand, HOSTS, isHere, mcpOf } from "../../clients/typescript/src/cli/hosts.ts";
import { thisMachine } from "../../clients/typescript/src/cli/machine.ts";
import { Countersign } from "../helpers/countersign.ts";
import { projectText } from "../helpers/project_files.ts";
import { Terminal } from "./terminal.ts";

/** Hosts that are told of Countersign: what is shown is what is written, and nothing else. */

const CLAUDE = `{
    "mcpServers": {
        "files": { "command": "files", "args": ["--root", "."] }
    }
}
`;
const CURSOR = '{"mcpServers":{}}';

/** A text after a change in the unified form, as `patch` makes it, with no line out of place. */
function patchedText(before: string, diff: string): string {
  const old: string[] = before.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const made: string[] = [];
  let at = 0;
  for (const hunk of diff.split(/^(?=@@ )/m).slice(1)) {
    const [head = "", ...rows] = hunk.replaceAll("\n\\ No newline at end of file\n", "\u0000")
      .split(/(?<=[\n\0])/);
    const [start = 0, count, , news] = (head.match(/\d+/g) ?? []).map(Number);
    const from = count === 0 ? start : start - 1;
    made.push(...old.slice(at, from));
    at = from;
    const of = { old: 0, news: 0 };
    for (const row of rows) {
      const line = row.slice(1).replace("\u0000", "");
      if (row[0] !== "+") {
        assert.equal(old[at++], line);
        of.old++;
      }
      if (row[0] !== "-") {
        made.push(line);
        of.news++;
      }
    }
    assert.deepEqual(of, { old: count, news });
  }
  return [...made, ...old.slice(at)].join("");
}

/** Texts by the path of their file, after the changes that a diff shows. */
function patched(diff: string, before: ReadonlyMap<string, string>): Map<string, string> {
  return new Map(
    diff.split(/^(?=--- )/m).map((part) => {
      const [, path = ""] = /^\+\+\+ (.+)$/m.exec(part) ?? [];
      return [path, patchedText(before.get(path) ?? "", part)];
    }),
  );
}

async function put(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
}

async function filesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    found.push(...isDirectory ? await filesIn(`${folder}/${name}`) : [`${folder}/${name}`]);
  }
  return found.sort();
}

Deno.test("init shows the change that it makes, makes no other, and doctor is content", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await using terminal = await Terminal.at({
    COUNTERSIGN_URL: countersign.origin,
    COUNTERSIGN_KEY: await org.agent(),
    COUNTERSIGN_SECRETS: "file",
  });
  const { project } = terminal;
  const claude = `${project}/.mcp.json`;
  const cursor = `${project}/.cursor/mcp.json`;
  await put({
    [claude]: CLAUDE,
    [cursor]: CURSOR,
    [`${project}/package.json`]: '{"dependencies":{"ai":"^7.0.0","openai-agents-like":"1"}}',
    [`${project}/requirements.txt`]: "langchain[all]==1.5.2\n",
  });

  const no = await terminal.run(["init"], { answers: ["n"] });
  assert.equal(no.code, 1);
  assert.equal((await terminal.run(["init"])).code, 2);
  assert.equal((await terminal.run(["init", "--dry-run"])).code, 0);
  assert.equal(await Deno.readTextFile(claude), CLAUDE);
  assert.equal(await Deno.readTextFile(cursor), CURSOR);
  const { json: before } = await terminal.run(["doctor", "--json"]);
  assert.deepEqual(
    before.findings.filter(({ state }: { state: string }) => state === "note")
      .map((finding: { about: string; do: string }) => [finding.about, finding.do]),
    [["Claude Code", "countersign connect claude-code"], ["Cursor", "countersign connect cursor"]],
  );

  const files = await filesIn(terminal.home);
  const { code, out, err } = await terminal.run(["init"], { answers: ["y"] });
  assert.equal(code, 0, err);
  assert.match(out, /^Vercel AI SDK in package\.json: npm install countersign/);
  assert.match(out, /^LangChain in requirements\.txt: pip install countersign-sdk/m);
  assert.match(out, /^Hosts: Claude Code, Cursor$/m);
  const diff = out.slice(out.indexOf("--- "), out.indexOf("Written\n"));
  const shown = patched(diff, new Map([[claude, CLAUDE], [cursor, CURSOR]]));
  assert.deepEqual([...shown.keys()].sort(), [cursor, claude].sort());
  for (const [path, text] of shown) assert.equal(await Deno.readTextFile(path), text, path);
  assert.deepEqual(await filesIn(terminal.home), files);
  const { mcpServers } = JSON.parse(await Deno.readTextFile(claude));
  assert.deepEqual(Object.keys(mcpServers), ["files", "countersign"]);
  assert.match(await Deno.readTextFile(claude), /^ {4}"mcpServers"/m);

  const doctor = await terminal.run(["doctor"]);
  assert.equal(doctor.code, 0, doctor.out);
  assert.match(doctor.out, /^ok +Claude Code: is told of/m);
  assert.match(doctor.out, /^ok +Cursor: is told of/m);
  assert.doesNotMatch(doctor.out, /^(note|wrong)/m);
  const again = await terminal.run(["init", "--yes", "--json"]);
  assert.deepEqual([again.json.changes, again.json.written], [[], false]);
});

Deno.test("each host is told what its example in examples/hosts says", async () => {
  const url = mcpOf(new URL("http://localhost:8000"));
  for (const [word, { edit }] of Object.entries(HOSTS)) {
    for (const [way, name] of [["sign-in", "oauth"], ["agent-token", "agent_token"]] as const) {
      const made = edit("file", null, url, way);
      const folder = `examples/hosts/${word.replace("-", "_")}`;
      if (word === "codex") assert.equal(made, await projectText(`${folder}/${name}.toml`));
      else {
        const example = await projectText(`${folder}/${name}.json`);
        assert.deepEqual(JSON.parse(made), JSON.parse(example), word);
      }
      assert.equal(edit("file", made, url, way), made, "it is written once");
      assert.doesNotMatch(made, /cs_(agent|live)_[A-Za-z0-9]/);
    }
  }
});

Deno.test("connecting leaves everything else as it is, and what it cannot read alone", async (t) => {
  await using terminal = await Terminal.at({ COUNTERSIGN_URL: "https://countersign.example" });
  const { home, project } = terminal;
  const read = (path: string) => Deno.readTextFile(path);

  await t.step("a file that is no plain JSON", async () => {
    const path = `${project}/.vscode/mcp.json`;
    const text = '{\n  // mine\n  "servers": {}\n}\n';
    await put({ [path]: text });
    const { code, err } = await terminal.run(["connect", "vscode", "--yes"]);
    assert.equal(code, 1);
    assert.match(err, /left alone\. Put this in by hand: .*countersign\.example\/mcp/);
    assert.equal(await read(path), text);
    const all = await terminal.run(["init", "--yes", "--json"]);
    assert.deepEqual([all.code, all.json.hosts], [0, []]);
  });

  await t.step("a file that is changed while it is asked about", async () => {
    const path = `${project}/.cursor/mcp.json`;
    await put({ [path]: "{}" });
    const { code } = await terminal.run(["connect", "cursor"], {
      answers: [],
      changes: { ask: () => Deno.writeTextFile(path, '{"other":1}').then(() => "y") },
    });
    assert.equal(code, 1);
    assert.equal(await read(path), '{"other":1}');
  });

  await t.step("a link that leads out of the project is shown as where it leads", async () => {
    const target = `${home}/elsewhere.json`;
    await put({ [target]: "{}" });
    await Deno.symlink(target, `${project}/.mcp.json`);
    const { out } = await terminal.run(["connect", "claude-code", "--yes"]);
    assert.ok(out.includes(`+++ ${target}\n`));
    assert.ok((await Deno.lstat(`${project}/.mcp.json`)).isSymlink);
  });

  await t.step("the configuration of Codex", async () => {
    const path = `${home}/.codex/config.toml`;
    const text =
      '# mine\nmodel = "m"\n\n[mcp_servers.files]\ncommand = "files"\nargs = [\n  "a",\n]';
    await put({ [path]: text });
    await Deno.chmod(path, 0o600);
    const words = ["connect", "codex", "--yes", "--agent-token"];
    assert.equal((await terminal.run(words)).code, 0);
    const made = await read(path);
    assert.ok(made.startsWith(`${text}\n\n[mcp_servers.countersign]\nurl = `));
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    // Another address takes the place of the one before.
    const other = [...words, "--url", "http://localhost:8000"];
    assert.equal((await terminal.run([...other, "--hook"])).code, 0);
    assert.equal((await read(path)).split("[mcp_servers.countersign]").length, 2);
    assert.match(
      await read(path),
      /command = "countersign hook codex \|\| \{ echo \\"It did not run\.\\" >&2; exit 2; \}"\ntimeout = 300\n$/,
    );
    const again = await terminal.run([...other, "--hook", "--json"]);
    assert.deepEqual(again.json.changes, []);
    assert.match(
      again.json.next.join("\n"),
      /^Codex: start codex and trust the hook under \/hooks/m,
    );
  });

  await t.step("the hook of Claude Code stands beside others", async () => {
    const path = `${project}/.claude/settings.json`;
    const mine = { matcher: "Bash", hooks: [{ type: "command", command: "mine" }] };
    await put({ [path]: JSON.stringify({ hooks: { PreToolUse: [mine] }, model: "m" }) });
    const words = ["connect", "claude-code", "--hook", "--yes"];
    assert.equal((await terminal.run(words)).code, 0);
    const { hooks: { PreToolUse }, model } = JSON.parse(await read(path));
    assert.equal(model, "m");
    assert.deepEqual(PreToolUse[0], mine);
    assert.equal(PreToolUse[1].matcher, "*");
    assert.deepEqual(PreToolUse[1].hooks, [{
      type: "command",
      command: "countersign hook claude || exit 2",
      timeout: 300,
      onFailure: "block",
    }]);
    assert.equal((await terminal.run([...words, "--wait", "0"])).code, 0);
    const short = JSON.parse(await read(path)).hooks.PreToolUse[1].hooks[0];
    assert.equal(short.command, "countersign hook claude --wait 0 || exit 2");
    assert.equal(short.timeout, 60);
    assert.equal((await terminal.run([...words, "--wait", "541"])).code, 2);
    const shared = { matcher: "*", hooks: [...PreToolUse[1].hooks, ...mine.hooks] };
    const text = JSON.stringify({ hooks: { PreToolUse: [shared] } });
    await put({ [path]: text });
    assert.equal((await terminal.run(words)).code, 1);
    assert.equal(await read(path), text);
    assert.equal((await terminal.run(["connect", "cursor", "--hook"])).code, 2);
    assert.equal((await terminal.run(["connect", "emacs"])).code, 2);
  });
});

Deno.test("a table of TOML is replaced where its rows are plain, and else left alone", () => {
  const header = "[mcp_servers.countersign]";
  const rows = ['url = "b"'];
  const before = `a = 1\n${header}\nurl = "a"\n\n[other]\nb = 2\n`;
  assert.equal(
    withTable("f", before, header, rows),
    `a = 1\n${header}\nurl = "b"\n\n[other]\nb = 2\n`,
  );
  const others = [
    `${header}\nurl = "a" # mine\n`,
    `${header}\nargs = [\n  "a",\n]\n`,
    `${header}\nurl = "a"\n${header}\n`,
    'mcp_servers = { countersign = { url = "a" } }\n',
    'mcp_servers.countersign.url = "a"\n',
  ];
  for (const other of others) {
    assert.throws(() => withTable("f", other, header, rows), /in another form/, other);
  }
});

Deno.test("doctor finds what is wrong, and says of each what to do", async (t) => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await using terminal = await Terminal.at({
    ...Deno.env.toObject(),
    COUNTERSIGN_URL: countersign.origin,
    COUNTERSIGN_KEY: org.standard,
  });
  const { home, project } = terminal;
  const found = async (env: Record<string, string> = {}) => {
    const { code, json } = await terminal.run(["doctor", "--json"], { env });
    for (const finding of json.findings) {
      assert.equal(finding.do === null, finding.state === "ok", JSON.stringify(finding));
    }
    const states = json.findings.filter(({ state }: { state: string }) => state !== "ok");
    return {
      code,
      says: states.map((one: { about: string; says: string }) => `${one.about}: ${one.says}`),
    };
  };
  const finds = async (code: number, says: RegExp, env?: Record<string, string>) => {
    const got = await found(env);
    assert.equal(got.code, code, got.says.join());
    assert.match(got.says.join("\n"), says);
  };

  await t.step("the service and the key", async () => {
    assert.deepEqual(await found(), { code: 0, says: [] });
    await finds(1, /^address: Nobody said where/, { COUNTERSIGN_URL: "" });
    await finds(1, /^key: there is none/, { COUNTERSIGN_KEY: "" });
    await finds(1, /^key: The presented key/, { COUNTERSIGN_KEY: "cs_live_x" });
    await finds(5, /^service: Countersign does not answer/, {
      COUNTERSIGN_URL: "http://127.0.0.1:1",
    });
    await finds(0, /a management key does more/, { COUNTERSIGN_KEY: org.management });
  });

  await t.step("what hosts are told", async () => {
    const path = `${project}/.mcp.json`;
    const server = (url: string, more = {}) =>
      JSON.stringify({ mcpServers: { countersign: { type: "http", url, ...more } } });
    await put({ [path]: server("https://other.example/mcp") });
    await finds(1, /names another Countersign/);
    const headers = { Authorization: `Bearer ${await org.agent()}` };
    await put({ [path]: server(`${countersign.origin}/mcp`, { headers }) });
    await finds(1, /a secret stands in .*\.mcp\.json/);
    await put({ [path]: "{ nothing" });
    await finds(1, /cannot be read/);
    await terminal.run(["connect", "claude-code", "--yes"]);
    await Deno.remove(path);
    await terminal.run(["connect", "claude-code", "--yes", "--agent-token"]);
    await finds(0, /a variable that is not set here/);
    assert.deepEqual((await found({ COUNTERSIGN_AGENT_TOKEN: "cs_agent_x" })).says, []);
    await Deno.remove(path);
  });

  await t.step("a hook that lets tools through", async () => {
    const path = `${project}/.claude/settings.json`;
    const hook = (command: string, timeout?: number) =>
      put({
        [path]: JSON.stringify({
          hooks: { PreToolUse: [{ hooks: [{ command, timeout, onFailure }] }] },
          disableAllHooks,
        }),
      });
    let onFailure = "continue";
    let disableAllHooks = true;
    await hook("countersign hook claude");
    await finds(1, /runs the tool where the program fails or is missing/);
    await hook("countersign hook claude || exit 2");
    await finds(1, /is passed over: all hooks are disabled/);
    disableAllHooks = false;
    await hook("countersign hook claude || exit 2");
    await finds(1, /runs the tool where it is killed or takes too long/);
    onFailure = "block";
    await hook("countersign hook claude || exit 2", 60);
    await finds(1, /may take 275 seconds, and its host runs the tool after 60/);
    await hook("countersign hook claude || exit 2");
    await finds(1, /is not in the path, so every tool is refused/, { PATH: project });
    await put({ [`${home}/bin/countersign`]: "" });
    const { says } = await found({ PATH: `${home}/bin` });
    assert.deepEqual(says, ["Claude Code: is not connected"]);

    // Codex takes a 2 without a word for a yes, and runs no hook that nobody has trusted.
    const codex = `${home}/.codex/config.toml`;
    const table = (command: string) =>
      `[[hooks.PreToolUse]]\n[[hooks.PreToolUse.hooks]]\ncommand = ${JSON.stringify(command)}\n`;
    await put({ [codex]: table("countersign hook codex || exit 2") });
    await finds(1, /Codex's hook: runs the tool where the program fails/, { PATH: `${home}/bin` });
    const line = hookCommand("countersign", HOSTS["codex"]!.hook!).line;
    await put({ [codex]: table(line) });
    await finds(1, /Codex's hook: is passed over: nobody has trusted it/, { PATH: `${home}/bin` });
    const state = `[hooks.state."${codex}:pre_tool_use:0:0"]\ntrusted_hash = "sha256:00"\n`;
    await put({ [codex]: table(line) + state });
    const trusted = await found({ PATH: `${home}/bin` });
    assert.doesNotMatch(trusted.says.join("\n"), /hook/);
    await Deno.remove(`${home}/.codex`, { recursive: true });
  });

  await t.step("secrets that others can read", async () => {
    const path = `${home}/.config/countersign/secrets.json`;
    await put({ [path]: "{}" });
    await Deno.chmod(path, 0o644);
    await finds(1, /can be read by others/, { COUNTERSIGN_KEY: "" });
  });
});

Deno.test("a host is here by what it leaves in the home or the project", async () => {
  await using terminal = await Terminal.at();
  const machine = {
    ...thisMachine(),
    platform: "linux",
    env: {},
    home: terminal.home,
    cwd: terminal.project,
  };
  const here = async () => {
    const rows = Object.entries(HOSTS).map(async ([word, host]) =>
      await isHere(machine, host) ? [word] : []
    );
    return (await Promise.all(rows)).flat();
  };
  assert.deepEqual(await here(), []);
  for (const folder of [".claude", ".config/Claude", ".cursor", ".vscode", ".codex"]) {
    await Deno.mkdir(`${terminal.home}/${folder}`, { recursive: true });
  }
  assert.deepEqual(await here(), Object.keys(HOSTS));
});

Deno.test("a diff of any two texts makes the one of the other", () => {
  const words = ["a\n", "b\n", "c\n", "d\n", "\n"];
  // A walk through texts of a few lines, the same each time.
  let state = 7;
  const next = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
  const text = () =>
    Array.from({ length: next(30) }, () => words[next(words.length)]).join("") +
    (next(3) === 0 ? "end" : "");
  for (let round = 0; round < 500; round++) {
    const [before, after] = [text(), text()];
    const diff = diffOf({ path: "file", before, after, mode: 0o600 });
    assert.equal(patchedText(before, diff), after, diff);
  }
});
