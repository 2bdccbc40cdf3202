import assert from "node:assert/strict";
import { hasRight, type Right } from "../../lib/policy/rights.ts";
import { ROLES } from "../../lib/store/records/identity.ts";
import { ENDPOINTS, PAGES } from "../../routes/manifest.ts";
import { Countersign } from "../helpers/countersign.ts";

/** Attacks on everything that a browser can ask for, from the manifest: a new page is among them. */

interface Target {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** What its form would say it does; null where it takes JSON or nothing. */
  readonly does: string | null;
  readonly audience: "member" | "account" | "anyone";
  /** All of these are needed. */
  readonly needs: readonly Right[];
}

/** A path with something in the place of each parameter. */
const filled = (path: string) => path.replaceAll(/:[a-z_]+(\{[^}]*\})?/g, "nothing");

const TARGETS: readonly Target[] = [
  ...PAGES.flatMap((page): Target[] => {
    const needs = page.audience === "member" ? [page.needs] : [];
    const shared = { path: filled(page.path), audience: page.audience };
    return [
      { ...shared, method: "GET", does: null, needs },
      ...Object.entries(page.actions ?? {}).map(([does, action]): Target => ({
        ...shared,
        method: "POST",
        does,
        needs: action.needs === undefined ? needs : [...needs, action.needs],
      })),
    ];
  }),
  ...ENDPOINTS.map((endpoint): Target => ({
    method: endpoint.method === "get" ? "GET" : "POST",
    path: filled(endpoint.path),
    does: null,
    audience: endpoint.audience,
    needs: endpoint.audience === "member" ? [endpoint.needs] : [],
  })),
];

const nameOf = ({ method, path, does }: Target) => `${method} ${path}${does ? ` (${does})` : ""}`;

async function send(
  countersign: Countersign,
  { method, path, does }: Target,
  headers: Record<string, string>,
) {
  const response = await fetch(`http://127.0.0.1:${countersign.server.addr.port}${path}`, {
    method,
    redirect: "manual",
    headers: {
      "content-type": does === null ? "application/json" : "application/x-www-form-urlencoded",
      accept: "text/html",
      ...headers,
    },
    ...(method === "GET" ? {} : { body: does === null ? "{}" : `do=${does}` }),
  });
  const text = response.headers.get("content-type") === "text/event-stream"
    ? await response.body?.cancel() ?? ""
    : await response.text();
  return { status: response.status, text, headers: response.headers };
}

const cookie = (secret: string) => `countersign_session=${secret}`;

Deno.test("every change that another site sends is refused, whoever is signed in", async (t) => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await org.signedIn("owner", {});
  const foreign: Record<string, string>[] = [
    {},
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: countersign.origin, "sec-fetch-site": "cross-site" },
    { origin: countersign.origin, "sec-fetch-site": "same-site" },
    { origin: `${countersign.origin}.evil.example` },
    { origin: countersign.origin.replace("http:", "https:") },
  ];
  for (const target of TARGETS.filter(({ method }) => method === "POST")) {
    await t.step(nameOf(target), async () => {
      for (const headers of foreign) {
        const got = await send(countersign, target, { cookie: cookie(owner.secret), ...headers });
        assert.equal(got.status, 403, JSON.stringify(headers));
        assert.match(got.text, /another site|foreign_origin/);
      }
    });
  }
});

Deno.test("nobody who is not signed in gets to what is for members and accounts", async (t) => {
  await using countersign = await Countersign.start();
  await countersign.org();
  const { origin } = countersign;
  const cookies = ["", cookie("A".repeat(43)), cookie("' or 1=1"), "countersign_session="];
  for (const target of TARGETS.filter(({ audience }) => audience !== "anyone")) {
    await t.step(nameOf(target), async () => {
      for (const value of cookies) {
        const got = await send(countersign, target, { origin, cookie: value });
        assert.ok(got.status === 303 || got.status === 401, `${got.status}`);
        if (got.status === 303) assert.match(got.headers.get("location") ?? "", /^\/sign-in/);
      }
    });
  }
});

Deno.test("each role is refused everything above it, from the rights table", async (t) => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { origin } = countersign;
  for (const role of ROLES) {
    const { secret } = await org.signedIn(role, {});
    for (const target of TARGETS.filter(({ audience }) => audience === "member")) {
      const allowed = target.needs.every((right) => hasRight(role, right));
      if (allowed && target.method === "POST") continue;
      await t.step(`${role}: ${nameOf(target)}`, async () => {
        const got = await send(countersign, target, { origin, cookie: cookie(secret) });
        const refused = got.status === 403 && /Your role|role_required/.test(got.text);
        assert.equal(refused, !allowed, `${got.status} ${got.text.slice(0, 200)}`);
      });
    }
  }
});

Deno.test("a member of one org sees nothing of another, even by its ids", async () => {
  await using countersign = await Countersign.start();
  const [own, other] = [await countersign.org(), await countersign.org()];
  const { secret } = await own.signedIn("owner", {});
  await other.tool("secret_tool", { default_permission: "requires_approval" });
  const asked = await other.post("/v1/approvals", { tool_name: "secret_tool", reason: "please" });
  assert.equal(asked.status, 201);
  const { origin } = countersign;
  const headers = { origin, cookie: cookie(secret) };
  for (const id of [asked.body.id, asked.body.reference]) {
    for (const path of [`/approvals/${id}`, `/approvals/${id}/live`]) {
      const got = await send(countersign, { ...PAGE, path }, headers);
      assert.equal(got.status, 404, path);
      assert.ok(!got.text.includes("secret_tool"));
    }
    const denied = await send(
      countersign,
      { ...PAGE, method: "POST", path: `/approvals/${id}`, does: "deny" },
      headers,
    );
    assert.equal(denied.status, 404);
  }
  const after = await other.get(`/v1/approvals/${asked.body.id}`);
  assert.equal(after.body.status, "pending");
});

const PAGE: Target = { method: "GET", path: "", does: null, audience: "member", needs: [] };

Deno.test("every page and refusal carries the headers that shut injection out", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { secret } = await org.signedIn("owner", {});
  const headers = { cookie: cookie(secret), origin: countersign.origin };
  for (
    const target of TARGETS.filter(({ method, path }) => method === "GET" && !/live/.test(path))
  ) {
    const got = await send(countersign, target, headers);
    if (!got.headers.get("content-type")?.startsWith("text/html")) continue;
    const policy = got.headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'/, nameOf(target));
    assert.match(policy, /frame-ancestors 'none'/);
    assert.ok(!policy.includes("unsafe"));
    assert.equal(got.headers.get("x-content-type-options"), "nosniff");
    assert.equal(got.headers.get("cache-control"), "no-store");
    assert.ok(!/<script(?![^>]* src=)/.test(got.text), `inline script in ${nameOf(target)}`);
    assert.ok(!/ (style|on[a-z]+)=/.test(got.text.replaceAll(/>[^<]*</g, "><")), nameOf(target));
  }
});

Deno.test("every answer to a script, and every refusal of one, is for this site alone", async (t) => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { secret } = await org.signedIn("owner", {});
  const { origin } = countersign;
  const paths = new Set(ENDPOINTS.map(({ path }) => filled(path)));
  for (const target of TARGETS.filter(({ path, does }) => does === null && paths.has(path))) {
    await t.step(nameOf(target), async () => {
      for (const headers of [{ origin, cookie: cookie(secret) }, { origin }, {}]) {
        const got = await send(countersign, target, headers as Record<string, string>);
        assert.equal(got.headers.get("cross-origin-resource-policy"), "same-origin");
        assert.equal(got.headers.get("x-frame-options"), "DENY");
        assert.equal(got.headers.get("x-content-type-options"), "nosniff");
        // What is streamed is not to be kept back by a proxy either.
        assert.match(got.headers.get("cache-control") ?? "", /^no-store(, no-transform)?$/);
        assert.equal(got.headers.get("access-control-allow-origin"), null);
      }
    });
  }
});
