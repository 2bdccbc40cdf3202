/// <reference lib="dom" />
import assert from "node:assert/strict";
import { listSubscriptions, publicPushKey } from "../../lib/alerts/subscriptions.ts";
import { toBase64Url } from "../../lib/base/bytes.ts";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { memberAtBrowser } from "./browser_member.ts";
import { enter } from "../helpers/browser_people.ts";
import { Countersign, type SignedIn } from "../helpers/countersign.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";
import { PushBrowser } from "../helpers/push_browser.ts";

const LOOKS = [{ width: 390, scheme: "dark" }, { width: 1280, scheme: "light" }] as const;
const NOTIFICATIONS = "/notifications";

Deno.test("a forgotten field of a form is told by its summary, from which the keyboard gets to it", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  await using browser = await TestBrowser.start();
  await using tab = await browser.open({ origin: countersign.origin, width: 390 });
  tab.expected.push(/status of 422/);
  await enter(tab, countersign, await org.signedIn("owner"));
  await tab.goto("/agents");
  await tab.page.getByLabel("Name").fill("busy");
  await tab.page.getByLabel("Requests a minute").fill("many");
  await tab.page.keyboard.press("Enter");
  const summary = tab.page.getByRole("alert").getByRole("link");
  await summary.waitFor();
  await tab.assertSound("refused");
  await summary.press("Enter");
  assert.match(tab.page.url(), /#field-rate_limit_per_minute$/);
  await tab.page.keyboard.press("Tab");
  const label = tab.page.getByLabel("Requests a minute");
  assert.equal(await label.inputValue(), "many");
  assert.equal(await label.getAttribute("aria-invalid"), "true");
});

Deno.test("what stops everything is a quiet row, which opens a sheet that asks, without script too", async (t) => {
  await using countersign = await Countersign.start({ localhost: true });
  await using browser = await TestBrowser.start();
  for (const { width, scheme } of LOOKS) {
    for (const script of [true, false]) {
      await t.step(`${width} px, ${scheme}, ${script ? "with" : "without"} script`, async () => {
        const org = await countersign.org();
        await using tab = await browser.open({ origin: countersign.origin, width, scheme, script });
        await enter(tab, countersign, await org.signedIn("owner"));
        await tab.goto("/settings");
        const row = tab.page.getByRole("button", { name: "Kill switch off · Stop everything…" });
        const sheet = tab.page.getByRole("dialog", { name: "Stop everything" });
        await row.focus();
        await tab.page.keyboard.press("Enter");
        await sheet.waitFor();
        if (script) assert.deepEqual(await tab.axe(), []);
        await tab.page.keyboard.press("Escape");
        await sheet.waitFor({ state: "hidden" });
        assert.ok(await row.evaluate((element) => element === document.activeElement));
        await row.click();
        await sheet.getByRole("button", { name: "Cancel" }).click();
        await sheet.waitFor({ state: "hidden" });
        await row.click();
        await sheet.getByLabel("Reason").fill("Just in case");
        await sheet.getByRole("button", { name: "Stop everything" }).click();
        await tab.page.getByText("Everything is stopped").waitFor();
        const { kill_switch } = await org.transact(({ snapshot }) => snapshot.org);
        assert.deepEqual(kill_switch, { active: true, reason: "Just in case" });
      });
    }
  }
});

/** A tab of somebody, at a browser of which `prepare` was made so before any page. */
async function atBrowser<A>(
  browser: TestBrowser,
  countersign: Countersign,
  session: SignedIn,
  { prepare, arg, serviceWorker = false }: {
    readonly prepare: (arg: A) => void;
    readonly arg: A;
    readonly serviceWorker?: boolean;
  },
): Promise<Tab> {
  const { origin } = countersign;
  const tab = await browser.open({ origin, width: 390, scheme: "dark", serviceWorker });
  // The types of the browser's library do not follow that the script takes what it is given.
  await tab.page.addInitScript(prepare as (arg: unknown) => void, arg);
  await enter(tab, countersign, session);
  await tab.goto(NOTIFICATIONS);
  return tab;
}

Deno.test("the push switch says why a browser takes no pushes, and what to do", async (t) => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  const owner = await org.signedIn("owner");
  await using browser = await TestBrowser.start();
  const cases: [string, (arg: null) => void, RegExp][] = [
    [
      "no push at all",
      () => Reflect.deleteProperty(globalThis, "PushManager"),
      /This browser takes no pushes/,
    ],
    [
      "an iPhone, not on its Home Screen",
      () => {
        Reflect.deleteProperty(globalThis, "PushManager");
        const userAgent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1";
        Object.defineProperty(navigator, "userAgent", { get: () => userAgent });
      },
      /Add to Home Screen/,
    ],
    [
      "forbidden before",
      () => Object.defineProperty(Notification, "permission", { get: () => "denied" }),
      /This browser blocks notifications of this site/,
    ],
  ];
  for (const [name, prepare, expected] of cases) {
    await t.step(name, async () => {
      await using tab = await atBrowser(browser, countersign, owner, { prepare, arg: null });
      await tab.page.getByRole("alert").filter({ hasText: expected }).waitFor();
      assert.equal(await tab.page.getByRole("button", { name: /Turn on/ }).count(), 0);
      await tab.assertSound(name);
    });
  }
});

Deno.test("the push switch says what a person answered who forbids pushes, or does not answer", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  const owner = await org.signedIn("owner");
  await using browser = await TestBrowser.start();
  const prepare = () => {
    const answers: NotificationPermission[] = ["default", "denied"];
    let permission: NotificationPermission = "default";
    Object.defineProperty(Notification, "permission", { get: () => permission });
    Notification.requestPermission = () =>
      Promise.resolve(permission = answers.shift() ?? "denied");
  };
  await using tab = await atBrowser(browser, countersign, owner, { prepare, arg: null });
  const turnOn = tab.page.getByRole("button", { name: "Turn on in this browser" });
  await turnOn.click();
  await tab.page.getByText("You were asked and didn't answer").waitFor();
  await turnOn.click();
  await tab.page.getByText("This browser blocks notifications of this site").waitFor();
  assert.equal(await turnOn.count(), 0);
});

/** What a browser that takes pushes has, kept over a load of the page. */
interface FakePush {
  readonly endpoint: string;
  readonly keys: { readonly p256dh: string; readonly auth: string };
  /** The name of the error with which it refuses instead. */
  readonly refuses: string | null;
}

/** Takes the place of the browser's push service, which no test can reach. */
function fakePush({ refuses, ...subscription }: FakePush): void {
  Object.defineProperty(Notification, "permission", { get: () => "granted" });
  Notification.requestPermission = () => Promise.resolve("granted");
  const fake = {
    endpoint: subscription.endpoint,
    toJSON: () => ({ ...subscription, expirationTime: null }),
    unsubscribe: () => {
      localStorage.removeItem("subscribed");
      return Promise.resolve(true);
    },
  } as unknown as PushSubscription;
  PushManager.prototype.getSubscription = () =>
    Promise.resolve(localStorage.getItem("subscribed") === null ? null : fake);
  PushManager.prototype.subscribe = (options) => {
    if (refuses !== null) return Promise.reject(new DOMException("no", refuses));
    const key = options?.applicationServerKey as Uint8Array;
    localStorage.setItem("subscribed", `${options?.userVisibleOnly} ${[...key].join()}`);
    return Promise.resolve(fake);
  };
}

Deno.test("the push switch subscribes this browser under our key, knows it again, and ends it", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  const owner = await org.signedIn("owner");
  const { kv } = countersign.services.deps;
  const { subscription } = new PushBrowser();
  const arg: FakePush = { ...subscription, refuses: null };
  await using browser = await TestBrowser.start();
  await using tab = await atBrowser(browser, countersign, owner, {
    prepare: fakePush,
    arg,
    serviceWorker: true,
  });
  const { page } = tab;
  await page.getByRole("button", { name: "Turn on in this browser" }).click();
  await page.getByText("This browser takes pushes.").waitFor();
  await page.getByRole("cell").getByText("This one").waitFor();
  await tab.assertSound("on");
  const [stored] = await listSubscriptions(kv, owner.caller.account);
  assert.equal(stored?.endpoint, subscription.endpoint);
  const [visible, key = ""] = (await page.evaluate(() => localStorage.getItem("subscribed")) ?? "")
    .split(" ");
  assert.equal(visible, "true");
  const bytes = Uint8Array.from(key.split(","), Number);
  assert.equal(toBase64Url(bytes), await publicPushKey(countersign.services));

  await tab.goto(NOTIFICATIONS);
  const turnOff = page.getByRole("button", { name: "Turn off here" });
  await turnOff.focus();
  await page.keyboard.press("Enter");
  await page.getByText("No browser takes pushes for you").waitFor();
  assert.deepEqual(await listSubscriptions(kv, owner.caller.account), []);
  assert.equal(await page.evaluate(() => localStorage.getItem("subscribed")), null);
});

Deno.test("the push switch has a session that is not fresh show its passkey first", async () => {
  await using it = await DecisionOrg.start();
  await using browser = await TestBrowser.start();
  const who = { fresh: false, width: 390, serviceWorker: true } as const;
  const { person, tab } = await memberAtBrowser(browser, it, "approver", who);
  await using _tab = tab;
  const { kv } = it.countersign.services.deps;
  const { account } = person.session.caller;
  const arg: FakePush = { ...new PushBrowser().subscription, refuses: null };
  await tab.page.addInitScript(fakePush as (arg: unknown) => void, arg);
  await tab.goto(NOTIFICATIONS);
  tab.expected.push(/status of 403/);
  await tab.page.getByRole("button", { name: "Turn on in this browser" }).click();
  const confirm = tab.page.getByRole("button", { name: "Confirm with your passkey" });
  await confirm.waitFor();
  assert.deepEqual(await listSubscriptions(kv, account), []);
  await tab.assertSound("waits");
  await confirm.click();
  await tab.page.getByText("This browser takes pushes.").waitFor();
  assert.equal((await listSubscriptions(kv, account)).length, 1);
});

Deno.test("the push switch is off where the browser takes pushes for somebody else", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  const [one, two] = [await org.signedIn("owner"), await org.signedIn("approver")];
  const { kv } = countersign.services.deps;
  const arg: FakePush = { ...new PushBrowser().subscription, refuses: null };
  await using browser = await TestBrowser.start();
  const shared = { prepare: fakePush, arg, serviceWorker: true };
  await using tab = await atBrowser(browser, countersign, one, shared);
  const turnOn = tab.page.getByRole("button", { name: "Turn on in this browser" });
  await turnOn.click();
  await tab.page.getByText("This browser takes pushes.").waitFor();
  await enter(tab, countersign, two);
  await tab.goto(NOTIFICATIONS);
  await turnOn.click();
  await tab.page.getByText("This browser takes pushes.").waitFor();
  assert.deepEqual(await listSubscriptions(kv, one.caller.account), []);
  assert.equal((await listSubscriptions(kv, two.caller.account)).length, 1);
});

Deno.test("the push switch says that the push service did not answer, and that the server refused", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  const owner = await org.signedIn("owner");
  const { kv } = countersign.services.deps;
  const { subscription } = new PushBrowser();
  await using browser = await TestBrowser.start();
  const cases: [FakePush, RegExp][] = [
    [{ ...subscription, refuses: "AbortError" }, /The push service of your browser didn't answer/],
    [
      { ...subscription, refuses: "NotSupportedError" },
      /couldn't subscribe \(NotSupportedError\)/,
    ],
    [{ ...subscription, endpoint: "https://127.0.0.1/x", refuses: null }, /endpoint|address/i],
  ];
  for (const [arg, expected] of cases) {
    await using tab = await atBrowser(browser, countersign, owner, {
      prepare: fakePush,
      arg,
      serviceWorker: true,
    });
    tab.expected.push(/status of 422/);
    await tab.page.getByRole("button", { name: "Turn on in this browser" }).click();
    await tab.page.getByRole("alert").filter({ hasText: expected }).waitFor();
    assert.deepEqual(await listSubscriptions(kv, owner.caller.account), []);
    // Nothing is left in the browser that the server knows nothing of.
    assert.equal(await tab.page.evaluate(() => localStorage.getItem("subscribed")), null);
  }
});

Deno.test("the push switch says so where the browser itself refuses, and leaves nothing behind", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const org = await countersign.org();
  const owner = await org.signedIn("owner");
  await using browser = await TestBrowser.start();
  const { origin } = countersign;
  await using tab = await browser.open({ origin, width: 1280, serviceWorker: true });
  // A window without a profile takes no pushes, which Chromium also says on its console.
  tab.expected.push(/Push API/);
  await tab.context.grantPermissions(["notifications"]);
  await enter(tab, countersign, owner);
  await tab.goto(NOTIFICATIONS);
  await tab.page.getByRole("button", { name: "Turn on in this browser" }).click();
  await tab.page.getByRole("alert").filter({ hasText: /didn't answer|couldn't subscribe/ })
    .waitFor();
  const { kv } = countersign.services.deps;
  assert.deepEqual(await listSubscriptions(kv, owner.caller.account), []);
});
