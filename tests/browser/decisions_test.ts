/// <reference lib="dom" />
import assert from "node:assert/strict";
import { TOOL } from "../helpers/approval_org.ts";
import { TestBrowser } from "../helpers/browser.ts";
import {
  approveButton,
  approveOnPage,
  denyOnPage,
  memberAtBrowser,
  readToTheEnd,
  signOnPage,
  statusOf,
  unlocked,
} from "./browser_member.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";

const ACTION = { tool_name: TOOL, resource_id: "server-1", arguments: { force: true } };

Deno.test("browser: a denial with a quick reason reaches the agent, and can pause it", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const agent = await it.org.agent({ name: "cleaner" });
  const { id } = await it.pending(ACTION, agent);
  const waiting = it.org.get(`/v1/approvals/${id}?wait=30`, agent);
  await tab.goto(`/approvals/${id}`);
  await denyOnPage(tab, { reason: "Wrong target", note: "ask Bo first" });
  const { body } = await waiting;
  assert.equal(body.status, "denied");
  assert.deepEqual([body.decisions[0].quick_reason, body.decisions[0].note], [
    "wrong_target",
    "ask Bo first",
  ]);

  const again = await it.pending({ ...ACTION, resource_id: "server-2" }, agent);
  await tab.goto(`/approvals/${again.id}`);
  await denyOnPage(tab, { pause: true });
  await tab.page.getByText("is paused: all it asks is refused").waitFor();
  const check = await it.org.post("/v1/permissions/check", ACTION, agent);
  assert.deepEqual([check.body.permission, check.body.resolved_from], ["disabled", "kill_switch"]);
});

Deno.test("browser: two levels take two people, each with their own passkey", async () => {
  await using it = await DecisionOrg.start();
  await it.secondLevel();
  await using browser = await TestBrowser.start();
  const first = await memberAtBrowser(browser, it, "approver", { groups: [1] });
  const second = await memberAtBrowser(browser, it, "approver", { groups: [2] });
  await second.tab.goto("/approvals");
  await second.tab.page.getByText("Nothing waits for you").waitFor();
  const { id, reference } = await it.pending(ACTION);
  await first.tab.goto(`/approvals/${id}`);
  await signOnPage(first.tab);
  await first.tab.page.getByText("You have decided a level of this already").waitFor();
  assert.equal(await approveButton(first.tab).count(), 0);
  assert.equal(await it.status(id), "pending");

  // It came to the other's inbox by itself, and only now.
  await second.tab.page.getByRole("link").filter({ hasText: TOOL }).click();
  await second.tab.page.getByText(reference).waitFor();
  await second.tab.hydrated();
  await approveOnPage(second.tab);
  assert.equal(await it.status(id), "approved");
});

Deno.test("browser: who answers for the agent decides, unless duties are separated", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab, person } = await memberAtBrowser(browser, it, "owner");
  const agent = await it.org.agent({ members_behind: [person.id] });
  const alone = await it.pending(ACTION, agent);
  await tab.goto(`/approvals/${alone.id}`);
  await approveOnPage(tab);
  assert.equal(await it.status(alone.id), "approved");

  const open = await it.pending({ ...ACTION, resource_id: "server-2" }, agent);
  await tab.goto(`/approvals/${open.id}`);
  await approveButton(tab).waitFor();
  // Switched on while the page is open: it says so by itself.
  await it.settings({ separation_of_duties: true });
  await tab.page.getByText("You answer for who asks, so somebody else has to decide").waitFor();
  assert.equal(await approveButton(tab).count(), 0);
  assert.equal(await tab.page.getByRole("button", { name: "Deny", exact: true }).count(), 0);
});

Deno.test("browser: what happens to a request while its page is open", async (t) => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const { page } = tab;
  const opened = async (resource_id: string) => {
    const approval = await it.pending({ ...ACTION, resource_id });
    await tab.goto(`/approvals/${approval.id}`);
    await readToTheEnd(tab);
    await unlocked(tab);
    return approval.id as string;
  };

  await t.step(
    "asked again: what is new is shown, and Approve is locked for a second",
    async () => {
      await opened("asked-again");
      await page.evaluate(() => {
        const { classList } = document.documentElement;
        new MutationObserver(() => {
          const button = document.querySelector(".decision-approve button");
          if (button?.ariaDisabled === "true") classList.add("was-locked");
        }).observe(document.body, { subtree: true, childList: true, attributes: true });
      });
      await it.ask({ ...ACTION, resource_id: "asked-again", reason: "now it is urgent" });
      await page.getByText("now it is urgent").waitFor();
      await page.locator("html.was-locked").waitFor();
      await approveOnPage(tab);
    },
  );

  await t.step("expired: the page says so, and nothing is left to press", async () => {
    const id = await opened("expires");
    it.countersign.clock.advance(60 * 60 * 1000);
    await page.getByText("Expired: nobody decided in time.").waitFor();
    assert.equal(await approveButton(tab).count(), 0);
    assert.equal(await it.status(id), "expired");
  });

  await t.step("withdrawn: the same", async () => {
    const id = await opened("withdrawn");
    await it.cancel(id);
    await page.getByText("The requester withdrew it.").waitFor();
    assert.equal(await approveButton(tab).count(), 0);
  });

  await t.step("the tool changed: the page says what that means", async () => {
    const id = await opened("changed");
    const change = { risk_level: "low" };
    assert.equal((await it.org.manage("PATCH", `/v1/tools/${TOOL}`, change)).status, 200);
    await page.getByText("It was cancelled, because its tool was changed").waitFor();
    assert.equal(await approveButton(tab).count(), 0);
    assert.equal(await it.status(id), "cancelled");
  });
});

Deno.test("browser: a page that heard nothing of it cannot decide what is over or another", async (t) => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  const other = await it.person("approver");
  const { page } = tab;
  // Its stream is held: the page goes on showing what was there when it was loaded.
  await page.route("**/live", () => {});
  tab.expected.push(/status of 409/, /ERR_FAILED|ERR_ABORTED/);
  const stale = async (resource_id: string) => {
    const approval = await it.pending({ ...ACTION, resource_id });
    await tab.goto(`/approvals/${approval.id}`);
    await readToTheEnd(tab);
    await unlocked(tab);
    return approval.id as string;
  };
  const decisions = async (id: string) => (await it.get(id)).body.decisions.length;

  await t.step("withdrawn", async () => {
    const id = await stale("withdrawn");
    await it.cancel(id);
    await approveButton(tab).click();
    await page.getByRole("alert").filter({ hasText: /cancelled|withdrawn|withdrew/ }).waitFor();
    assert.equal(await decisions(id), 0);
  });

  await t.step("denied by another", async () => {
    const id = await stale("denied");
    await other.deny(id);
    await approveButton(tab).click();
    await page.getByRole("alert").filter({ hasText: "denied" }).waitFor();
    assert.equal(await it.status(id), "denied");
  });

  await t.step("asked again: what was signed is not what there is to sign now", async () => {
    const id = await stale("asked-again");
    await it.ask({ ...ACTION, resource_id: "asked-again", reason: "for another reason" });
    await approveButton(tab).click();
    await page.getByRole("alert").filter({ hasText: /again|changed|load/i }).waitFor();
    assert.equal(await it.status(id), "pending");
  });

  await t.step("the tool changed", async () => {
    const id = await stale("changed");
    await it.org.manage("PATCH", `/v1/tools/${TOOL}`, { description: "Something else" });
    await approveButton(tab).click();
    await page.getByRole("alert").filter({ hasText: /changed|cancelled/ }).waitFor();
    assert.equal(await it.status(id), "cancelled");
  });

  await t.step("denying what is over says so as well", async () => {
    const id = await stale("gone");
    await it.cancel(id);
    await page.getByRole("button", { name: "Deny", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Deny" }).click();
    await page.getByRole("alert").first().waitFor();
    assert.equal(await it.status(id), "cancelled");
  });
});

Deno.test("browser: what was approved can be taken back before it is used", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "approver");
  const { id } = await it.pending(ACTION);
  await tab.goto(`/approvals/${id}`);
  await approveOnPage(tab);
  await tab.page.getByRole("button", { name: "Revoke" }).click();
  await statusOf(tab, "Revoked");
  const minted = await it.mint(id, ACTION);
  assert.deepEqual([minted.status, minted.body.code], [409, "approval_not_approved"]);
});

Deno.test("browser: Approve unlocks on a phone only when all of a long request was on the screen", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner", { width: 390 });
  const { page } = tab;
  const lines = Array.from({ length: 60 }, (_, i) => `line ${i} of a long request`);
  const { id } = await it.pending({ ...ACTION, arguments: { lines } });
  await tab.goto(`/approvals/${id}`);
  const locked = page.getByText("Not all seen yet.");
  await locked.waitFor();
  assert.equal(await approveButton(tab).isDisabled(), true);
  // To jump to the end is not to have seen what lies between.
  await page.evaluate(() => scrollTo({ top: document.body.scrollHeight, behavior: "instant" }));
  await page.locator("#approve-status button").click();
  assert.equal(await approveButton(tab).isDisabled(), true);
  await readToTheEnd(tab);
  await locked.waitFor({ state: "detached" });
  assert.deepEqual(await tab.axe(), []);
  assert.equal(await tab.scrollsSideways(), false);
  await approveOnPage(tab);
  assert.equal(await it.status(id), "approved");
});
