import fc from "fast-check";
import assert from "node:assert/strict";
import { answerUrl } from "../../lib/oauth/authorize.ts";
import {
  isAllowedRedirectUri,
  matchesRedirectUri,
  redirectTarget,
} from "../../lib/oauth/redirect_uri.ts";

Deno.test("isAllowedRedirectUri() takes https, this computer, domains in reverse and known programs", () => {
  for (
    const uri of [
      "https://claude.ai/api/mcp/auth_callback",
      "https://app.example/done?x=1",
      "https://app.example:8443/done",
      "http://127.0.0.1/",
      "http://localhost:33418/callback",
      "http://[::1]:1/x",
      "cursor://anysphere.cursor-mcp/oauth/callback",
      "vscode://vscode.github-authentication/did-authenticate",
      "com.example.app:/done",
      "com.example.app://done",
      "com.raycast:/oauth?package_name=Extension",
      "raycast://oauth?package_name=Extension",
      "vscode-insiders://saoudrizwan.claude-dev/auth",
      "claude://claude.ai/oauth/callback",
      "warp://mcp/oauth2callback",
      "grokbot://mcp/oauth/callback",
      "windsurf://publisher.extension/done",
      "CURSOR://anysphere.cursor-mcp/oauth/callback",
    ]
  ) assert.ok(isAllowedRedirectUri(uri), uri);
});

Deno.test("isAllowedRedirectUri() refuses what leaks, runs or opens something", () => {
  for (
    const uri of [
      "",
      "/done",
      "//app.example/done",
      "http://app.example/done",
      "http:127.0.0.1/done",
      "https:app.example/done",
      "http://127.0.0.1.evil.example/",
      "http://localhost.evil.example/",
      "http://127.0.0.1@evil.example/",
      "http://2130706433/",
      "http://%6cocalhost/",
      "https://app.example/done#fragment",
      "https://user:password@app.example/done",
      "https://app.example/with space",
      "https://app.example/ünicode",
      "https://app.example/\\done",
      "javascript:alert(1)",
      "javascript://a.b/%0aalert(1)",
      "data:text/html,x.y",
      "file:///etc/passwd",
      "blob:https://app.example/x",
      "ms-msdt:/id.x",
      "search-ms://a.b/",
      "mailto:a@b.example",
      "intent://a.b/#Intent",
      "cursor:done",
      "cursor:/done",
      "cursor:///done",
      "myapp://callback",
      "myapp://callback.example/done",
      "postgresql://evil.example",
      "postgresql://evil.example/done",
      "postgres://evil.example/done",
      "mysql://evil.example/done",
      "redis://evil.example/done",
      "mongodb+srv://evil.example/done",
      "ssh://evil.example/done",
      "git+ssh://evil.example/done",
      "ldaps://evil.example/done",
      "jdbc:postgresql://evil.example/done",
      "cursors://anysphere.cursor-mcp/done",
      "vscode-evil://evil.example/done",
      "x-apple.systempreferences:com.apple.preference.security",
      "iris.beep://evil.example/done",
      "vnd.youtube://evil.example/done",
      "z39.50r://evil.example/done",
      "example.://evil.example/done",
      ".example://evil.example/done",
      "smb://evil.example/share",
      "sftp://evil.example/x",
      "ldap://evil.example/x",
      "vnc://evil.example/",
      "webcal://evil.example/x",
      "microsoft-edge://evil.example/x",
      "googlechrome://evil.example/x",
      "itms-services://evil.example/x",
      "http://127.0.0.1:99999/",
      "http://localhost./done",
      "http://[::ffff:127.0.0.1]/",
      "http://[0:0:0:0:0:0:0:1]/",
      "HTTP://127.0.0.1/done",
      "https://claude.ai:443@evil.example/",
      "cursor://a.b@evil.example/",
      `https://app.example/${"a".repeat(1000)}`,
    ]
  ) assert.ok(!isAllowedRedirectUri(uri), uri);
});

Deno.test("matchesRedirectUri() is equality for every address but those of this computer", () => {
  const uri = fc.oneof(
    fc.webUrl({ withQueryParameters: true, validSchemes: ["https", "http"] }),
    fc.constantFrom(
      "http://127.0.0.1:1/a",
      "http://127.0.0.1:2/a",
      "http://localhost:1/a",
      "cursor://a.b/c",
    ),
  );
  fc.assert(fc.property(uri, uri, (own, given) => {
    const matches = matchesRedirectUri([own], given);
    if (own === given) return assert.equal(matches, isAllowedRedirectUri(given));
    if (!matches) return;
    const [a, b] = [new URL(own), new URL(given)];
    assert.ok(a.protocol === "http:" && b.protocol === "http:");
    a.port = b.port = "";
    assert.equal(a.href, b.href);
  }));
});

Deno.test("matchesRedirectUri() takes no address that only begins like the client's", () => {
  const own = ["https://client.example/cb", "https://client.example", "com.example.app:/done"];
  for (
    const given of [
      "https://client.example/cb/more",
      "https://client.example/cb?to=evil.example",
      "https://client.example.evil.example/",
      "https://client.example:8443/cb",
      "com.example.app:/done/more",
    ]
  ) {
    assert.ok(isAllowedRedirectUri(given), given);
    assert.equal(matchesRedirectUri(own, given), false, given);
  }
  for (const given of own) assert.equal(matchesRedirectUri(own, given), true, given);
});

Deno.test("redirectTarget() names where an answer goes", () => {
  assert.deepEqual(redirectTarget("https://claude.ai/x"), { kind: "host", shown: "claude.ai" });
  assert.deepEqual(redirectTarget("http://localhost:33418/x"), {
    kind: "this_computer",
    shown: "localhost:33418",
  });
  for (
    const [uri, shown] of [
      ["cursor://anysphere.cursor-mcp/x", "cursor://anysphere.cursor-mcp"],
      ["com.example.app://evil.example:5432/x", "com.example.app://evil.example:5432"],
      ["com.example.app:/x", "com.example.app:"],
      ["com.example.app:x", "com.example.app:"],
    ] as const
  ) assert.deepEqual(redirectTarget(uri), { kind: "app", shown });
  for (
    const host of [
      "localhost",
      "localhost.:8443",
      "x.localhost",
      "127.0.0.1",
      "127.8.8.8:1",
      "2130706433",
      "0x7f.1",
      "[::1]:9",
      "0.0.0.0",
      "[::]",
      "[::ffff:127.0.0.1]",
      "%6cocalhost",
    ]
  ) assert.equal(redirectTarget(`https://${host}/x`).kind, "this_computer", host);
  for (
    const host of ["localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example", "8.8.8.8"]
  ) assert.equal(redirectTarget(`https://${host}/x`).kind, "host", host);
});

Deno.test("answerUrl() adds to the query, and changes nothing else", () => {
  const to = (redirect_uri: string) =>
    answerUrl({ redirect_uri, state: null }, { code: "c" }, "https://own.example");
  const query = "code=c&iss=https%3A%2F%2Fown.example";
  assert.equal(to("https://a.example/x"), `https://a.example/x?${query}`);
  assert.equal(to("https://a.example/x?y=1"), `https://a.example/x?y=1&${query}`);
  assert.equal(to("https://a.example"), `https://a.example?${query}`);
  assert.equal(to("https://a.example/?"), `https://a.example/?${query}`);
  assert.equal(to("com.example.app:/x"), `com.example.app:/x?${query}`);
  const hostile = answerUrl(
    { redirect_uri: "https://a.example/", state: "x&code=evil#" },
    { code: "c" },
    "https://own.example",
  );
  assert.deepEqual(new URL(hostile).searchParams.getAll("code"), ["c"]);
  assert.equal(new URL(hostile).searchParams.get("state"), "x&code=evil#");
});
