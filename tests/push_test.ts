import assert from "node:assert/strict";
import { systemTimer } from "../lib/deps.ts";
import { bootstrap } from "../lib/orgs/bootstrap.ts";
import { endpointProblem, isPublicAddress } from "../lib/push/endpoint.ts";
import { guardedFetch, type Network } from "../lib/push/guarded_fetch.ts";
import { EndpointRefused } from "../lib/push/push_fetch.ts";
import { publicPushKey, pushKey } from "../lib/push/push_key.ts";
import {
  listSubscriptions,
  MAX_SUBSCRIPTIONS,
  pushSubscriptionFields,
  subscribePush,
  unsubscribePush,
} from "../lib/push/subscriptions.ts";
import { sendPush, vapidSubject } from "../lib/push/web_push.ts";
import { Refusal } from "../lib/refusals/refusal.ts";
import { DEPLOYMENT_ORG, pushKeyKey } from "../lib/store/keys.ts";
import { Countersign, type SignedIn, type TestOrg } from "./countersign_fixture.ts";
import { PushBrowser, vapidClaims } from "./push_browser.ts";
import { verifiedLog } from "./stored_log.ts";

const REQUEST = {
  endpoint: "https://push.example.com/abc",
  headers: { ttl: "60" },
  body: new Uint8Array([1, 2, 3]),
};

/** A network that answers 201 from a public address, with parts replaced. */
function network(parts: Partial<Network> = {}) {
  const sent: { url: string; init: RequestInit }[] = [];
  const push = guardedFetch({
    resolve: () => Promise.resolve(["93.184.216.34"]),
    fetch(url, init) {
      sent.push({ url, init });
      return Promise.resolve(new Response(null, { status: 201 }));
    },
    timer: systemTimer,
    ...parts,
  });
  return { push, sent };
}

function subscribe(org: TestOrg, session: SignedIn, browser: PushBrowser) {
  return org.as(session, "read", subscribePush(browser.subscription, "Test browser"));
}

Deno.test("endpointProblem() takes what push services look like, and nothing else", () => {
  for (
    const endpoint of [
      "https://fcm.googleapis.com/fcm/send/abc:def",
      "https://updates.push.services.mozilla.com/wpush/v2/gAAA",
      "https://web.push.apple.com/QGu",
      "https://wns2-par02p.notify.windows.com/w/?token=BQ%3d",
      "https://push.example.com:443/x",
    ]
  ) assert.equal(endpointProblem(endpoint), null, endpoint);
  for (
    const endpoint of [
      "",
      "push.example.com",
      "http://push.example.com/x",
      "ftp://push.example.com/x",
      "file:///etc/passwd",
      "https://push.example.com:8443/x",
      "https://push.example.com:22/x",
      "https://user:password@push.example.com/x",
      "https://127.0.0.1/x",
      "https://127.1/x",
      "https://2130706433/x",
      "https://0x7f.0.0.1/x",
      "https://0177.0.0.1/x",
      "https://[::1]/x",
      "https://[::ffff:10.0.0.1]/x",
      "https://169.254.169.254/latest/meta-data/",
      "https://93.184.216.34/x",
      "https://localhost/x",
      "https://LOCALHOST/x",
      "https://ｌｏｃａｌｈｏｓｔ/x",
      "https://db.localhost/x",
      "https://intranet/x",
      "https://vault.internal/x",
      "https://printer.local/x",
      "https://router.home.arpa/x",
      "https://nas.lan/x",
      "https://push.example.com./x",
      `https://push.example.com/${"x".repeat(2000)}`,
    ]
  ) assert.notEqual(endpointProblem(endpoint), null, endpoint);
});

Deno.test("isPublicAddress() knows the addresses of networks of one's own", () => {
  const open = ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808"];
  for (const address of open) assert.ok(isPublicAddress(address), address);
  for (
    const address of [
      "0.0.0.0",
      "10.1.2.3",
      "100.64.0.1",
      "127.0.0.1",
      "169.254.169.254",
      "172.31.255.255",
      "192.168.0.1",
      "198.18.0.1",
      "224.0.0.1",
      "255.255.255.255",
      "::",
      "::1",
      "::ffff:8.8.8.8",
      "::ffff:127.0.0.1",
      "fe80::1",
      "fd00::1",
      "ff02::1",
      "2001:db8::1",
      "2002:7f00:1::",
      "64:ff9b::a00:1",
      "64:ff9b::1",
      "example.com",
      "",
    ]
  ) assert.ok(!isPublicAddress(address), address);
});

Deno.test("a push is posted to the endpoint, and its answer told", async () => {
  const answers = [
    new Response("made", { status: 201 }),
    new Response("slower", { status: 429, headers: { "retry-after": "120" } }),
    new Response("later", { status: 503, headers: { "retry-after": "Fri, 01 Jan 2027 00:00:00" } }),
  ];
  const sent: RequestInit[] = [];
  const { push } = network({
    fetch(_url, init) {
      sent.push(init);
      return Promise.resolve(answers.shift() ?? Response.error());
    },
  });
  assert.deepEqual(await push(REQUEST), { status: 201, retry_after_seconds: null });
  assert.deepEqual(await push(REQUEST), { status: 429, retry_after_seconds: 120 });
  assert.deepEqual(await push(REQUEST), { status: 503, retry_after_seconds: null });
  const [{ method, headers, body, redirect } = {}] = sent;
  assert.deepEqual([method, headers, body], ["POST", REQUEST.headers, REQUEST.body]);
  assert.equal(redirect, "manual");
});

Deno.test("SSRF: a host that is, or also is, in a private network gets nothing", async () => {
  for (const addresses of [["10.0.0.7"], ["93.184.216.34", "::1"], ["169.254.169.254"]]) {
    const { push, sent } = network({ resolve: () => Promise.resolve(addresses) });
    await assert.rejects(push(REQUEST), EndpointRefused);
    assert.deepEqual(sent, []);
  }
});

Deno.test("SSRF: an endpoint that no push service has is refused before its name is asked", async () => {
  const asked: string[] = [];
  const { push, sent } = network({
    resolve(host) {
      asked.push(host);
      return Promise.resolve(["93.184.216.34"]);
    },
  });
  for (
    const endpoint of ["https://127.0.0.1/", "http://push.example.com/", "https://db.internal/"]
  ) {
    await assert.rejects(push({ ...REQUEST, endpoint }), EndpointRefused);
  }
  assert.deepEqual([asked, sent], [[], []]);
});

Deno.test("SSRF: a redirect is not followed", async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    const { push } = network({
      fetch(_url, { redirect }) {
        assert.equal(redirect, "manual");
        const headers = { location: "http://169.254.169.254/" };
        return Promise.resolve(new Response(null, { status, headers }));
      },
    });
    await assert.rejects(push(REQUEST), EndpointRefused);
  }
});

Deno.test("a host that is not found, or a service that is silent, is another try's matter", async () => {
  const nowhere = network({ resolve: () => Promise.resolve([]) }).push(REQUEST);
  await assert.rejects(nowhere, (error) => !(error instanceof EndpointRefused));
  const { promise: elapsed, resolve } = Promise.withResolvers<void>();
  const timer = () => ({ elapsed, cancel: () => {} });
  const silent = network({ timer, resolve: () => new Promise(() => {}) }).push(REQUEST);
  resolve();
  await assert.rejects(silent, /no answer within 10000 ms/);
});

Deno.test("the deployment has one push key for good, made by whichever node needs it first", async () => {
  await using countersign = await Countersign.start();
  const { services: { deps }, clock, secret } = countersign;
  await bootstrap(countersign.services);
  await using other = await Countersign.start({ kv: deps.kv, clock, secret });
  const found = await Promise.all(
    [countersign, other, countersign, other].map(({ services }) => publicPushKey(services)),
  );
  assert.equal(new Set(found).size, 1);
  const key = await pushKey(other.services);
  assert.equal(key.public_key, found[0]);
  const { value } = await deps.kv.get(pushKeyKey());
  assert.ok(!JSON.stringify(value).includes(key.private_key));
  const made = (await verifiedLog(deps, DEPLOYMENT_ORG)).map(({ entry }) => entry)
    .filter(({ type }) => type === "push_key.created");
  assert.deepEqual(made.map(({ data }) => data.public_key), [key.public_key]);
});

Deno.test("a push is encrypted for one browser and signed by the deployment", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const browser = new PushBrowser();
  const subscription = await subscribe(org, await org.signedIn("approver"), browser);
  const { services, pushes } = countersign;
  const key = await pushKey(services);
  const payload = {
    title: "Approval wanted: refund_payment",
    body: "REF-00000000-0000 · Grüße 🎉",
    url: "https://countersign.example/approvals/apr_1",
    tag: "apr_01arz3ndektsv4rrffq69g5fav",
  };
  const subject = vapidSubject(services.settings);
  await sendPush(services.deps, { key, subscription, payload, ttl: 90, subject });
  const [request] = pushes.sent;
  assert.ok(request !== undefined);
  assert.equal(request.endpoint, browser.endpoint);
  assert.deepEqual(browser.read(request), payload);
  assert.throws(() => new PushBrowser(browser.endpoint).read(request));
  const { headers } = request;
  assert.deepEqual(
    [headers.ttl, headers.urgency, headers.topic, headers["content-encoding"]],
    ["90", "high", payload.tag, "aes128gcm"],
  );
  const { claims, key: signer } = vapidClaims(request);
  assert.equal(signer, key.public_key);
  assert.equal(claims.aud, "https://push.example.com");
  assert.equal(claims.sub, "mailto:operator@localhost");
  assert.equal(request.body.length <= 4096, true);
});

Deno.test("vapidSubject() is the mail address of the deployment, or its origin", () => {
  const url = new URL("https://countersign.example");
  assert.equal(vapidSubject({ url, mail: null }), "https://countersign.example");
  const smtp = { host: "localhost", port: 25, tls: false, credentials: null };
  const mail = { smtp, from: { name: "", address: "mail@example.com" } };
  assert.equal(vapidSubject({ url, mail }), "mailto:mail@example.com");
});

Deno.test("a browser that subscribes again is the same one; it can be removed", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { kv } = countersign.services.deps;
  const ann = await org.signedIn("approver");
  const bob = await org.signedIn("approver");
  const browser = new PushBrowser();
  const first = await subscribe(org, ann, browser);
  assert.equal(first.user_agent, "Test browser");
  assert.equal((await subscribe(org, ann, browser)).id, first.id);
  assert.equal((await listSubscriptions(kv, ann.caller.account)).length, 1);
  await assert.rejects(
    org.as(bob, "read", unsubscribePush(first.id)),
    (error) => error instanceof Refusal && error.code === "not_found",
  );
  await org.as(ann, "read", unsubscribePush(first.id));
  assert.deepEqual(await listSubscriptions(kv, ann.caller.account), []);
});

Deno.test("a browser that two people share shows pushes of the one who subscribed last", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { kv } = countersign.services.deps;
  const ann = await org.signedIn("approver");
  const bob = await org.signedIn("approver");
  const browser = new PushBrowser();
  await subscribe(org, ann, browser);
  await subscribe(org, bob, browser);
  assert.deepEqual(await listSubscriptions(kv, ann.caller.account), []);
  assert.equal((await listSubscriptions(kv, bob.caller.account)).length, 1);
});

Deno.test("a person has at most ten browsers; one more takes the place of the oldest", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const ann = await org.signedIn("approver");
  const browsers = Array.from({ length: MAX_SUBSCRIPTIONS + 2 }, () => new PushBrowser());
  for (const browser of browsers) {
    await subscribe(org, ann, browser);
    countersign.clock.advance(1000);
  }
  const left = await listSubscriptions(countersign.services.deps.kv, ann.caller.account);
  assert.deepEqual(
    left.map(({ endpoint }) => endpoint),
    browsers.slice(2).map(({ endpoint }) => endpoint),
  );
});

Deno.test("a subscription with an endpoint or keys of another kind is refused", () => {
  const { endpoint, keys } = new PushBrowser().subscription;
  assert.ok(pushSubscriptionFields.safeParse({ endpoint, keys, expirationTime: null }).success);
  const offCurve = keys.p256dh.slice(0, 40) + (keys.p256dh[40] === "A" ? "B" : "A") +
    keys.p256dh.slice(41);
  for (
    const fields of [
      { endpoint: "https://127.0.0.1/x", keys },
      { endpoint: "http://push.example.com/x", keys },
      { endpoint, keys: { ...keys, p256dh: offCurve } },
      { endpoint, keys: { ...keys, p256dh: keys.p256dh.slice(0, 80) } },
      { endpoint, keys: { ...keys, p256dh: keys.p256dh + "=" } },
      { endpoint, keys: { ...keys, auth: "short" } },
      { endpoint, keys: { ...keys, auth: keys.auth + "\n" } },
      { endpoint, keys: { auth: keys.auth } },
      { endpoint },
    ]
  ) assert.ok(!pushSubscriptionFields.safeParse(fields).success, JSON.stringify(fields));
});
