import fc from "fast-check";
import assert from "node:assert/strict";
import { localPath } from "../../routes/http/headers.ts";

const ORIGIN = new URL("https://countersign.example");

Deno.test("localPath() keeps paths of this origin", () => {
  for (
    const path of ["/", "/approvals/apr_1", "/rules?tenant_id=acme&x=%2F", "/a//b", "/a/..;/b"]
  ) {
    assert.equal(localPath(path, ORIGIN), path);
  }
});

Deno.test("localPath() refuses what a browser takes for another site or scheme", () => {
  const hostile = [
    null,
    "",
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "/..//evil.example",
    "/.//evil.example",
    "/approvals/..//evil.example",
    "/%2e%2e//evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    " /approvals",
    "javascript:alert(1)",
    "data:text/html,x",
    "approvals",
    "?x",
    "#x",
    "/é",
    `/${"a".repeat(4000)}`,
  ];
  for (const text of hostile) assert.equal(localPath(text, ORIGIN), null, JSON.stringify(text));
});

Deno.test("localPath() never leaves the origin, whatever it is given", () => {
  const texts = fc.oneof(
    fc.string(),
    fc.webUrl(),
    fc.string().map((text) => `/${text}`),
    fc.constantFrom("/", "\\", "//", "/%2f", "/%5c", "/.", "/..").chain((start) =>
      fc.string().map((text) => start + text)
    ),
    fc.array(fc.constantFrom("/", "//", "\\", ".", "..", "%2e", "%2f", "evil.example", "?", "#"))
      .map((parts) => `/${parts.join("")}`),
  );
  fc.assert(fc.property(texts, (text) => {
    const path = localPath(text, ORIGIN);
    if (path === null) return;
    assert.equal(new URL(path, ORIGIN).origin, ORIGIN.origin);
    assert.ok(path.startsWith("/") && !path.startsWith("//"));
    // What is kept stays as it is when it is asked about again.
    assert.equal(localPath(path, ORIGIN), path);
  }));
});
