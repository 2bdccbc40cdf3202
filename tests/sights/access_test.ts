/// <reference lib="dom" />
import { TestBrowser } from "../helpers/browser.ts";
import { enter } from "../helpers/browser_people.ts";
import { Countersign, type SignedIn, type TestOrg } from "../helpers/countersign.ts";
import { HOSTILE } from "../helpers/visitor.ts";

const LOOKS = [{ width: 390, scheme: "dark" }, { width: 1280, scheme: "light" }] as const;

const NOTIFICATIONS = "/notifications";

/** An org with something on every page, some of it by somebody who means harm. */
async function filled(org: TestOrg, owner: SignedIn): Promise<string[]> {
  const long = `${"somebody.with.a.long.name".repeat(2)}@subsidiary.example.com`;
  const { member: held } = await org.signedIn("owner", { email: long, held: true, groups: [1] });
  await org.member("waits@example.com", { role: "approver" });
  const tenant_ids = Array.from({ length: 20 }, (_, i) => `${"t".repeat(60)}-${i}`);
  const members_behind = [owner.member.id];
  const name = HOSTILE.markup.padEnd(100, "w");
  await org.agent({ name, tenant_ids, members_behind, expires_at: 1 });
  await org.agent({ name: "stopped", kill_switch: { active: true, reason: HOSTILE.markup } });
  await org.tool("wire", { requires_second_approval: true });
  await org.key("approver", { name, bootstrap: true, tenant_ids });
  const [agents, keys] = await org.transact(({ snapshot }) => [
    [...snapshot.agents.keys()],
    [...snapshot.apiKeys.values()].filter(({ bootstrap }) => bootstrap).map(({ id }) => id),
  ]);
  return [
    "/team",
    "/team?view=invitations",
    `/team/${encodeURIComponent(held.email)}`,
    `/team/${encodeURIComponent(owner.member.email)}`,
    "/team/waits%40example.com",
    NOTIFICATIONS,
    "/agents",
    ...agents.map((id) => `/agents/${id}`),
    "/api-keys",
    "/api-keys?tier=approver",
    ...keys.map((id) => `/api-keys/${id}`),
    "/settings",
  ];
}

Deno.test("the pages of team, machines, alerts and settings are sound on phone and desk, in both themes", async (t) => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  const owner = await org.signedIn("owner");
  const paths = await filled(org, owner);
  await using browser = await TestBrowser.start();
  for (const look of LOOKS) {
    await t.step(`${look.width} px, ${look.scheme}`, async () => {
      await using tab = await browser.open({ origin: countersign.origin, ...look });
      await enter(tab, countersign, owner);
      for (const path of paths) {
        await tab.goto(path);
        await tab.assertSound(path);
      }
      // Pages that are shown once.
      await tab.goto("/team");
      await tab.page.getByLabel("E-mail address").fill(`new-${look.width}@example.com`);
      await tab.page.getByRole("button", { name: "Invite" }).click();
      await tab.page.getByRole("heading", { name: /Invitation of/ }).waitFor();
      await tab.hydrated();
      await tab.assertSound("invitation");
      await tab.goto("/agents");
      await tab.page.getByLabel("Name").fill("x".repeat(100));
      await tab.page.getByRole("button", { name: "Make agent" }).click();
      await tab.page.getByText(/Copy the (key|token) now/).waitFor();
      await tab.hydrated();
      await tab.assertSound("token");
      await tab.goto(NOTIFICATIONS);
      await tab.page.getByRole("button", { name: "Send me a test" }).click();
      await tab.page.getByRole("heading", { name: "Test", exact: true }).waitFor();
      await tab.assertSound("test");
    });
  }
});
