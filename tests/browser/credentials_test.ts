/// <reference lib="dom" />
import assert from "node:assert/strict";
import { TestBrowser } from "../helpers/browser.ts";
import { firstRun } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";
import { UpstreamServer } from "../helpers/upstream_server.ts";
import { OidcProvider } from "../helpers/oidc_provider.ts";

Deno.test("a member connects an account at its provider, by a passkey, a sign-in and a consent there", async () => {
  await using provider = await OidcProvider.start();
  await using countersign = await Countersign.start({
    localhost: true,
    variables: { COUNTERSIGN_PRIVATE_HOSTS: provider.host },
  });
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, passkeys: true });
  const { org } = await firstRun(tab, countersign);
  await org.key("management");
  const { page } = tab;
  // The provider's own pages are its to answer for.
  tab.expected.push(/127\.0\.0\.1|fonts\.googleapis\.com/);
  const { status, text } = await org.manage("POST", "/v1/credentials", {
    name: "Notes",
    kind: "oauth2",
    origins: ["https://notes.example.com"],
    oauth: { issuer: provider.issuer, scope: "openid email offline_access notes:run" },
  });
  assert.equal(status, 201, text);

  countersign.clock.advance(10 * 60 * 1000);
  await tab.goto("/credentials");
  await page.getByText("Needs a person").waitFor();
  await page.getByRole("link", { name: "Connect", exact: true }).click();
  const passkey = page.getByRole("button", { name: /passkey/ });
  await passkey.waitFor();
  await tab.hydrated();
  await passkey.click();
  await page.locator("input[name=login]").fill("ann");
  await page.locator("input[name=password]").fill("x");
  await page.locator("button[type=submit]").click();
  await page.locator("button[type=submit]", { hasText: "Continue" }).click();
  await page.getByText("Notes is connected.").waitFor();
  await page.getByText("ann@accounts.example").waitFor();
  await page.getByText("Ready").waitFor();
  assert.deepEqual(provider.granted.map(({ ok }) => ok), [true]);
});

Deno.test("a member keeps an account of their own, and the agent that they named acts by it", async () => {
  await using provider = await OidcProvider.start();
  await using server = new UpstreamServer({
    era: "modern",
    tools: [{ name: "read", inputSchema: { type: "object" } }],
    answer: ({ headers }) =>
      headers.get("authorization") === `Bearer ${provider.access.at(-1)}`
        ? null
        : new Response(null, { status: 401 }),
  });
  await using countersign = await Countersign.start({
    localhost: true,
    variables: { COUNTERSIGN_PRIVATE_HOSTS: `${provider.host},${server.host}` },
  });
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, passkeys: true });
  const { org } = await firstRun(tab, countersign);
  await org.key("management");
  const { page } = tab;
  tab.expected.push(/127\.0\.0\.1|fonts\.googleapis\.com/);
  const agent = (await org.manage("POST", "/v1/agents", { name: "deploy-bot" })).body;
  const put = await org.manage("PUT", "/v1/upstreams/notes", {
    kind: "mcp",
    url: server.url,
    credential: { mode: "member" },
  });
  assert.equal(put.body.credential.state, "missing", put.text);
  const call = () => org.post("/v1/calls", { tool_name: "notes/read", reason: "x" }, agent.token);

  countersign.clock.advance(10 * 60 * 1000);
  await tab.goto("/connections");
  await page.getByRole("link", { name: "Your credentials" }).click();
  await page.getByRole("link", { name: "New credential" }).click();
  await page.getByRole("link", { name: "OAuth" }).click();
  await page.getByLabel("Name").fill("My notes");
  await page.getByLabel("Goes to").fill(new URL(server.url).origin);
  await page.getByLabel("Provider").fill(provider.issuer);
  await page.getByLabel("Scopes").fill("openid email offline_access notes:run");
  await page.getByLabel(/deploy-bot/).check();
  await tab.hydrated();
  await page.getByRole("button", { name: "Put in" }).click();
  const passkey = page.getByRole("button", { name: /passkey/ });
  await passkey.waitFor();
  await tab.hydrated();
  await passkey.click();
  await page.getByText("My notes is kept. Connect it next.").waitFor();
  await page.getByRole("link", { name: "Connect", exact: true }).click();
  await page.locator("input[name=login]").fill("olivia");
  await page.locator("input[name=password]").fill("x");
  await page.locator("button[type=submit]").click();
  await page.locator("button[type=submit]", { hasText: "Continue" }).click();
  await page.getByText("My notes is connected.").waitFor();
  await page.getByText("olivia@accounts.example").waitFor();
  await page.getByText("deploy-bot").first().waitFor();

  const refreshed = await org.manage("POST", "/v1/upstreams/notes/refresh");
  assert.equal(refreshed.status, 200, refreshed.text);
  const { data } = (await org.manage("GET", "/v1/upstreams/notes/tools")).body;
  const tools = data.map(({ name, definition_digest }: Record<string, string>) => ({
    name,
    definition_digest,
    default_permission: "allowed",
  }));
  await org.manage("POST", "/v1/upstreams/notes/approve", { tools });
  const ran = await call();
  assert.equal(ran.status, 200, ran.text);
  await tab.goto(`/calls/${ran.body.call_id}`);
  await page.getByRole("link", { name: "My notes" }).waitFor();
});
