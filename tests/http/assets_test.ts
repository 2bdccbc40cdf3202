import assert from "node:assert/strict";
import { assetUrl } from "../../routes/http/assets.ts";
import { Countersign } from "../helpers/countersign.ts";
import { RawRequest } from "../helpers/raw_request.ts";

const GZIP = { "accept-encoding": "gzip" };
const PLAIN = { "accept-encoding": "identity" };

Deno.test("assets: a file under its build's hash may be kept for ever", async () => {
  await using countersign = await Countersign.start();
  const script = await countersign.request("GET", assetUrl("client.js"), { headers: PLAIN });
  assert.equal(script.status, 200);
  assert.equal(script.headers.get("content-type"), "text/javascript; charset=utf-8");
  assert.equal(script.headers.get("cache-control"), "public, max-age=31536000, immutable");
  assert.equal(script.headers.get("x-content-type-options"), "nosniff");
  assert.match(script.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  const page = await countersign.request("GET", assetUrl("offline.html"));
  assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(page.text, /<h1>/);
});

Deno.test("assets: a file by its name alone is asked for again, and costs a 304 when unchanged", async () => {
  await using countersign = await Countersign.start();
  const path = "/assets/offline.html";
  const first = await countersign.request("GET", path, { headers: PLAIN });
  assert.equal(first.headers.get("cache-control"), "no-cache");
  const etag = first.headers.get("etag") ?? "";
  assert.match(etag, /^"[0-9a-f]{64}"$/);
  for (const held of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const again = await countersign.request("GET", path, {
      headers: { ...PLAIN, "if-none-match": held },
    });
    assert.equal(again.status, 304, held);
    assert.equal(again.text, "");
    assert.equal(again.headers.get("etag"), etag);
  }
  const changed = await countersign.request("GET", path, {
    headers: { ...PLAIN, "if-none-match": '"other"' },
  });
  assert.equal(changed.status, 200);
});

/** A request whose path and headers reach the server as they stand here. */
async function raw(countersign: Countersign, path: string, ...headers: string[]) {
  const { port } = countersign.server.addr;
  using request = await RawRequest.open(port);
  const lines = [`GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...headers];
  await request.send(lines.join("\r\n") + "\r\n\r\n");
  return await request.answer();
}

Deno.test("assets: gzip for whoever takes it, under an ETag of its own", async () => {
  await using countersign = await Countersign.start();
  const path = "/assets/offline.html";
  const plain = await raw(countersign, path);
  assert.equal(plain.headers.get("content-encoding"), null);
  for (const accepted of ["gzip", "br, GZIP;q=0.5", "deflate,gzip"]) {
    const zipped = await raw(countersign, path, `Accept-Encoding: ${accepted}`);
    assert.equal(zipped.headers.get("content-encoding"), "gzip", accepted);
    assert.equal(zipped.headers.get("vary"), "accept-encoding");
    assert.notEqual(zipped.headers.get("etag"), plain.headers.get("etag"));
  }
  const unpacked = await countersign.request("GET", path, { headers: GZIP });
  assert.match(unpacked.text, /^<!DOCTYPE html>[\s\S]*<\/html>\n$/);
  for (const accepted of ["br", "gzip;q=0", "gzip; q=0.000", "xgzip", ""]) {
    const answer = await raw(countersign, path, `Accept-Encoding: ${accepted}`);
    assert.equal(answer.headers.get("content-encoding"), null, accepted);
  }
});

Deno.test("assets: HEAD has the headers of GET and no body", async () => {
  await using countersign = await Countersign.start();
  const head = await countersign.request("HEAD", assetUrl("client.js"), { headers: PLAIN });
  assert.equal(head.status, 200);
  assert.equal(head.text, "");
  const get = await countersign.request("GET", assetUrl("client.js"), { headers: PLAIN });
  assert.equal(head.headers.get("etag"), get.headers.get("etag"));
});

Deno.test("assets: another build's hash and an unknown name are not found", async () => {
  await using countersign = await Countersign.start();
  for (
    const path of [
      assetUrl("client.js").replace(/[0-9a-f]{16}/, "0123456789abcdef"),
      assetUrl("absent.js"),
      assetUrl(""),
      "/assets/absent.js",
      "/assets/",
    ]
  ) {
    const { status, body } = await countersign.request("GET", path);
    assert.deepEqual([status, body.code], [404, "route_not_found"], path);
  }
  const { status } = await countersign.request("POST", assetUrl("client.js"));
  assert.equal(status, 405);
});

Deno.test("attack: a path that climbs out of the folder finds nothing", async () => {
  await using countersign = await Countersign.start();
  const [, , hash] = assetUrl("").split("/");
  const climbs = [
    "../../main.ts",
    "..%2fmain.ts",
    "%2e%2e/main.ts",
    "..%5cmain.ts",
    "....//main.ts",
  ];
  const names = [...climbs, "%00", "%ff", "__proto__", "constructor", "/etc/passwd"];
  for (const name of names) {
    for (const path of [`/assets/${name}`, `/assets/${hash}/${name}`]) {
      const { status, text } = await raw(countersign, path);
      assert.equal(status, 404, path);
      assert.match(text, /"route_not_found"/, path);
    }
  }
});

Deno.test("assets: the service worker may serve the whole site, and is never kept unasked", async () => {
  await using countersign = await Countersign.start();
  const { status, headers, text } = await countersign.request("GET", "/service_worker.js");
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "text/javascript; charset=utf-8");
  assert.equal(headers.get("cache-control"), "no-cache");
  assert.equal(headers.get("service-worker-allowed"), "/");
  assert.equal(headers.get("content-security-policy"), "default-src 'none'; connect-src 'self'");
  assert.doesNotMatch(text, /^(import|export)\b/m, "a classic script");
});
