/// <reference lib="dom" />
import { decodeAttestationObject, parseAuthenticatorData } from "@simplewebauthn/server/helpers";
import assert from "node:assert/strict";
import { fromBase64Url, toBase64Url } from "../../lib/base/bytes.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { ConfirmingOrg, ending } from "../helpers/confirming.ts";
import { Countersign } from "../helpers/countersign.ts";
import { checked } from "../helpers/mandates.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import { appPage } from "./app_site_page.ts";

/**
 * An application on its own domain, in a real browser: its user's passkey is of that site and RP, its
 * server registers the public key, and what the user signs there is a yes here.
 */

const HOST = "app.localhost";

/** The application: a page, and a server that hands on what its page says. */
class App implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** What it registered last. */
  passkey: JsonObject = {};

  constructor(readonly it: ConfirmingOrg) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  get origin(): string {
    return `http://${HOST}:${this.#server.addr.port}`;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (request.method !== "POST") {
      const headers = { "content-type": "text/html" };
      const icon = '<link rel="icon" href="data:,">';
      return new Response(`<!doctype html><title>App</title>${icon}<p id="asked"></p>`, {
        headers,
      });
    }
    const body = await request.json();
    switch (pathname) {
      case "/register":
        return Response.json(await this.#register(body));
      case "/question":
        return Response.json(
          (await this.it.post(`/v1/confirmations/${body.nonce}/statement`)).body,
        );
      case "/answer": {
        const { nonce, ...signed } = body;
        const got = await this.it.answer(nonce, { decision: "approve", ...signed });
        return Response.json({ status: got.status, ...got.body });
      }
      default: {
        const path = `/v1/mandates/${this.it.mandate}/revoke`;
        const got = await this.it.post(path, { by: "user", ...body });
        return Response.json({ status: got.status, ...got.body });
      }
    }
  }

  async #register(
    { credential_id, attestation }: { credential_id: string; attestation: string },
  ): Promise<JsonObject> {
    const bytes = fromBase64Url(attestation);
    assert.ok(bytes !== null);
    const data = parseAuthenticatorData(decodeAttestationObject(bytes).get("authData"));
    assert.ok(data.credentialPublicKey !== undefined);
    const public_key = toBase64Url(data.credentialPublicKey);
    this.passkey = { credential_id, public_key, rp_id: HOST, origins: [this.origin] };
    const put = await this.it.passkeys("u1", [this.passkey]);
    return { status: put.status };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.shutdown();
  }
}

/** Opens the application's page, on the device of somebody. */
async function visit(browser: TestBrowser, { origin }: { readonly origin: string }): Promise<Tab> {
  const tab = await browser.open({ origin, width: 390, passkeys: true });
  await tab.page.goto("/");
  await tab.page.evaluate(`(${appPage})()`);
  return tab;
}

/** Calls what the page has, by its name. */
function call(tab: Tab, name: string, ...args: unknown[]): Promise<JsonObject> {
  return tab.page.evaluate(`${name}(...${JSON.stringify(args)})`);
}

Deno.test("browser: on the application's own site and RP a user makes a passkey, says yes by it, and ends the mandate", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  const it = await ConfirmingOrg.make(countersign);
  await using app = new App(it);
  assert.notEqual(app.origin, countersign.origin);
  await using tab = await visit(browser, app);
  assert.deepEqual(await call(tab, "enrol", HOST), { status: 200 });
  const [made] = await tab.credentials();
  assert.equal(made?.rpId, HOST);
  countersign.clock.advance(1000);

  const asked = await it.ask({ arguments: { amount: 2 } });
  const yes = await call(tab, "answer", asked.nonce, HOST);
  assert.deepEqual([yes.status, yes.decision], [200, "approve"], JSON.stringify(yes));
  assert.equal(await tab.page.locator("#asked").textContent(), '{"amount":2}');
  const minted = await it.org.post("/v1/tokens/mint", {
    tool_name: "refund",
    mandate_id: it.mandate,
    arguments: { amount: 2 },
    approval_id: asked.approval.id,
  });
  assert.equal(minted.status, 201, minted.text);

  // Our own page says where their passkey is of, and takes no yes.
  const second = await it.ask({ arguments: { amount: 3 } });
  await using ours = await browser.open({ origin: countersign.origin, passkeys: true });
  await ours.goto(new URL(second.url).pathname);
  await ours.page.getByText("Your passkey is of the application's own site").waitFor();
  assert.equal(await ours.page.getByRole("button", { name: "Yes, with my passkey" }).count(), 0);

  const ended = await call(tab, "end", ending(it), app.passkey.credential_id, HOST);
  assert.deepEqual([ended.status, ended.state], [200, "revoked"], JSON.stringify(ended));
  assert.equal((await checked(it.org, it.mandate)).resolved_from, "mandate_revoked");
  const [entry] = await entriesOf(it.org, "mandate.revoked");
  assert.equal(entry?.actor.type, "user");
});

Deno.test("browser: a page of another site gets no passkey of the application, and what it signs by its own is none", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  const it = await ConfirmingOrg.make(countersign);
  await using app = new App(it);
  await using tab = await visit(browser, app);
  await call(tab, "enrol", HOST);
  countersign.clock.advance(1000);
  const asked = await it.ask({ arguments: { amount: 2 } });

  // The same device on a page whose domain only resembles it.
  const evil = app.origin.replace(HOST, "evil.localhost");
  await tab.page.goto(evil);
  await tab.page.evaluate(`(${appPage})()`);
  const why = await tab.page.evaluate(
    `answer(${JSON.stringify(asked.nonce)}, "${HOST}").then(String, ({ name }) => name)`,
  );
  assert.equal(why, "SecurityError");
  assert.equal(
    (await it.org.get(`/v1/confirmations/${asked.confirmation.id}`)).body.status,
    "pending",
  );
});
