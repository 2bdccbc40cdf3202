import assert from "node:assert/strict";
import {
  FIRST_TOOL,
  firstPrograms,
  type Program,
  TOKEN_VARIABLE,
} from "../../lib/onboarding/programs.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { type RanProgram, runPrinted } from "../helpers/printed_program.ts";
import { projectText } from "../helpers/project_files.ts";

/** Saves a program under its name and runs it by the command that stands beside it. */
const run = ({ file, text, command }: Program, token: string) =>
  runPrinted(command, { files: { [file]: text }, env: { [TOKEN_VARIABLE]: token } });

/** Runs a program whose request somebody decides; answers what came of it, and where they looked. */
async function runDecided(
  { org, token, program }: Beginning,
  decision: "approve" | "deny",
  note?: string,
): Promise<{ readonly ran: RanProgram; readonly review: string }> {
  let ended = false;
  const running = run(program, token).finally(() => ended = true);
  let found: { id: string; review_url: string } | undefined;
  while (found === undefined && !ended) {
    found = (await org.get("/v1/approvals?status=pending", org.approver)).body.data[0];
  }
  if (found === undefined) assert.fail(`it asked nobody: ${JSON.stringify(await running)}`);
  const body = { decision, decided_by: "ann@example.com", ...(note && { note }) };
  const got = await org.post(`/v1/approvals/${found.id}/decide`, body, org.approver);
  assert.equal(got.status, 200, got.text);
  return { ran: await running, review: found.review_url };
}

const types = async (org: TestOrg) =>
  (await org.get(`/v1/activity?order=asc&tool_name=${FIRST_TOOL}`)).body.data
    .map(({ type }: { type: string }) => type);

/** An organization with an approver and an agent, and the program in one language for it. */
interface Beginning {
  readonly org: TestOrg;
  readonly token: string;
  readonly program: Program;
}

async function beginning(
  countersign: Countersign,
  language: Program["language"],
): Promise<Beginning> {
  const org = await countersign.org();
  await org.member("ann@example.com");
  const token = await org.agent({ name: "my-first-agent" });
  const program = firstPrograms(countersign.origin).find((one) => one.language === language) ??
    assert.fail();
  return { org, token, program };
}

for (const { language } of firstPrograms("http://localhost:8000")) {
  Deno.test(`the program in ${language} says where it is decided, runs its tool once it is approved, and logs that`, async () => {
    await using countersign = await Countersign.start();
    const begun = await beginning(countersign, language);
    const { ran, review } = await runDecided(begun, "approve");
    assert.deepEqual(ran, {
      code: 0,
      out: "Hello, world!\n",
      err: `Waiting for a human: ${review}\n`,
    });
    assert.deepEqual((await types(begun.org)).slice(-3), [
      "token.minted",
      "token.consumed",
      "execution.logged",
    ]);
  });

  Deno.test(`the program in ${language} says in one line that it was denied, and can be tried again at once`, async () => {
    await using countersign = await Countersign.start();
    const begun = await beginning(countersign, language);
    const { ran: denied, review } = await runDecided(begun, "deny", "not\nnow");
    assert.deepEqual([denied.code, denied.out], [1, ""]);
    const [waiting, why, end, ...more] = denied.err.split("\n");
    assert.equal(waiting, `Waiting for a human: ${review}`);
    assert.match(why ?? "", /^hello_world did not run: .*(REF-|\/approvals\/apr_|denied)/);
    assert.match(why ?? "", /denied/);
    assert.deepEqual([end, more], ["", []]);
    assert.equal((await types(begun.org)).includes("token.minted"), false);

    const { ran: again } = await runDecided(begun, "approve");
    assert.deepEqual([again.code, again.out], [0, "Hello, world!\n"]);
  });

  Deno.test(`the program in ${language} says in one line what else refuses it`, async () => {
    await using countersign = await Countersign.start();
    const { org, token, program } = await beginning(countersign, language);
    await org.tool(FIRST_TOOL, { default_permission: "disabled" });
    const [gone] = firstPrograms("http://localhost:1")
      .filter((one) => one.language === language);
    const refused = [
      [run(program, token), /the answer is disabled/],
      [run(program, "cs_agent_" + "x".repeat(40)), /invalid_credentials/],
      [run(program, ""), /[Pp]ut the token of your agent into COUNTERSIGN_AGENT_TOKEN/],
      [run(gone ?? assert.fail(), token), /does not answer at http:\/\/localhost:1$/],
    ] as const;
    for (const [running, why] of refused) {
      const { code, out, err } = await running;
      assert.deepEqual([code, out], [1, ""]);
      const [line, end, ...more] = err.split("\n");
      assert.match(line ?? "", why);
      assert.deepEqual([end, more], ["", []], err);
    }
    assert.equal((await types(org)).includes("token.minted"), false);
  });
}

Deno.test("the programs hold no token, and the whole guard of the examples", async () => {
  const programs = firstPrograms("https://countersign.example");
  const [, typescript, python] = programs;
  const guard = async (name: string) => (await projectText(`examples/${name}`)).trimEnd();
  assert.ok(typescript?.text.includes(await guard("guard.ts")));
  const functions = (text: string) => text.slice(text.indexOf("from urllib"));
  assert.ok(python?.text.includes(functions(await guard("guard.py"))));
  for (const { text } of programs) {
    assert.doesNotMatch(text, /cs_[a-z]+_/);
    assert.match(text, /https:\/\/countersign\.example\b/);
  }
});
