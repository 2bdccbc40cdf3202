import assert from "node:assert/strict";
import fc from "fast-check";
import { buildOf, ownUrl, readNotice } from "../../islands/service_worker_rules.ts";

const ORIGIN = "https://countersign.example";
const BUILD = "0123456789abcdef";

Deno.test("buildOf() knows the files of a build", () => {
  assert.equal(buildOf(`${ORIGIN}/assets/${BUILD}/client.js`, ORIGIN), BUILD);
  assert.equal(buildOf(`${ORIGIN}/assets/${BUILD}/chunk-A.js?x=1`, ORIGIN), BUILD);
});

Deno.test("buildOf() knows no page, no answer of the API, no stranger's file", () => {
  const others = [
    `${ORIGIN}/`,
    `${ORIGIN}/approvals`,
    `${ORIGIN}/v1/approvals`,
    `${ORIGIN}/assets/offline.html`,
    `${ORIGIN}/assets/${BUILD}/`,
    `${ORIGIN}/assets/${BUILD}/a/b.js`,
    `${ORIGIN}/assets/${BUILD.toUpperCase()}/client.js`,
    `${ORIGIN}/v1/assets/${BUILD}/client.js`,
    `${ORIGIN}/approvals#/assets/${BUILD}/client.js`,
    `${ORIGIN}/approvals?/assets/${BUILD}/client.js`,
    `https://evil.example/assets/${BUILD}/client.js`,
    `http://countersign.example/assets/${BUILD}/client.js`,
    "not a URL",
  ];
  for (const url of others) assert.equal(buildOf(url, ORIGIN), null, url);
});

Deno.test("readNotice() shows what the message says", () => {
  const message = { title: "refund_payment", body: "order-77", url: "/approvals/1", tag: "apr_1" };
  assert.deepEqual(readNotice(JSON.stringify(message), ORIGIN), {
    ...message,
    url: `${ORIGIN}/approvals/1`,
  });
});

Deno.test("readNotice() gives a notice for any payload, leading nowhere but to this site", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (payload) => {
    const { title, body, url, tag } = readNotice(payload, ORIGIN);
    assert.ok(title !== "" && body !== "" && tag !== "");
    assert.equal(new URL(url).origin, ORIGIN);
  }));
});

Deno.test("attack: a message that leads elsewhere leads to the start page", () => {
  const elsewhere = [
    "https://evil.example/approvals",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "blob:https://countersign.example/1",
    "https://countersign.example@evil.example/",
    "http://countersign.example/",
    "https://countersign.example:444/",
  ];
  for (const url of elsewhere) {
    const led = ownUrl(url, ORIGIN);
    assert.equal(new URL(led).origin, ORIGIN, url);
    assert.ok(led.startsWith(`${ORIGIN}/`), url);
  }
  assert.equal(ownUrl("https://evil.example/", ORIGIN), `${ORIGIN}/`);
});
