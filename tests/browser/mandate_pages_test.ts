/// <reference lib="dom" />
import assert from "node:assert/strict";
import { TestBrowser } from "../helpers/browser.ts";
import { enter } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";
import { checked, granted, shop } from "../helpers/mandates.ts";

Deno.test("a mandate is found by its user and revoked in a sheet, without script too", async (t) => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  for (const script of [true, false]) {
    await t.step(`${script ? "with" : "without"} script`, async () => {
      const org = await shop(await countersign.org());
      await granted(org, { user_id: "user-1" });
      const id = await granted(org, { user_id: "user-2" });
      await using tab = await browser.open({ origin: countersign.origin, width: 390, script });
      await enter(tab, countersign, await org.signedIn("approver"));
      await tab.goto("/mandates");
      await tab.page.locator("summary", { hasText: "User" }).click();
      await tab.page.getByLabel("User", { exact: true }).fill("user-2");
      await tab.page.keyboard.press("Enter");
      await tab.page.waitForURL(/user=user-2/);
      const rows = tab.page.locator("tbody tr");
      assert.equal(await rows.count(), 1);
      await rows.getByRole("link").click();
      await tab.page.getByRole("heading", { level: 1, name: "Mandate of user-2" }).waitFor();
      const sheet = tab.page.getByRole("dialog", { name: "Revoke this mandate" });
      await tab.page.getByRole("button", { name: "Revoke this mandate…" }).click();
      await sheet.waitFor();
      if (script) assert.deepEqual(await tab.axe(), []);
      await sheet.getByRole("button", { name: "Cancel" }).click();
      await sheet.waitFor({ state: "hidden" });
      await tab.page.getByRole("button", { name: "Revoke this mandate…" }).click();
      await sheet.getByLabel("Why").fill("It went too far");
      await sheet.getByRole("button", { name: "Revoke mandate" }).click();
      await tab.page.getByText("The mandate is revoked").waitFor();
      assert.equal((await checked(org, id)).resolved_from, "mandate_revoked");
    });
  }
});

Deno.test("a receipt is checked in the browser, on its page and where anybody checks one; a changed one is found", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  const org = await shop(await countersign.org());
  const { decision_id } = await checked(org, await granted(org));
  const id = `rcp_${decision_id.slice(4)}`;
  await using tab = await browser.open({ origin: countersign.origin, width: 390 });
  await enter(tab, countersign, await org.signedIn("viewer"));
  await tab.goto("/activity");
  const [, index] = (await org.get("/v1/activity?limit=1&type=permission.checked")).text
    .match(/"index":(\d+)/) ?? [];
  await tab.goto(`/activity/${index}`);
  await tab.page.getByRole("link", { name: "Signed receipt" }).click();
  await tab.page.waitForURL(new RegExp(id));
  await tab.page.getByText("Your browser checked it: the signature is good").waitFor();
  assert.deepEqual(await tab.axe(), []);

  const { receipt } = (await org.get(`/v1/receipts/${id}`)).body;
  const keys = (await org.get(`/.well-known/countersign/receipt-keys/${org.id}`)).text;
  await tab.goto("/verify");
  const check = async (value: object) => {
    await tab.page.getByLabel("Receipt, as text").fill(JSON.stringify(value));
    await tab.page.getByLabel("The log's key as you know it").fill(keys);
    await tab.page.getByRole("button", { name: "Check this receipt" }).click();
  };
  await check({ status: "signed", receipt });
  await tab.page.getByText("the signature is good").waitFor();
  const other =
    (await org.get(`/v1/receipts/rcp_${(await checked(org, null)).decision_id.slice(4)}`))
      .body.receipt;
  await check({ ...receipt, payload: other.payload });
  await tab.page.getByText("This receipt proves nothing").waitFor();
});

Deno.test("the receipts on a mandate's page are checked in the browser, and one that the server swaps is found", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  const org = await shop(await countersign.org());
  const mandate = await granted(org);
  const other = await checked(org, await granted(org));
  await checked(org, mandate);
  await checked(org, mandate);
  await using tab = await browser.open({ origin: countersign.origin, width: 390 });
  await enter(tab, countersign, await org.signedIn("viewer"));
  await tab.goto(`/mandates/${mandate}`);
  await tab.page.getByRole("button", { name: "Verify 3 receipts" }).click();
  await tab.page.getByText("All 3 are of this mandate").waitFor();
  assert.deepEqual(await tab.axe(), []);

  const swapped = `/receipts/rcp_${other.decision_id.slice(4)}/receipt.json`;
  let left = 1;
  await tab.page.route(
    "**/receipt.json",
    (route) =>
      left-- > 0 ? route.continue({ url: `${countersign.origin}${swapped}` }) : route.continue(),
  );
  await tab.page.getByRole("button", { name: "Verify 3 receipts" }).click();
  await tab.page.getByText("Number 3: it is the receipt of something else.").waitFor();
  assert.deepEqual(await tab.axe(), []);
});
