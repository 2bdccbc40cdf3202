/// <reference lib="dom" />
import assert from "node:assert/strict";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { ConfirmingOrg } from "../helpers/confirming.ts";
import { Countersign } from "../helpers/countersign.ts";

/** The user's own pages: where they make their passkey, and where they say yes or no. */

/** What becomes of a question, as who asked it reads it. */
async function statusOf(it: ConfirmingOrg, confirmation: { id: string }): Promise<string> {
  return (await it.org.get(`/v1/confirmations/${confirmation.id}`)).body.status;
}

function enrolment(it: ConfirmingOrg, user: string, key = it.keeper) {
  return it.post(`/v1/users/${user}/enrolment`, {}, key);
}

async function enrol(it: ConfirmingOrg, tab: Tab, user: string): Promise<string> {
  const made = await enrolment(it, user);
  assert.equal(made.status, 201, made.text);
  const path = new URL(made.body.url).pathname;
  await tab.goto(path);
  assert.deepEqual(await tab.axe(), []);
  await tab.page.getByRole("button", { name: "Make passkey" }).click();
  await tab.page.getByRole("heading", { name: "Your passkey is made" }).waitFor();
  return path;
}

const pageOf = ({ url }: { url: string }) => new URL(url).pathname;

const yesButton = ({ page }: Tab) => page.getByRole("button", { name: "Yes, with my passkey" });

async function sayNo({ page }: Tab): Promise<void> {
  await page.getByRole("button", { name: "No", exact: true }).click();
  await page.getByRole("heading", { name: "You said no" }).waitFor();
}

Deno.test("browser: a user makes a passkey by a link, says yes with it to what is asked afterwards, and the token is minted", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  const it = await ConfirmingOrg.make(countersign);
  await using tab = await browser.open({
    origin: countersign.origin,
    width: 390,
    passkeys: true,
  });
  const before = await it.ask({ arguments: { amount: 1 } });
  const link = await enrol(it, tab, "u1");
  assert.equal((await tab.credentials()).length, 1);
  // A link serves once.
  await tab.goto(link);
  await tab.page.getByRole("heading", { name: "This link has ended" }).waitFor();

  // What was asked before is not answered by it, whoever wants to.
  await tab.goto(pageOf(before));
  await tab.page.getByText("Your passkey came after this question").waitFor();
  assert.equal(await yesButton(tab).count(), 0);

  countersign.clock.advance(1000);
  const asked = await it.ask({ arguments: { amount: 2 } });
  await tab.goto(pageOf(asked));
  assert.deepEqual(await tab.axe(), []);
  await tab.page.getByText("One passkey speaks for you here").waitFor();
  await yesButton(tab).click();
  await tab.page.getByText("You said yes").waitFor();
  // What was answered is not asked any more.
  assert.equal(await tab.page.getByRole("button").count(), 0);
  assert.equal(await statusOf(it, asked.confirmation), "approved");
  const minted = await it.org.post("/v1/tokens/mint", {
    tool_name: "refund",
    mandate_id: it.mandate,
    arguments: { amount: 2 },
    approval_id: asked.approval.id,
  });
  assert.equal(minted.status, 201, minted.text);
  // What is answered leads nowhere any more.
  tab.expected.push(/status of 4\d\d/);
  await tab.goto(pageOf(asked));
  await tab.page.getByRole("heading", { name: "Not open any more" }).waitFor();
});

Deno.test("browser: whoever holds the link without the user's passkey can only say no, without script too", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  const it = await ConfirmingOrg.make(countersign);
  await using users = await browser.open({ origin: countersign.origin, passkeys: true });
  await enrol(it, users, "u1");
  countersign.clock.advance(1000);

  // A device with a passkey of somebody else: nothing on it answers.
  await using other = await browser.open({ origin: countersign.origin, passkeys: true });
  await enrol(it, other, "u2");
  countersign.clock.advance(1000);
  const asked = await it.ask({ arguments: { amount: 1 } });
  await other.goto(pageOf(asked));
  await yesButton(other).click();
  await other.page.locator(".field-error", { hasText: /\S/ }).waitFor();
  assert.equal(await statusOf(it, asked.confirmation), "pending");
  await sayNo(other);
  assert.equal(await statusOf(it, asked.confirmation), "denied");

  const second = await it.ask({ arguments: { amount: 2 } });
  await using plain = await browser.open({ origin: countersign.origin, script: false });
  await plain.page.goto(pageOf(second));
  await sayNo(plain);
  assert.equal(await statusOf(it, second.confirmation), "denied");
});

Deno.test("browser: a user without a passkey is shown the question, and no yes", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  const it = await ConfirmingOrg.make(countersign);
  const asked = await it.ask({ arguments: { amount: 1 } });
  await using tab = await browser.open({ origin: countersign.origin, passkeys: true });
  await tab.goto(pageOf(asked));
  await tab.page.getByText("Say yes in the application").waitFor();
  assert.equal(await yesButton(tab).count(), 0);
  await sayNo(tab);
  assert.equal(await statusOf(it, asked.confirmation), "denied");
});

Deno.test("browser: from a question the user ends all that they let the agent do, by their passkey", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  const it = await ConfirmingOrg.make(countersign);
  await using tab = await browser.open({
    origin: countersign.origin,
    width: 390,
    passkeys: true,
  });
  await enrol(it, tab, "u1");
  countersign.clock.advance(1000);
  const asked = await it.ask({ arguments: { amount: 1 } });
  await tab.goto(pageOf(asked));
  await tab.page.getByText("Let it do nothing for you any more").click();
  await tab.assertSound("the end, unfolded");
  await tab.page.getByRole("button", { name: "End it, with my passkey" }).click();
  await tab.page.getByText("You ended it").waitFor();
  assert.equal(await tab.page.getByRole("button").count(), 0);
  assert.equal((await it.org.get(`/v1/mandates/${it.mandate}`)).body.state, "revoked");
  assert.equal(await statusOf(it, asked.confirmation), "cancelled");
});
