import assert from "node:assert/strict";
import {
  listSubscriptions,
  MAX_SUBSCRIPTIONS,
  publicPushKey,
  pushKey,
  pushSubscriptionFields,
  subscribePush,
  unsubscribePush,
} from "../../lib/alerts/subscriptions.ts";
import { bootstrap } from "../../lib/catalog/create_org.ts";
import { guardedFetch } from "../../lib/outside/guarded_fetch.ts";
import {
  endpointProblem,
  EndpointRefused,
  guardedPush,
  sendPush,
  vapidSubject,
} from "../../lib/outside/push.ts";
import { Refusal } from "../../lib/refusal.ts";
import { DEPLOYMENT_ORG } from "../../lib/store/keys.ts";
import { pushKeyKey } from "../../lib/store/news_keys.ts";
import { systemTimer } from "../../lib/store/system.ts";
import { Countersign, type SignedIn, type TestOrg } from "../helpers/countersign.ts";
import { CLIENT } from "../helpers/people.ts";
import { PushBrowser, vapidClaims } from "../helpers/push_browser.ts";
import { verifiedLog } from "../helpers/stored_log.ts";
import { httpAnswer } from "../helpers/wire_network.ts";
import { PUBLIC, StrangerNetwork } from "./stranger_network.ts";

const REQUEST = {
  endpoint: "https://push.example.com/abc",
  headers: { ttl: "60" },
  body: new Uint8Array([1, 2, 3]),
};

/** Pushes over a network in memory. */
function pushOver(network: StrangerNetwork, timer = systemTimer) {
  return guardedPush(guardedFetch(network, timer));
}

function subscribe(org: TestOrg, session: SignedIn, browser: PushBrowser) {
  return org.as(session, "read", subscribePush(browser.subscription, CLIENT));
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

Deno.test("a push is posted to the endpoint, and its answer told", async () => {
  const network = new StrangerNetwork({
    answers: [
      httpAnswer(["HTTP/1.1 201 Created", "Content-Length: 4"], "made"),
      httpAnswer(["HTTP/1.1 429 Too Many", "Retry-After: 120"], "slower"),
      httpAnswer(["HTTP/1.1 503 Later", "Retry-After: Fri, 01 Jan 2027 00:00:00"]),
    ],
  });
  const push = pushOver(network);
  assert.deepEqual(await push(REQUEST), { status: 201, retry_after_seconds: null });
  assert.deepEqual(await push(REQUEST), { status: 429, retry_after_seconds: 120 });
  assert.deepEqual(await push(REQUEST), { status: 503, retry_after_seconds: null });
  const [sent = ""] = network.sent;
  assert.match(sent, /^POST \/abc HTTP\/1\.1\r\nhost: push\.example\.com\r\n/);
  assert.match(sent, /\r\ncontent-length: 3\r\n/);
  assert.ok(sent.endsWith("\r\nttl: 60\r\n\r\n\u0001\u0002\u0003"), sent);
  assert.equal(network.closed, 3);
});

Deno.test("SSRF: a host that is, or also is, in a private network gets nothing", async () => {
  for (const addresses of [["10.0.0.7"], [PUBLIC, "::1"], ["169.254.169.254"]]) {
    const network = new StrangerNetwork({ addresses: [addresses] });
    await assert.rejects(pushOver(network)(REQUEST), EndpointRefused);
    assert.deepEqual(network.connected, []);
  }
});

Deno.test("SSRF: an endpoint that no push service has is refused before its name is asked", async () => {
  const network = new StrangerNetwork();
  for (
    const endpoint of ["https://127.0.0.1/", "http://push.example.com/", "https://db.internal/"]
  ) {
    await assert.rejects(pushOver(network)({ ...REQUEST, endpoint }), EndpointRefused);
  }
  assert.deepEqual([network.resolved, network.connected], [[], []]);
});

Deno.test("SSRF: a redirect is not followed", async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    const lines = [`HTTP/1.1 ${status} Elsewhere`, "Location: http://169.254.169.254/"];
    const network = new StrangerNetwork({ answers: [httpAnswer(lines)] });
    await assert.rejects(pushOver(network)(REQUEST), EndpointRefused);
    assert.equal(network.connected.length, 1);
  }
});

Deno.test("a host that is not found, or a service that is silent, is another try's matter", async () => {
  const nowhere = pushOver(new StrangerNetwork({ addresses: [[]] }))(REQUEST);
  await assert.rejects(nowhere, (error) => !(error instanceof EndpointRefused));
  const { promise: elapsed, resolve } = Promise.withResolvers<void>();
  const timer = () => ({ elapsed, cancel: () => {} });
  const silent = pushOver(new StrangerNetwork(), timer)(REQUEST);
  resolve();
  await assert.rejects(silent, /no whole answer within 10000 ms/);
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
  assert.equal(first.user_agent, CLIENT.user_agent);
  assert.equal((await subscribe(org, ann, browser)).id, first.id);
  assert.equal((await listSubscriptions(kv, ann.caller.account)).length, 1);
  await assert.rejects(
    org.as(bob, "read", unsubscribePush(first.id, CLIENT)),
    (error) => error instanceof Refusal && error.code === "not_found",
  );
  await org.as(ann, "read", unsubscribePush(first.id, CLIENT));
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
