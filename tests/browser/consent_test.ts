/// <reference lib="dom" />
import assert from "node:assert/strict";
import { TestBrowser } from "../helpers/browser.ts";
import { firstRun, signInByPasskey } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";
import { challengeOf, VERIFIER } from "../helpers/oauth_world.ts";

/** A program on this computer that waits for its answer, as desktop hosts do. */
class Program implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #answer = Promise.withResolvers<URLSearchParams>();

  constructor() {
    this.#server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
      const { pathname, searchParams } = new URL(request.url);
      const html = { headers: { "content-type": "text/html" } };
      // A page that opens its question as a popup, as hosts on the web do.
      if (pathname === "/") return new Response("<!doctype html><title>Host</title>", html);
      if (pathname !== "/callback") return new Response(null, { status: 204 });
      this.#answer.resolve(searchParams);
      const script = "opener?.postMessage(location.search, '*')";
      return new Response(`<!doctype html><title>Done</title><script>${script}</script>`, html);
    });
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }
  get redirect(): string {
    return `${this.origin}/callback`;
  }
  get answer(): Promise<URLSearchParams> {
    return this.#answer.promise;
  }

  /** Where it sends people. */
  question(countersign: Countersign, client_id: string, changes: Record<string, string> = {}) {
    const query = new URLSearchParams({
      response_type: "code",
      client_id,
      redirect_uri: this.redirect,
      scope: "mcp:read mcp:write offline_access",
      state: "state of the program",
      code_challenge: challengeOf(VERIFIER),
      code_challenge_method: "S256",
      resource: `${countersign.origin}/mcp`,
      ...changes,
    });
    return `/oauth/authorize?${query}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Registers a program under any name. */
async function register(countersign: Countersign, client_name: string): Promise<string> {
  const got = await countersign.request("POST", "/oauth/register", {
    body: { client_name, redirect_uris: ["http://127.0.0.1/callback"] },
    headers: { "content-type": "application/json" },
  });
  return got.body.client_id;
}

async function redeem(countersign: Countersign, form: Record<string, string>) {
  return await countersign.request("POST", "/oauth/token", {
    body: new URLSearchParams(form).toString(),
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
}

Deno.test("a person connects a program: sign-in, consent under a passkey, code, tokens", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using program = new Program();
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, width: 390, passkeys: true });
  await firstRun(tab, countersign);
  // Its open stream would complain of the lost session.
  await tab.page.goto("about:blank");
  await tab.context.clearCookies();
  const client_id = await register(countersign, "Desk\u202Etop");
  const { page } = tab;

  await tab.goto(program.question(countersign, client_id));
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.deepEqual(await tab.axe(), []);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByRole("heading", { name: "Connect a program" }).waitFor();
  await tab.hydrated();
  await page.getByText("any program on this computer could be asking").waitFor();
  await page.getByText(new URL(program.origin).host, { exact: true }).waitFor();
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await tab.axe(), [], colorScheme);
  }
  assert.equal(await tab.scrollsSideways(), false);

  const write = page.getByLabel("Ask for approvals and run what is permitted");
  assert.ok(await write.isChecked());
  assert.ok(await page.getByLabel("Acme").isChecked());
  await write.uncheck();
  await page.getByLabel("See tools and ask what is permitted").uncheck();
  await page.getByRole("button", { name: "Allow with your passkey" }).click();
  await page.getByText("Tick what it may do, or deny.").waitFor();
  await page.getByLabel("See tools and ask what is permitted").check();
  await page.getByRole("button", { name: "Allow with your passkey" }).press("Enter");
  const answer = await program.answer;
  await page.waitForURL(`${program.redirect}**`);
  assert.equal(answer.get("state"), "state of the program");
  assert.equal(answer.get("iss"), countersign.origin);
  const got = await redeem(countersign, {
    grant_type: "authorization_code",
    client_id,
    code: answer.get("code") ?? "",
    code_verifier: VERIFIER,
    redirect_uri: program.redirect,
  });
  assert.equal(got.status, 200, got.text);
  assert.equal(got.body.scope, "mcp:read");

  await tab.goto("/connections");
  await page.getByText("unverified").waitFor();
  assert.equal(await tab.scrollsSideways(), false);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await tab.axe(), [], colorScheme);
  }
  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.getByText("The program is disconnected.").waitFor();
  const refused = await redeem(countersign, {
    grant_type: "refresh_token",
    client_id,
    refresh_token: got.body.refresh_token,
  });
  assert.equal(refused.body.error, "invalid_grant", refused.text);
});

Deno.test("a person says no, and the program hears it; a popup keeps the page that opened it", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using program = new Program();
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, width: 1280, passkeys: true });
  await firstRun(tab, countersign);
  const client_id = await register(countersign, "Web host");
  await tab.page.goto(program.origin);
  const opened = tab.context.waitForEvent("page");
  const heard = tab.page.evaluate((url) => {
    open(url, "consent", "popup,width=500,height=700");
    return new Promise<string>((resolve) => {
      addEventListener("message", (event) => resolve(String(event.data)), { once: true });
    });
  }, countersign.origin + program.question(countersign, client_id));
  const popup = await opened;
  await popup.getByRole("heading", { name: "Connect a program" }).waitFor();
  await popup.getByRole("link", { name: "Deny" }).click();
  const answer = new URLSearchParams(await heard);
  assert.equal(answer.get("error"), "access_denied");
  assert.equal(answer.get("state"), "state of the program");
  assert.equal(answer.get("code"), null);
});

Deno.test("a person whose prompt fails stays on the page and can try again", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using program = new Program();
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, width: 390, passkeys: true });
  await firstRun(tab, countersign);
  await signInByPasskey(tab, "/connections");
  await tab.goto(program.question(countersign, await register(countersign, "Desktop")));
  await tab.setUserVerified(false);
  const allow = tab.page.getByRole("button", { name: "Allow with your passkey" });
  await allow.click();
  await tab.page.getByText("The passkey wasn't shown").waitFor();
  await tab.setUserVerified(true);
  await allow.click();
  assert.ok((await program.answer).get("code") !== null);
});
