import assert from "node:assert/strict";
import { z } from "zod";
import { registrationOf } from "../../examples/demo/register_tools.ts";
import { RestClient } from "../../examples/demo/rest_client.ts";
import { NotAsTold, Story } from "../../examples/demo/story.ts";
import { PROJECT, projectText } from "../helpers/project_files.ts";

/** What differs from one run of the demo to the next. */
const CHANCE =
  /\b[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}\b|REF-[0-9A-Z]{8}-[0-9A-Z]{4}|[0-9a-f]{64}|localhost:\d+|\d{4}-\d\d-\d\dT[\d:.]+Z|[\w-]{43} \(pinned|\d+\.\d seconds/g;

/** The lines of a run without what chance makes of them. */
function told(text: string): string[] {
  return text.replace(CHANCE, "…").trim().split("\n").map((line) => line.trim());
}

/** Runs `deno task demo` with its temporary files in `folder`. */
async function runDemo(folder: string) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "demo"],
    cwd: PROJECT,
    env: { TMPDIR: folder, NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

const TOLD = [
  "all 14 tools are in the catalog, each with the schema that its server gave",
  "the tool ran: this is the file on disk",
  "the request is pending, and there is no shopping.txt",
  "changed arguments are refused, with the pointer to what differs; nothing was written",
  "the tool ran as approved: shopping.txt is on disk",
  "refused: 409 token_used",
  "notes.txt is still where it was",
  "it is in the catalog as a draft, for somebody to look at",
  "422 invalid_arguments by the file server's own schema, before a human is bothered",
  "the same call went on by itself: the edit is on disk",
  "the log is whole, and since the earlier checkpoint only grew",
  "the file server ran 3 calls: the log has 3 tokens consumed, 3 executions",
  "the forgery is found, and named",
];

Deno.test("deno task demo governs a real MCP server, checks what it tells and leaves nothing behind", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code, out, err } = await runDemo(folder);
    assert.equal(code, 0, out + err);
    const lines = out.split("\n").map((line) => line.trim());
    for (const claim of TOLD) assert.ok(lines.includes(`✓ ${claim}`), `${claim}, in:\n${out}`);
    assert.doesNotMatch(out + err, /cs_(mgmt|appr|agent|live|run)_/, "secrets are not printed");
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    const readme = await projectText("README.md");
    const [, shown = ""] = /```text\n([^`]*)```/.exec(readme) ?? [];
    assert.deepEqual(told(shown), told(out), "the README shows what the demo prints");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("deno task demo exits with 1 and says why when it cannot do what it tells", async () => {
  const { code, err } = await runDemo("/nowhere");
  assert.equal(code, 1);
  assert.match(err, /^\s*FAILED: \S/);
});

Deno.test("check() prints a claim that holds and throws one that does not", () => {
  const lines: string[] = [];
  const story = new Story((line) => lines.push(line));
  story.step("Arithmetic");
  story.check(true, "one and one are two");
  assert.throws(
    () => story.check(false, "one and one are three"),
    (error) => error instanceof NotAsTold && /one and one are three/.test(error.message),
  );
  assert.deepEqual(lines, ["\n1. Arithmetic", "   ✓ one and one are two"]);
});

Deno.test("send() refuses an answer with another status or without an expected member", async () => {
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => Response.json({ permission: "allowed" }),
  );
  const client = new RestClient(`http://127.0.0.1:${server.addr.port}`, "cs_live_key");
  const ask = (status: number, body: z.ZodType) =>
    client.post("/v1/permissions/check", {}, { status, body });
  await assert.rejects(ask(409, z.looseObject({})), NotAsTold);
  await assert.rejects(ask(200, z.object({ token: z.string() })), NotAsTold);
  assert.deepEqual(await ask(200, z.object({ permission: z.literal("allowed") })), {
    permission: "allowed",
  });
});

Deno.test("registrationOf() allows what says that it only reads, and nothing else", () => {
  const inputSchema = { type: "object" as const };
  const tool = (annotations?: Record<string, boolean>) =>
    registrationOf({
      name: "t",
      inputSchema,
      ...(annotations === undefined ? {} : { annotations }),
    });
  const cases = [
    [tool({ readOnlyHint: true }), "allowed", false, "low"],
    [tool({ readOnlyHint: true, destructiveHint: true }), "allowed", false, "low"],
    [tool({ readOnlyHint: false, destructiveHint: false }), "requires_approval", false, "medium"],
    [tool({ destructiveHint: true }), "requires_approval", true, "high"],
    [tool({}), "requires_approval", true, "high"],
    [tool(), "requires_approval", true, "high"],
  ] as const;
  for (const [made, permission, destructive, risk] of cases) {
    assert.equal(made.default_permission, permission);
    assert.equal(made.annotations.destructive, destructive);
    assert.equal(made.risk_level, risk);
  }
});
