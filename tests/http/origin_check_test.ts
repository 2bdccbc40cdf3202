import assert from "node:assert/strict";
import { originCheck } from "../../routes/http/headers.ts";

const OWN = "https://countersign.example";
const OTHER = "https://evil.example";
/** Everything that looks like our origin and is another. */
const LOOKALIKES = [
  "http://countersign.example",
  "https://countersign.example:8443",
  "https://countersign.example.evil.example",
  "https://www.countersign.example",
  "https://COUNTERSIGN.example",
  "null",
  "",
];

function verdict(method: string, site: string | null, origin: string | null): string {
  const headers = new Headers();
  if (site !== null) headers.set("sec-fetch-site", site);
  if (origin !== null) headers.set("origin", origin);
  const result = originCheck({ method, headers }, OWN);
  return result.allowed ? "allowed" : `${result.reason} ${result.got}`;
}

Deno.test("originCheck() lets safe methods through, wherever they come from", () => {
  for (const method of ["GET", "HEAD", "OPTIONS"]) {
    for (const site of [null, "same-origin", "cross-site"]) {
      for (const origin of [null, OWN, OTHER]) {
        assert.equal(verdict(method, site, origin), "allowed", `${method} ${site} ${origin}`);
      }
    }
  }
});

Deno.test("originCheck() takes unsafe methods from a page of this site only", () => {
  const table: [site: string | null, origin: string | null, expected: string][] = [
    ["same-origin", OWN, "allowed"],
    ["same-origin", null, "allowed"],
    ["same-origin", OTHER, `foreign_origin ${OTHER}`],
    ["same-origin", "null", "foreign_origin null"],
    ["none", OWN, "allowed"],
    ["none", null, "allowed"],
    ["none", OTHER, `foreign_origin ${OTHER}`],
    ["same-site", OWN, "cross_site same-site"],
    ["same-site", null, "cross_site same-site"],
    ["same-site", OTHER, "cross_site same-site"],
    ["cross-site", OWN, "cross_site cross-site"],
    ["cross-site", null, "cross_site cross-site"],
    ["cross-site", OTHER, "cross_site cross-site"],
    ["unheard-of", OWN, "cross_site unheard-of"],
    ["", OWN, "cross_site "],
    [null, OWN, "allowed"],
    [null, OTHER, `foreign_origin ${OTHER}`],
    [null, null, "unknown_origin null"],
  ];
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "get"]) {
    for (const [site, origin, expected] of table) {
      assert.equal(verdict(method, site, origin), expected, `${method} ${site} ${origin}`);
    }
  }
});

Deno.test("attack: an origin that looks like ours is another's", () => {
  for (const origin of LOOKALIKES) {
    assert.equal(verdict("POST", null, origin), `foreign_origin ${origin}`);
    assert.equal(verdict("POST", "same-origin", origin), `foreign_origin ${origin}`);
  }
});
