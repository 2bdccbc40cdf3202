import assert from "node:assert/strict";
import { securityHeaders } from "../../routes/http/headers.ts";

const secure = securityHeaders(new URL("https://countersign.example"));
const directives = new Map(
  (secure["content-security-policy"] ?? "").split("; ").map((directive) => {
    const [name = "", ...sources] = directive.split(" ");
    return [name, sources.join(" ")];
  }),
);

Deno.test("securityHeaders() has a policy that nothing inline, nothing evaluated and nobody else passes", () => {
  assert.deepEqual(Object.fromEntries(directives), {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "countersign",
  });
});

Deno.test("securityHeaders() keeps the page out of frames and other sites' processes", () => {
  assert.equal(secure["x-frame-options"], "DENY");
  assert.equal(secure["x-content-type-options"], "nosniff");
  assert.equal(secure["cross-origin-opener-policy"], "same-origin");
  assert.equal(secure["cross-origin-resource-policy"], "same-origin");
  assert.match(secure["permissions-policy"] ?? "", /publickey-credentials-get=\(self\)/);
});

Deno.test("securityHeaders() leaves our own forms their origin", () => {
  assert.equal(secure["referrer-policy"], "same-origin");
});

Deno.test("securityHeaders() asks for TLS for good where there is TLS, and only there", () => {
  assert.match(secure["strict-transport-security"] ?? "", /^max-age=\d{8}$/);
  const plain = securityHeaders(new URL("http://localhost:8000"));
  assert.equal(plain["strict-transport-security"], undefined);
});
