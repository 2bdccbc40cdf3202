import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { signOnPage, statusOf } from "./browser_member.ts";
import { acceptInvitationAs, firstRun, signInByPasskey } from "../helpers/browser_people.ts";
import { Countersign, TestClock, type TestOrg } from "../helpers/countersign.ts";
import { PROJECT } from "../helpers/project_files.ts";

const TOOL = "refund_payment";
const ACTION = { tool_name: TOOL, resource_id: "order-77", arguments: { amount: 40 } };

/** Runs `deno task verify` as it stands in deno.json, without a network. */
async function verify(...files: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-read", "verify.ts", ...files],
    cwd: PROJECT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

/** Saves what a link or button of the page downloads. */
async function download({ page }: Tab, press: () => Promise<void>, to: string): Promise<void> {
  const begun = page.waitForEvent("download");
  await press();
  await (await begun).saveAs(to);
}

/** What an agent posts, answered by `status`. */
async function post(org: TestOrg, key: string, path: string, body: JsonObject, status: number) {
  const got = await org.post(path, body, key);
  assert.equal(got.status, status, got.text);
  return got.body;
}

Deno.test("end to end: from the set-up link to a log that is verified offline with the passkey's signature", async (t) => {
  await using countersign = await Countersign.start({
    localhost: true,
    clock: new TestClock(Date.now()),
  });
  const { origin, mail } = countersign;
  await using browser = await TestBrowser.start();
  const owner = await browser.open({ origin, passkeys: true });
  const approver = await browser.open({ origin, passkeys: true, width: 390, scheme: "dark" });
  let org!: TestOrg;
  let key = "";

  await t.step("the first run makes an owner with a passkey and recovery codes", async () => {
    const first = await firstRun(owner, countersign, { email: "olivia@example.com" });
    org = first.org;
    assert.equal(first.recovery_codes.length, 10);
  });

  await t.step("the owner signs out, and in again by passkey alone", async () => {
    await owner.page.getByRole("button", { name: "Sign out" }).first().click();
    await owner.page.waitForURL("**/sign-in");
    await signInByPasskey(owner);
  });

  await t.step("the owner registers a tool that needs approval", async () => {
    const { page } = owner;
    await owner.goto("/tools/new");
    await page.getByLabel("Name", { exact: true }).fill(TOOL);
    await page.getByLabel("Description").fill("Refunds a payment");
    await page.getByLabel("Parameter schema").fill(JSON.stringify({
      type: "object",
      required: ["amount"],
      properties: { amount: { type: "integer", minimum: 1, title: "Cents" } },
    }));
    await page.getByLabel("I have checked these four").check();
    await page.locator('input[name="default_permission"][value="requires_approval"]').check();
    await page.getByRole("button", { name: "Register tool" }).click();
    await page.waitForURL(`**/tools/${TOOL}`);
  });

  await t.step("the owner makes an agent", async () => {
    const { page } = owner;
    await owner.goto("/quickstart");
    await page.getByLabel("Name", { exact: true }).fill("billing-agent");
    await page.getByRole("button", { name: "Make the agent" }).click();
    const text = await page.locator("pre", { hasText: "export COUNTERSIGN_" }).innerText();
    key = /cs_agent_[0-9a-z]+/.exec(text)?.[0] ?? assert.fail(text);
    await owner.hydrated();
    await page.locator(".live-live").waitFor();
  });

  await t.step("an approver accepts an invitation in a browser of their own", async () => {
    const inviting = await browser.open({ origin });
    await inviting.context.addCookies(await owner.context.cookies());
    const { page } = inviting;
    await inviting.goto("/team");
    await page.getByLabel("E-mail address").fill("anna@example.com");
    await page.getByRole("button", { name: "Invite", exact: true }).click();
    const link = await page.locator("pre", { hasText: "/invitation/" }).innerText();
    await acceptInvitationAs(approver, mail, { email: "anna@example.com", link: link.trim() });
    await approver.goto("/approvals");
    await approver.page.getByText("Nothing waits for you").waitFor();
    await approver.page.locator(".live-live").waitFor();
    await inviting.close();
  });

  let token = "";
  await t.step("a check arrives live, is approved, and the agent's wait returns", async () => {
    const asked = post(org, key, "/v1/permissions/check", {
      ...ACTION,
      reason: "The parcel arrived broken",
      request: true,
      mint: true,
      wait: 60,
    }, 200);
    const row = approver.page.getByRole("link").filter({ hasText: TOOL });
    await row.waitFor();
    // The page that showed the key has watched for this.
    await owner.page.getByText("The first check has come").waitFor();
    await row.click();
    await approver.page.waitForURL("**/approvals/apr_*");
    await approver.hydrated();
    const page = approver.page;
    assert.match(
      await page.locator("h1").innerText(),
      /billing-agent.*refund_payment.*order-77/s,
    );
    await page.getByText("The parcel arrived broken").waitFor();
    await signOnPage(approver);
    // The agent waits for it, so its token is minted at once.
    await statusOf(approver, "Used");
    const answer = await asked;
    assert.equal(answer.permission, "requires_approval");
    assert.equal(answer.approval.status, "approved");
    token = answer.token ?? assert.fail("the check gave no token");
  });

  await t.step("the token counts once, and the page follows along", async () => {
    const other = { ...ACTION, arguments: { amount: 4000 }, token };
    const refused = await post(org, key, "/v1/tokens/consume", other, 409);
    assert.deepEqual(refused.differs, ["/arguments/amount"]);
    await post(org, key, "/v1/tokens/consume", { ...ACTION, token }, 200);
    await approver.page.getByText("Run token used: it runs").waitFor();
    await post(org, key, "/v1/tokens/consume", { ...ACTION, token }, 409);
    const report = { tool_name: TOOL, token, execution_result: "success", duration_ms: 12 };
    await post(org, key, "/v1/executions/log", report, 201);
    await approver.page.getByText("Result: success").waitFor();
  });

  await t.step("the exported log is verified offline, the signature with it", async () => {
    const folder = await Deno.makeTempDir();
    try {
      const { page } = owner;
      await owner.goto("/activity/evidence");
      const link = page.locator('a[href$="/checkpoint.txt"]').first();
      await download(owner, () => link.click(), `${folder}/checkpoint.txt`);
      await page.getByLabel("With private parts").check();
      await page.getByRole("button", { name: "Export" }).click();
      const button = page.getByRole("button", { name: "Download" });
      await download(owner, () => button.click(), `${folder}/log.ndjson`);
      const saved = await Deno.readTextFile(`${folder}/log.ndjson`);
      const got = await countersign.request("GET", `/.well-known/countersign/keys/${org.id}`);
      await Deno.writeTextFile(`${folder}/keys.json`, got.text);

      const files = [
        `${folder}/log.ndjson`,
        "--checkpoint",
        `${folder}/checkpoint.txt`,
        "--keys",
        `${folder}/keys.json`,
      ];
      const fine = await verify(...files);
      assert.equal(fine.code, 0, fine.out + fine.err);
      assert.match(fine.out, /^OK: the log is what its checkpoint says/);
      assert.match(fine.out, /approvals +1 signed decisions checked/);

      // An approval that is said to be of another level is found.
      const forged = saved.replace(/"level":1(?=[^\n]*"type":"approval\.decided")/, '"level":2');
      assert.notEqual(forged, saved);
      await Deno.writeTextFile(`${folder}/log.ndjson`, forged);
      const wrong = await verify(...files);
      assert.equal(wrong.code, 1, wrong.out);
      assert.match(wrong.out, /^WRONG at entry \d+/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});
