/// <reference lib="dom" />
import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { approvalRecord } from "../../lib/store/records/approval.ts";
import { approvalKey } from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import {
  approveButton,
  denyOnPage,
  memberAtBrowser,
  readToTheEnd,
  signOnPage,
  statusOf,
  unlocked,
} from "./browser_member.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";
import { lookFaults } from "../helpers/page_look.ts";

/** The page of one request: what stands first, how it is decided, and what it says afterwards. */

const TOOL = "refund_payment";

const SIGHTS = [390, 1280].flatMap((width) =>
  (["light", "dark"] as const).map((scheme) => ({ width: width as 390 | 1280, scheme }))
);

async function moneyOrg(): Promise<DecisionOrg> {
  const it = await DecisionOrg.start();
  await it.org.tool(TOOL, {
    default_permission: "requires_approval",
    risk_level: "high",
    description: "Pays money back",
    annotations: { read_only: false, destructive: true, idempotent: false, open_world: true },
    parameters: { type: "object", properties: { amount: { type: "integer" } } },
  });
  return it;
}

const refund = (amount: number, fields: JsonObject = {}) => ({
  tool_name: TOOL,
  resource_id: `order-${amount}`,
  arguments: { amount },
  ...fields,
});

Deno.test("browser: the danger of a request is on the first screen, before its arguments", async () => {
  await using it = await moneyOrg();
  await using browser = await TestBrowser.start();
  const agent = await it.org.agent({ name: "billing-bot" });
  const other = await it.person("approver");
  await other.approve((await it.pending(refund(1000), agent)).id);
  await other.deny((await it.pending(refund(4000), agent)).id);
  it.countersign.clock.advance(11 * 60_000);
  const { id } = await it.pending({ ...refund(4000), reason: "word ".repeat(400) }, agent);
  for (const sight of SIGHTS) {
    const { tab } = await memberAtBrowser(browser, it, "owner", sight);
    await tab.goto(`/approvals/${id}`);
    const danger = tab.page.getByRole("group", { name: "Danger" });
    for (
      const words of [
        "High risk",
        "Destructive",
        "Asked twice, denied once",
        "4× the last approved",
        "Leaves your systems",
      ]
    ) {
      const box = await danger.getByText(words, { exact: true }).boundingBox();
      assert.ok(box !== null && box.y + box.height < 300, `${words} at ${JSON.stringify(box)}`);
    }
    const [chips, args] = await Promise.all([
      danger.boundingBox(),
      tab.page.getByRole("heading", { name: "Arguments" }).boundingBox(),
    ]);
    // However long an agent talks, what it would do is on the first screen.
    assert.ok(chips !== null && args !== null && chips.y < args.y && args.y < 400);
    await tab.close();
  }
});

Deno.test("browser: page, sheets and what comes after are sound in both themes, at both widths", async () => {
  await using it = await moneyOrg();
  await using browser = await TestBrowser.start();
  const agent = await it.org.agent({ name: "billing-bot" });
  let amount = 0;
  for (const sight of SIGHTS) {
    const { tab } = await memberAtBrowser(browser, it, "owner", sight);
    const { page } = tab;
    const sound = async (what: string) => {
      const where = `${what}, ${JSON.stringify(sight)}`;
      assert.deepEqual(await tab.axe(), [], where);
      assert.equal(await tab.scrollsSideways(), false, where);
      assert.deepEqual(await lookFaults(tab), [], where);
    };
    const { id } = await it.pending(refund(++amount), agent);
    await it.pending(refund(1000 + amount), agent);
    await tab.goto(`/approvals/${id}`);
    await sound("pending");
    assert.equal(await filledRed(tab), 0);
    await page.getByRole("button", { name: "Deny", exact: true }).click();
    await page.getByRole("dialog").waitFor();
    await sound("the sheet");
    assert.equal(await filledRed(tab), 1);
    // Motion that nobody asked for: the test browser prefers none.
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await sound("the keys");
    await page.keyboard.press("Escape");
    await signOnPage(tab);
    await sound("approved");
    assert.equal(await filledRed(tab), 0);
    await page.getByRole("button", { name: "Revoke" }).click();
    await statusOf(tab, "Revoked");
    await sound("revoked");
    const { id: other } = await it.pending(refund(2000 + amount), agent);
    await tab.goto(`/approvals/${other}`);
    await denyOnPage(tab, { reason: "Not now", note: "Ask on Monday." });
    await sound("denied");
    await tab.close();
  }
});

/** How many elements are filled with the red of what cannot be taken back. */
async function filledRed({ page }: Tab): Promise<number> {
  return await page.evaluate(() => {
    const probe = document.createElement("div");
    probe.className = "confirmation";
    probe.append(Object.assign(document.createElement("b"), { className: "button-danger" }));
    document.body.append(probe);
    const red = getComputedStyle(probe.firstElementChild ?? probe).backgroundColor;
    probe.remove();
    return [...document.querySelectorAll("body *")].filter((one) =>
      one.checkVisibility() && getComputedStyle(one).backgroundColor === red
    ).length;
  });
}

Deno.test("browser: one of 140 is approved from its notification by two taps and the passkey", async () => {
  await using it = await moneyOrg();
  await using browser = await TestBrowser.start();
  const ids: string[] = [];
  for (let of = 0; of < 7; of++) {
    const agent = await it.org.agent({ name: `bot-${of}` });
    for (let n = 0; n < 20; n++) ids.push((await it.pending(refund(100 * of + n), agent)).id);
    it.countersign.clock.advance(1000);
  }
  const { tab } = await memberAtBrowser(browser, it, "approver", { width: 390 });
  const { page } = tab;
  await page.addInitScript(() => {
    const count = () => Number(sessionStorage.getItem("taps") ?? "0");
    addEventListener("click", () => sessionStorage.setItem("taps", `${count() + 1}`), true);
  });
  const [first = "", ...others] = ids;
  const chosen = others[70] ?? "";
  // The first tap is on the notification, whose address this is.
  await tab.goto(`/approvals/${chosen}`);
  await readToTheEnd(tab);
  await unlocked(tab);
  const sent = page.waitForRequest("**/approve");
  await signOnPage(tab);
  assert.equal(await page.evaluate(() => sessionStorage.getItem("taps")), "1");
  assert.equal(await it.status(chosen), "approved");

  // The bytes that were signed are those of the record, which the page computed from what it showed.
  const { view_digest, action_digest } = (await sent).postDataJSON();
  const key = approvalKey(it.org.id, chosen);
  const record = (await readRecord(it.countersign.services.deps.kv, key, approvalRecord))?.value;
  assert.deepEqual([view_digest, action_digest], [record?.view_digest, record?.action_digest]);

  // What happened stands at the top and has the focus; what is left is one step away.
  const outcome = page.getByRole("status").filter({ hasText: "Approved." });
  assert.equal(await outcome.evaluate((element) => element === document.activeElement), true);
  assert.equal(await page.evaluate(() => scrollY), 0);
  assert.match(await outcome.innerText(), /bot-3 …\w{6} has until .+ to run it, once\./);
  await outcome.getByRole("link", { name: "139 more: Next" }).click();
  await page.waitForURL(`**/approvals/${first}`);
});

Deno.test("browser: a denial takes effect at once, and what comes after is what expires first", async () => {
  await using it = await moneyOrg();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page } = tab;
  const { id } = await it.pending(refund(1));
  await it.pending(refund(2));
  const { id: soon } = await it.pending({ ...refund(3), timeout_seconds: 120 });
  await tab.goto(`/approvals/${id}`);
  await page.getByRole("button", { name: "Deny", exact: true }).click();
  const sheet = page.getByRole("dialog", { name: /^Deny refund_payment for / });
  assert.equal(await sheet.getByRole("radio").count(), 6);
  assert.equal(await sheet.getByRole("radio", { checked: true }).count(), 0);
  // An API key is not paused.
  assert.equal(await sheet.getByRole("checkbox").count(), 0);
  await sheet.getByRole("button", { name: "Cancel" }).click();
  await sheet.waitFor({ state: "detached" });
  assert.equal(await it.status(id), "pending");
  await denyOnPage(tab, { reason: "Wrong amount", note: "Half of it" });
  assert.equal(await it.status(id), "denied");
  await page.getByText("Denied. ").waitFor();
  await page.getByText("Wrong amount: Half of it").waitFor();
  await page.getByRole("link", { name: "2 more: Next" }).click();
  await page.waitForURL(`**/approvals/${soon}`);
});

Deno.test("browser: a locked Approve says why, and leads to what was not seen", async () => {
  await using it = await moneyOrg();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner", { width: 390 });
  const { page } = tab;
  const text = Array.from({ length: 200 }, (_, n) => `line ${n}`).join("\n");
  const { id } = await it.pending({ ...refund(1), arguments: { text } });
  await tab.goto(`/approvals/${id}`);
  assert.equal(await approveButton(tab).getAttribute("aria-disabled"), "true");
  await approveButton(tab).focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => scrollY > 0);
  await page.getByText("Not all seen yet.").waitFor();
  assert.equal(await it.status(id), "pending");
});

Deno.test("browser: without script a request is read and denied", async () => {
  await using it = await moneyOrg();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner", { script: false, width: 390 });
  const { page } = tab;
  const agent = await it.org.agent({ name: "billing-bot" });
  const { id } = await it.pending({ ...refund(4711), reason: "It came back" }, agent);
  await it.pending(refund(1), agent);
  await page.goto(`/approvals/${id}`);
  for (const words of ["4711", "It came back", "High risk"]) {
    await page.getByText(words).first().waitFor();
  }
  await page.getByText(/Approving needs a passkey and script\. Denying works without, until .+ UTC/)
    .waitFor();
  assert.equal(await page.getByText("Show what is left").isVisible(), false);
  await page.getByRole("button", { name: "Deny", exact: true }).click();
  await page.waitForURL(`**/approvals/${id}/deny?`);
  await page.getByLabel("Looks suspicious").check();
  await page.getByLabel("Note").fill("Not yours");
  await page.getByLabel("Pause the agent too").check();
  await page.getByRole("button", { name: "Deny", exact: true }).click();
  await page.getByText("is paused: all it asks is refused").waitFor();
  await page.getByText("Looks suspicious: Not yours").waitFor();
  await page.getByRole("link", { name: "1 more: Next" }).waitFor();
  assert.equal(await it.status(id), "denied");
});
