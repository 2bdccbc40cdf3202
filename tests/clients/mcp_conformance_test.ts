/// <reference lib="dom" />
import assert from "node:assert/strict";
import { TestBrowser } from "../helpers/browser.ts";
import { firstRun } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";
import { freePort } from "../helpers/started_process.ts";
import { ConformanceServer } from "./conformance_server.ts";
import { passes, suite } from "./conformance_suite.ts";

/**
 * The conformance suite of the MCP project, as its npm package ships it, against the real endpoint.
 * What it expects of fixture tools that no product has stands in `conformance_expected.yml`; an entry
 * there that is no longer true fails as well.
 */

const EXPECTED = new URL("conformance_expected.yml", import.meta.url).pathname;

const SCENARIOS = [
  "server-initialize",
  "ping",
  "tools-list",
  "caching",
  "http-header-validation",
  "dns-rebinding-protection",
  "sep-2164-resource-not-found",
  "input-required-result-unsupported-methods",
  "server-stateless",
  "tasks-lifecycle",
  "tasks-capability-negotiation",
  "tasks-wire-fields",
  "tasks-request-state-removal",
  "tasks-request-headers",
  "tasks-dispatch-and-envelope",
];

Deno.test("the endpoint passes the conformance suite of MCP", async (t) => {
  await using server = await ConformanceServer.start();
  await passes(t, server.url, SCENARIOS, EXPECTED);
});

Deno.test("the authorization server passes the conformance suite of MCP, consent included", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, passkeys: true });
  // The suite listens for its answer, and has no icon.
  tab.expected.push(/favicon/);
  await firstRun(tab, countersign);
  const registered = await countersign.request("POST", "/oauth/register", {
    body: { client_name: "Conformance", redirect_uris: ["http://127.0.0.1/callback"] },
    headers: { "content-type": "application/json" },
  });
  assert.equal(registered.status, 201, registered.text);
  const run = suite(
    "authorization",
    ...["--url", countersign.origin, "--client-id", registered.body.client_id],
    ...["--resource", `${countersign.origin}/mcp`, "--port", String(freePort())],
  );
  const decoder = new TextDecoder();
  let told = "";
  for await (const chunk of run.stdout) {
    told += decoder.decode(chunk, { stream: true });
    const question = told.match(/https?:\/\/\S+\/oauth\/authorize\?\S+/)?.[0];
    if (question === undefined || tab.page.url().includes("/oauth/authorize")) continue;
    if (tab.page.url().includes("/callback")) continue;
    await tab.page.goto(question);
    await tab.hydrated();
    await tab.page.getByRole("button", { name: "Allow with your passkey" }).click();
    await tab.page.waitForURL("**/callback**");
  }
  const complained = await new Response(run.stderr).text();
  assert.equal((await run.status).code, 0, (told + complained).slice(-3000));
  assert.match(told, /authorization-code-grant/);
  assert.ok(!/FAILURE/.test(told), told.slice(-3000));
});
