import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { unescaped } from "../helpers/page_html.ts";
import { runPrinted } from "../helpers/printed_program.ts";
import { PROJECT, projectFiles, projectText, sourceFiles } from "../helpers/project_files.ts";
import { freePort, StartedProcess } from "../helpers/started_process.ts";
import { Visitor } from "../helpers/visitor.ts";

/**
 * Whatever documents and pages print to be pasted into a terminal is run as it stands there, but for
 * the port and what the reader is told to put in, or is in a list with why it is not.
 */

/** A block of commands in a document. */
interface Block {
  /** The document and the first line: how the block is called below. */
  readonly name: string;
  readonly text: string;
}

/** Blocks that no test runs, each with why. They are read by bash, and their tasks exist. */
const NOT_RUN: Readonly<Record<string, string>> = {
  "CONTRIBUTING.md: deno task ok": "is the gate that runs this test",
  "docs/clients.md: npx countersign status": "wants the package; tests/clients/release_test.ts",
  "docs/frameworks/claude-code.md: countersign connect": "wants the host; test:frameworks runs it",
  "docs/frameworks/codex.md: countersign connect": "wants the host; test:frameworks runs it",
  "docs/mutations.md: deno task mutate": "takes eight minutes; tests/project/mutants_test.ts",
  "docs/clients.md: # The service": "takes a browser; tests/browser/newcomer_test.ts runs it",
  "docs/performance.md: deno task bench": "takes minutes, measures and judges nothing",
  "docs/operations.md: cd /opt/countersign": "changes a host as root, under systemd",
  "docs/operations.md: systemctl stop countersign": "changes a host as root, under systemd",
  "docs/operations.md: podman build -t countersign": "wants podman and its registry",
};

/** The blocks of a document. */
function blocksOf(path: string, text: string): Block[] {
  return [...text.matchAll(/^( *)```(?:sh|bash|shell|console)\n(.*?)^ *```$/gms)].map(
    ([, indent = "", block = ""]) => {
      const lines = block.split("\n").map((line) => line.slice(indent.length));
      return { name: `${path}: ${lines[0]}`, text: lines.join("\n") };
    },
  );
}

async function allBlocks(): Promise<Block[]> {
  const documents = (await projectFiles()).filter((path) => path.endsWith(".md"));
  const found: Block[] = [];
  for (const path of documents) found.push(...blocksOf(path, await projectText(path)));
  return found;
}

/** What a reader has after a clone, and where their Countersign listens. */
class Clone implements AsyncDisposable {
  readonly port = freePort();
  readonly env = { PORT: String(this.port) };

  private constructor(readonly folder: string) {}

  static async make(): Promise<Clone> {
    const folder = await Deno.realPath(await Deno.makeTempDir());
    for (const path of await projectFiles()) {
      const to = `${folder}/${path}`;
      await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
      await Deno.copyFile(new URL(path, PROJECT), to);
    }
    return new Clone(folder);
  }

  /** A block for this clone's port. */
  here(text: string): string {
    return text.replaceAll("localhost:8000", `localhost:${this.port}`);
  }

  run(text: string, env: Readonly<Record<string, string>> = {}) {
    return runPrinted(this.here(text), { folder: this.folder, env: { ...this.env, ...env } });
  }

  /** Runs a block that starts the service, until it listens. */
  async start(text: string): Promise<StartedProcess> {
    const process = StartedProcess.inTerminal(this.folder, this.here(text), this.env);
    await process.seen("Countersign listens");
    return process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** The way from a mandate to its receipt, as curl, TypeScript and Python are shown to go it. */
async function receiptOf(clone: Clone, curl: string, keys: Readonly<Record<string, string>>) {
  const { CS, MGMT = "" } = keys;
  const made = async (method: string, path: string, body: object) => {
    const headers = { "x-api-key": MGMT };
    const got = await fetch(`${CS}/${path}`, { method, headers, body: JSON.stringify(body) });
    assert.ok(got.ok, `${path} ${got.status}`);
    return await got.json();
  };
  await made("PUT", "tools/refund", {
    description: "Refunds",
    risk_level: "low",
    annotations: { read_only: false, destructive: false, idempotent: true, open_world: false },
    annotations_acknowledged: true,
    default_permission: "allowed",
  });
  const { key: KEY } = await made("POST", "api-keys", { name: "shop", tier: "standard" });
  const text = await projectText("docs/receipts.md");
  const [, ts = ""] = /^```ts\n(.*?)^```$/ms.exec(text) ?? [];
  const [, python = ""] = /^```python\n(.*?)^```$/ms.exec(text) ?? [];
  const ways = [
    [curl, {}],
    ["npx -y deno@2.9.6 run --allow-env --allow-net way.ts", { "way.ts": ts }],
    ["python3 way.py", { "way.py": python }],
  ] as const;
  for (const [command, files] of ways) {
    const ran = await runPrinted(clone.here(command), { files, env: { ...keys, KEY } });
    assert.deepEqual([ran.code, ran.err], [0, ""], ran.out);
    assert.match(ran.out, /"?status"?: ?"signed"/, command);
    assert.match(ran.out, /protected/, command);
  }
}

Deno.test("every command that a document prints runs as it is printed, on a fresh clone", async (t) => {
  const blocks = await allBlocks();
  const ran = new Set<string>();
  const block = (name: string): string => {
    const found = blocks.filter((one) => one.name.startsWith(name));
    assert.equal(found.length, 1, `${found.length} blocks begin as ${name}`);
    ran.add(found[0]?.name ?? "");
    return found[0]?.text ?? "";
  };
  await using clone = await Clone.make();
  const keys: Record<string, string> = {};
  let org = "";

  await t.step("the README starts it, and prints the link", async () => {
    const [start = "", test = ""] = block("README.md: npx -y deno@2.9.6 task -q start").split("\n");
    assert.match(test, /^npx -y deno@2\.9\.6 task test /, "the other line is what runs this test");
    await using service = await clone.start(start);
    await service.found("/set-up/", /(http:\/\/localhost:\d+\/set-up\/\S+)/);
  });

  await t.step("it starts without the network", async () => {
    await using _ = await clone.start(block("README.md: npx --offline"));
  });

  await Deno.remove(`${clone.folder}/data`, { recursive: true });
  await t.step("the loop without a browser, and the log verified", async () => {
    const [exported = "", ...starting] = block("README.md: export MGMT=").split("\n");
    const kept = `${exported}\nprintf '%s\\n' "$MGMT" "$APPROVER" > keys.txt\n`;
    await using _ = await clone.start(kept + starting.join("\n"));
    const [MGMT = "", APPROVER = ""] = (await Deno.readTextFile(`${clone.folder}/keys.txt`))
      .split("\n");
    Object.assign(keys, { MGMT, APPROVER });

    const loop = await clone.run(block("README.md: CS=http"), keys);
    assert.deepEqual([loop.code, loop.err], [0, ""], loop.out);
    const [mismatch, consumed, used] = loop.out.trim().split("\n").slice(-3);
    assert.match(mismatch ?? "", /"code":"action_mismatch".*"\/arguments\/amount"/);
    assert.match(consumed ?? "", /"consumed_at"/);
    assert.match(used ?? "", /"code":"token_used"/);

    const CS = `http://localhost:${clone.port}/v1`;
    await receiptOf(clone, block("docs/receipts.md: CS=http"), { ...keys, CS });
    const at = { COUNTERSIGN_URL: `http://localhost:${clone.port}` };
    const credential = block('docs/gateway.md: curl "$COUNTERSIGN_URL/v1/credentials"')
      .replace('"secret": "…"', '"secret": "token-of-the-notes"');
    const stored = await clone.run(credential, { ...at, MANAGEMENT_KEY: MGMT });
    assert.match(stored.out, /"id":"crd_.*"state":"ready"/, stored.err);
    const servers = [{ url: "https://api.example.com/v1" }];
    const parameters = ["account", "customer"]
      .map((name) => ({ name, in: "query", schema: { type: "string" } }));
    const paths = { "/refunds": { post: { operationId: "refund", parameters } } };
    const document = { openapi: "3.1.0", info: {}, servers, paths };
    await Deno.writeTextFile(`${clone.folder}/openapi.json`, JSON.stringify(document));
    const api = block("docs/gateway.md: (printf");
    const named = await clone.run(api, { ...at, MANAGEMENT_KEY: MGMT });
    assert.match(named.out, /"kind":"openapi".*"draft":1/, named.err);
    const reading = block("docs/gateway.md: curl -X PATCH");
    const read = await clone.run(reading, { ...at, MANAGEMENT_KEY: MGMT });
    assert.match(read.out, /"facts":\{"tenant":"\/customer","resource":"\/account"\}/, read.err);
    const tool = await fetch(`${CS}/tools/notes/read`, {
      method: "PUT",
      headers: { "x-api-key": MGMT },
      body: JSON.stringify({ annotations_acknowledged: true, default_permission: "allowed" }),
    });
    assert.equal(tool.status, 201, await tool.text());
    const guarding = block("docs/guards.md: curl -X PATCH");
    const guarded = await clone.run(guarding, { ...at, COUNTERSIGN_MANAGEMENT_KEY: MGMT });
    assert.match(guarded.out, /"kind":"path_traversal"/, guarded.err);
    const agent = await fetch(`${CS}/agents`, {
      method: "POST",
      headers: { "x-api-key": MGMT },
      body: JSON.stringify({ name: "night shift" }),
    });
    const { token: COUNTERSIGN_AGENT_TOKEN } = await agent.json();
    const narrowing = block('docs/agents.md: curl -s "$COUNTERSIGN_URL/v1/sub-tokens"');
    const narrowed = await clone.run(narrowing, { ...at, COUNTERSIGN_AGENT_TOKEN });
    assert.match(narrowed.out, /"tools":\["notes\/read"\].*"token":"st_/, narrowed.err);
    const got = await fetch(`${CS}/org`, { headers: { "x-api-key": MGMT } });
    org = (await got.json()).id;
    const verify = block("README.md: ORG=org_…").replace("ORG=org_…", `ORG=${org}`);
    const verified = await clone.run(verify, { ...keys, CS });
    assert.equal(verified.code, 0, verified.err);
    assert.match(verified.out, /OK: the log is what its checkpoint says/);
  });

  await t.step("the walk over OAuth comes to the person", async () => {
    await using _ = await clone.start("npx -y deno@2.9.6 task -q start");
    const walk = clone.here(block("docs/agents.md: npx -y deno@2.9.6 run"));
    await using walking = StartedProcess.inTerminal(clone.folder, walk, {});
    await walking.seen("5. A person has to allow or deny it in their browser");
  });

  await t.step("the operator's commands, on the stopped service's store", async () => {
    const recovered = await clone.run(block("docs/operations.md: deno task -q recover"));
    assert.match(recovered.err, /^No account has the address ann@example\.com/);
    const accept = block("docs/operations.md: deno task -q accept-clock").replace("org_01...", org);
    for (const line of accept.trim().split("\n")) {
      const { out, err } = await clone.run(line);
      assert.match(out + err, /ahead/, line);
    }
    const compacted = await clone.run(block("docs/operations.md: deno task -q compact"));
    assert.equal(compacted.code, 0, compacted.err);
    await using _ = await clone.start(block("docs/operations.md: OTEL_DENO=true"));
  });

  await t.step("the token of a host that reads it from a file", async () => {
    const HOME = await Deno.makeTempDir({ dir: clone.folder });
    const env = { HOME, COUNTERSIGN_AGENT_TOKEN: "cs_agent_x" };
    const kept = await clone.run(block("examples/hosts/README.md: mkdir"), env);
    assert.deepEqual([kept.code, kept.err], [0, ""]);
    const file = `${HOME}/.config/countersign/agent_token`;
    assert.equal(await Deno.readTextFile(file), "cs_agent_x\n");
  });

  await t.step("what is not run is said, with why, and has tasks that exist", async () => {
    const { tasks } = JSON.parse(await projectText("deno.json"));
    for (const { name, text } of blocks) {
      for (const [, task = ""] of text.matchAll(/\btask (?:-q )?([a-z][\w:-]*)/g)) {
        assert.ok(Object.hasOwn(tasks, task), `${name}: there is no task ${task}`);
      }
      if (ran.has(name)) continue;
      const known = Object.keys(NOT_RUN).filter((one) => name.startsWith(one));
      assert.equal(known.length, 1, `No test runs these commands: ${name}`);
      const read = await new Deno.Command("bash", { args: ["-n", "-c", text] }).output();
      assert.ok(read.success, `bash cannot read ${name}`);
    }
    const gone = Object.keys(NOT_RUN).filter((one) =>
      !blocks.some(({ name }) => name.startsWith(one) && !ran.has(name))
    );
    assert.deepEqual(gone, [], "listed as not run, and printed nowhere or run");
  });
});

Deno.test("the command beside each new key and token runs as the page prints it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("fine");
  const owner = await Visitor.of(org, "owner");
  const machine = {
    name: "first",
    tenant_ids: "",
    trust_tier: "0",
    expires_at: "",
    rate_limit_per_minute: "6000",
  };
  const made = [
    ["/agents", machine, /"permission":"allowed"/],
    ["/api-keys", { ...machine, tier: "standard" }, /"permission":"allowed".*"trace":/],
    ["/api-keys", { ...machine, tier: "management" }, /"tools":\[\{"name":"fine"/],
    ["/api-keys", { ...machine, tier: "approver" }, /\{"data":\[\],/],
  ] as const;
  for (const [page, fields, answer] of made) {
    const { html, text } = await owner.send(page, "create", fields);
    const [, command] = /<code>(export COUNTERSIGN_KEY=[^<]*)<\/code>/.exec(html) ?? [];
    assert.ok(command !== undefined, text);
    const { code, out, err } = await runPrinted(unescaped(command));
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, answer, page);
  }
});

/** Every source that shows a text to be copied, and what runs it; null where it is no program. */
const SHOWN: Readonly<Record<string, string | null>> = {
  "components/builder_output.tsx": "tests/onboarding/builder_scripts_test.ts",
  "components/code.tsx": "tests/commands/printed_commands_test.ts",
  "islands/connect.tsx": "tests/onboarding/first_programs_test.ts",
  "routes/pages/activity/evidence.tsx": null,
  "routes/pages/activity/receipt.tsx": null,
  "routes/pages/machines/agent_parts.tsx": "tests/commands/printed_commands_test.ts",
  "routes/pages/machines/api_keys_parts.tsx": "tests/commands/printed_commands_test.ts",
  "routes/pages/notifications/cards.tsx": null,
  "routes/pages/notifications/webhook_parts.tsx": null,
  "routes/pages/quickstart/quickstart.tsx": "tests/browser/quickstart_test.ts",
  "routes/pages/quickstart/sample.tsx": null,
  "routes/pages/quickstart/skill.tsx": null,
  "routes/pages/team/invitation.tsx": null,
  "routes/pages/upstreams/connect.tsx": "tests/pages/connect_test.ts",
};

Deno.test("every page that shows a program is known, with the test that runs it", async () => {
  const files = await sourceFiles();
  const shown: string[] = [];
  for (const path of files.filter((path) => !path.startsWith("tests/"))) {
    if (/<(CodeBlock|NewSecret)\b/.test(await projectText(path))) shown.push(path);
  }
  assert.deepEqual(shown, Object.keys(SHOWN));
  for (const test of Object.values(SHOWN).filter((test) => test !== null)) {
    assert.match(await projectText(test), /runPrinted|runScript/, test);
  }
});
