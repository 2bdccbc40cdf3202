import assert from "node:assert/strict";
import type { ComponentChildren } from "preact";
import { renderToString } from "preact-render-to-string";
import CopyButton from "../../components/copy_button.tsx";
import { assetUrl } from "../../routes/http/assets.ts";
import { securityHeaders } from "../../routes/http/headers.ts";
import { open } from "../../routes/http/route.ts";
import { TestBrowser } from "../helpers/browser.ts";
import { Countersign } from "../helpers/countersign.ts";

const ORIGINS: (string | null)[] = [];
const SECOND = '</script>"second"';
const HANDLER = { onclick: "document.title = 'ran'", style: "color: red" };

function Sample({ children }: { readonly children: ComponentChildren }) {
  return (
    <html lang="en">
      <head>
        <title>Sample</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <link rel="icon" href="data:," />
        <script type="module" src={assetUrl("client.js")} />
      </head>
      <body>
        <main>
          <h1>Sample</h1>
          {children}
        </main>
      </body>
    </html>
  );
}

function page(path: string, content: ComponentChildren) {
  const html = `<!DOCTYPE html>${renderToString(<Sample>{content}</Sample>)}`;
  return open({
    method: "get",
    path,
    group: "Samples",
    summary: "A page of a test",
    answers: { 200: null },
    handle: ({ services }) =>
      new Response(html, {
        headers: { ...securityHeaders(services.settings.url), "content-type": "text/html" },
      }),
  });
}

const ROUTES = [
  page(
    "/sample",
    <>
      <CopyButton text="first" label="Copy the first" />
      <CopyButton text={SECOND} label="Copy the second" />
      <form method="post" action="/sample/post">
        <button type="submit">Send</button>
      </form>
    </>,
  ),
  page("/injected", <div {...HANDLER}>Injected</div>),
  open({
    method: "post",
    path: "/sample/post",
    group: "Samples",
    summary: "Keeps the origin that the browser gives",
    answers: { 200: null },
    handle({ request }) {
      ORIGINS.push(request.headers.get("origin"));
      return new Response(null, { status: 303, headers: { location: "/sample?kept" } });
    },
  }),
];

Deno.test("browser: islands come alive under the pages' own policy", async (t) => {
  await using countersign = await Countersign.start({ localhost: true, routes: ROUTES });
  const { origin } = countersign;
  await using browser = await TestBrowser.start();

  await t.step("each island by itself, with its own props", async () => {
    const tab = await browser.open({ origin });
    await tab.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await tab.goto("/sample");
    await tab.page.getByRole("button", { name: "Copy the second" }).click();
    await tab.page.getByText("Copied").waitFor();
    assert.equal(await tab.page.getByText("Copied").count(), 1);
    assert.equal(await tab.page.evaluate(() => navigator.clipboard.readText()), SECOND);
  });

  await t.step("a form of the page sends its origin", async () => {
    const tab = await browser.open({ origin });
    await tab.goto("/sample");
    await tab.page.getByRole("button", { name: "Send" }).click();
    await tab.page.waitForURL("**/sample?kept");
    assert.deepEqual(ORIGINS, [origin]);
  });

  await t.step("axe-core finds nothing, on a phone in the dark as well", async () => {
    const tab = await browser.open({ origin, width: 390, scheme: "dark" });
    await tab.goto("/sample");
    assert.deepEqual(await tab.axe(), []);
    assert.equal(await tab.scrollsSideways(), false);
  });

  await t.step("axe-core finds an image without words", async () => {
    const tab = await browser.open({ origin });
    await tab.goto("/sample");
    await tab.page.evaluate(() => document.querySelector("main")?.append(new Image()));
    assert.match((await tab.axe()).join(), /^image-alt at img: /);
  });
});

Deno.test("browser: what a page may not do is refused, and fails the test", async (t) => {
  await using countersign = await Countersign.start({ localhost: true, routes: ROUTES });
  const { origin } = countersign;
  await using browser = await TestBrowser.start();

  await t.step("handlers and styles in the HTML", async () => {
    const tab = await browser.open({ origin });
    await tab.goto("/injected");
    await tab.page.getByText("Injected").click();
    assert.equal(await tab.page.title(), "Sample");
    await assert.rejects(tab.close(), /script-src-attr by inline[\s\S]*|style-src-attr by inline/);
  });

  await t.step("text that becomes HTML or a worker", async () => {
    const tab = await browser.open({ origin, serviceWorker: true });
    await tab.goto("/sample");
    // A violation is told in a task of its own.
    const told = tab.page.waitForEvent("console", {
      predicate: (message) => message.text().includes("require-trusted-types-for"),
    });
    const refused = await tab.page.evaluate(async () => {
      const tries = [
        () => document.body.innerHTML = "<b>x</b>",
        () => navigator.serviceWorker.register("/service_worker.js"),
      ];
      let count = 0;
      for (const attempt of tries) {
        try {
          await attempt();
        } catch (error) {
          if (error instanceof TypeError) count++;
        }
      }
      return count;
    });
    assert.equal(refused, 2);
    await told;
    await assert.rejects(tab.close(), /require-trusted-types-for/);
  });
});

Deno.test("browser: the service worker keeps built files and no page", async () => {
  await using countersign = await Countersign.start({ localhost: true, routes: ROUTES });
  const { origin } = countersign;
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin, serviceWorker: true });
  await tab.goto("/sample");
  await tab.page.evaluate(() => navigator.serviceWorker.ready.then(() => null));
  await tab.goto("/sample");
  const kept = await tab.page.evaluate(async () => {
    const urls: string[] = [];
    for (const name of await caches.keys()) {
      for (const { url } of await (await caches.open(name)).keys()) urls.push(url);
    }
    return urls;
  });
  const files = kept.map((url) => new URL(url).pathname);
  assert.ok(files.includes(assetUrl("client.js")), files.join());
  assert.ok(files.every((file) => file.startsWith("/assets/")), files.join());

  tab.expected.push(/ERR_INTERNET_DISCONNECTED/);
  await tab.context.setOffline(true);
  await tab.page.goto("/sample");
  await tab.page.getByRole("heading", { name: "Countersign can't be reached" }).waitFor();
});

Deno.test("browser: the service worker shows what a push says", async () => {
  await using countersign = await Countersign.start({ localhost: true, routes: ROUTES });
  const { origin } = countersign;
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin, serviceWorker: true });
  await tab.context.grantPermissions(["notifications"]);
  const registered = Promise.withResolvers<string>();
  tab.devtools.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
    for (const { registrationId } of registrations) registered.resolve(registrationId);
  });
  await tab.devtools.send("ServiceWorker.enable");
  await tab.goto("/sample");
  await tab.page.evaluate(() => navigator.serviceWorker.ready.then(() => null));

  const message = { title: "refund_payment", body: "order-77", url: "/approvals/1", tag: "apr_1" };
  await tab.devtools.send("ServiceWorker.deliverPushMessage", {
    origin,
    registrationId: await registered.promise,
    data: JSON.stringify(message),
  });
  const shown = await tab.page.waitForFunction(async () => {
    const registration = await navigator.serviceWorker.ready;
    const [first] = await registration.getNotifications();
    return first && { title: first.title, body: first.body, tag: first.tag, data: first.data };
  });
  const { url, ...rest } = message;
  assert.deepEqual(await shown.jsonValue(), { ...rest, data: origin + url });
});

Deno.test("browser: a device makes passkeys, or none when the person is not verified", async () => {
  await using countersign = await Countersign.start({ localhost: true, routes: ROUTES });
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, passkeys: true });
  await tab.goto("/sample");
  const enrol = () =>
    tab.page.evaluate(() =>
      navigator.credentials.create({
        publicKey: {
          challenge: new Uint8Array(32),
          rp: { name: "Countersign", id: "localhost" },
          user: { id: new Uint8Array(8), name: "ann", displayName: "Ann" },
          pubKeyCredParams: [{ type: "public-key", alg: -7 }],
          authenticatorSelection: { userVerification: "required", residentKey: "required" },
        },
      }).then(() => "made", (error) => (error as Error).name)
    );
  assert.equal(await enrol(), "made");
  const [passkey] = await tab.credentials();
  assert.equal(passkey?.rpId, "localhost");
  await tab.setUserVerified(false);
  assert.equal(await enrol(), "NotAllowedError");

  await tab.removeAuthenticator();
  await tab.addAuthenticator();
  assert.deepEqual(await tab.credentials(), []);
  await tab.addCredential(passkey ?? assert.fail("no passkey"));
  assert.equal((await tab.credentials()).length, 1);
});
