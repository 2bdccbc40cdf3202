import assert from "node:assert/strict";
import { connectSnippets, FIRST_TOOL, type Snippet } from "../../lib/onboarding/snippets.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { projectText } from "../helpers/project_files.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const PROGRAMS: Readonly<Record<Snippet["language"], readonly string[]>> = {
  curl: ["bash"],
  TypeScript: [Deno.execPath(), "run", "--no-prompt", "--allow-net", "--allow-env=COUNTERSIGN_KEY"],
  Python: ["python3", "-B"],
};

/** Saves a snippet under its name and runs it, as its reader does. */
async function run({ language, file, text }: Snippet, key: string): Promise<Ran> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/${file}`, text);
    const [program = "", ...args] = PROGRAMS[language];
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: [...args, file],
      cwd: folder,
      env: { COUNTERSIGN_KEY: key, NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Decides the first request as soon as there is one. */
async function decide(org: TestOrg, decision: "approve" | "deny"): Promise<void> {
  let id: string | undefined;
  while (id === undefined) {
    id = (await org.get("/v1/approvals?status=pending", org.approver)).body.data[0]?.id;
  }
  const body = { decision, decided_by: "ann@example.com" };
  const got = await org.post(`/v1/approvals/${id}/decide`, body, org.approver);
  assert.equal(got.status, 200, got.text);
}

const types = async (org: TestOrg) =>
  (await org.get(`/v1/activity?order=asc&tool_name=${FIRST_TOOL}`)).body.data
    .map(({ type }: { type: string }) => type);

for (const { language } of connectSnippets("http://localhost:8000")) {
  const snippetAt = (origin: string) =>
    connectSnippets(origin).find((snippet) => snippet.language === language) ?? assert.fail();

  Deno.test(`the program in ${language} runs its tool once a human approved it, and logs that`, async () => {
    await using countersign = await Countersign.start();
    const org = await countersign.org();
    await org.member("ann@example.com");
    const [ran] = await Promise.all([
      run(snippetAt(countersign.origin), org.standard),
      decide(org, "approve"),
    ]);
    assert.deepEqual(ran, { code: 0, out: "Hello, world!\n", err: "" });
    assert.deepEqual((await types(org)).slice(-3), [
      "token.minted",
      "token.consumed",
      "execution.logged",
    ]);
  });

  Deno.test(`the program in ${language} does not run its tool when it is denied or disabled`, async () => {
    await using countersign = await Countersign.start();
    const org = await countersign.org();
    await org.member("ann@example.com");
    const snippet = snippetAt(countersign.origin);
    const [denied] = await Promise.all([run(snippet, org.standard), decide(org, "deny")]);
    await org.tool(FIRST_TOOL, { default_permission: "disabled" });
    const disabled = await run(snippet, org.standard);
    for (const [{ code, out, err }, why] of [[denied, /denied/], [disabled, /disabled/]] as const) {
      assert.notEqual(code, 0);
      assert.equal(out, "");
      assert.match(err, why);
    }
    assert.equal((await types(org)).includes("token.minted"), false);
  });

  Deno.test(`the program in ${language} says what is wrong with its key`, async () => {
    await using countersign = await Countersign.start();
    await countersign.org();
    const { code, out, err } = await run(
      snippetAt(countersign.origin),
      "cs_live_" + "x".repeat(40),
    );
    assert.deepEqual([code === 0, out], [false, ""]);
    assert.match(err, /invalid_credentials/);
  });
}

Deno.test("the programs hold no key, and the whole guard of the examples", async () => {
  const [, typescript, python] = connectSnippets("https://countersign.example");
  const guard = async (name: string) => (await projectText(`examples/${name}`)).trimEnd();
  assert.ok(typescript?.text.includes(await guard("guard.ts")));
  const functions = (text: string) => text.slice(text.indexOf("from urllib"));
  assert.ok(python?.text.includes(functions(await guard("guard.py"))));
  for (const { text } of connectSnippets("https://countersign.example")) {
    assert.doesNotMatch(text, /cs_[a-z]+_/);
    assert.match(text, /https:\/\/countersign\.example\b/);
  }
});
