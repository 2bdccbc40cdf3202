import assert from "node:assert/strict";
import { ROLES } from "../../lib/store/records/identity.ts";
import { Countersign } from "../helpers/countersign.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

/** The script that a page shows. */
function shown(html: string): string {
  const [, code = ""] = /<pre[^>]*><code>([\s\S]*?)<\/code>/.exec(html) ?? [];
  return code.replaceAll("&lt;", "<").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}

const query = (fields: Record<string, string>) => `/api-builder?${new URLSearchParams(fields)}`;

/** Where a link of the page leads, as a browser reads it. */
function hrefOf(html: string, label: RegExp): string {
  for (
    const [, href = "", text = ""] of html.matchAll(/<a [^>]*href="([^"]*)"[^>]*>([\s\S]*?)<\/a>/g)
  ) {
    if (label.test(text.replaceAll(/<[^>]*>/g, ""))) return href.replaceAll("&amp;", "&");
  }
  return assert.fail(`no link ${label}`);
}

Deno.test("the API Builder adds what a form names to the script, without any script of its own", async () => {
  await using countersign = await Countersign.start();
  const owner = await Visitor.of(await countersign.org(), "owner");
  const first = await owner.get(query({ kind: "tenant", id: "acme", name: "Acme" }));
  assert.match(first.text, /So far: 1 tenant\./);
  assert.match(shown(first.html), /send PUT '\/v1\/tenants\/acme'/);

  const [, plan = ""] = /name="plan" value="([^"]*)"/.exec(first.html) ?? [];
  const second = await owner.get(
    query({ plan: plan.replaceAll("&amp;", "&"), output: "python", kind: "agent", name: "bot" }),
  );
  assert.match(second.text, /So far: 1 tenant, 1 agent\./);
  assert.match(shown(second.html), /send\("PUT", "\/v1\/tenants\/acme"/);
  assert.match(shown(second.html), /send\("POST", "\/v1\/agents"/);

  const removed = await owner.get(hrefOf(second.html, /^Remove$/));
  assert.match(removed.text, /So far: 1 agent\./);
  const typescript = await owner.get(hrefOf(removed.html, /^TypeScript$/));
  assert.match(shown(typescript.html), /await send\("POST", "\/v1\/agents"/);
});

Deno.test("the API Builder keeps a form that it refuses, with what is wrong", async () => {
  await using countersign = await Countersign.start();
  const owner = await Visitor.of(await countersign.org(), "owner");
  const fields = { kind: "tool", name: "refund", parameters: "{" };
  const { html, text } = await owner.get(query(fields));
  assert.match(text, /parameters: is not JSON/);
  assert.match(
    html,
    /id="field-tool-name"[^>]*value="refund"|value="refund"[^>]*id="field-tool-name"/,
  );
  assert.match(text, /So far: nothing yet\./);
});

Deno.test("the API Builder fills in its own address and no secret", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  for (const output of ["curl", "typescript", "python", "policy"]) {
    const { html } = await owner.get(query({ output, kind: "key", name: "mine" }));
    assert.ok(html.includes(countersign.origin));
    assert.doesNotMatch(html, /cs_(mgmt|live|agent|appr)_[0-9a-z]{8}/);
  }
});

Deno.test("the API Builder shows hostile text as text, in lists and in scripts", async () => {
  await using countersign = await Countersign.start();
  const owner = await Visitor.of(await countersign.org(), "owner");
  const typed = HOSTILE.markup + HOSTILE.bidi;
  for (const output of ["curl", "typescript", "python", "policy"]) {
    const { html } = await owner.get(
      query({ output, kind: "tool", name: typed, description: typed }),
    );
    assert.doesNotMatch(html, /<img src=x/);
    assert.doesNotMatch(shown(html), /\u202e/);
  }
});

Deno.test("the API Builder puts what was typed into the current policy, or shows it alone", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("delete_server");
  const owner = await Visitor.of(org, "owner");
  const fields = { output: "policy", kind: "tenant", id: "acme" };
  const whole = JSON.parse(shown((await owner.get(query(fields))).html));
  assert.deepEqual(whole.tools.map(({ name }: { name: string }) => name), ["delete_server"]);
  assert.deepEqual(whole.tenants, [{ id: "acme", name: null }]);
  const current = await org.manage("GET", "/v1/policy");
  assert.equal(whole.policy_version, current.body.policy_version);

  const alone = await owner.get(query({ ...fields, base: "none" }));
  assert.deepEqual(JSON.parse(shown(alone.html)), { tenants: [{ id: "acme", name: null }] });
  assert.match(alone.text, /other tools are archived/);
  const response = await fetch(`${countersign.origin}/api-builder/policy`, {
    headers: { cookie: `countersign_session=${owner.session.secret}` },
  });
  assert.deepEqual(await response.json(), current.body);
});

Deno.test("the API Builder is for every role, and says who makes management keys", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (const role of ROLES) {
    const { status, text } = await (await Visitor.of(org, role)).get("/api-builder");
    assert.equal(status, 200);
    const mayConfigure = role === "owner" || role === "admin";
    assert.equal(/which owners and admins make/.test(text), !mayConfigure);
  }
});

Deno.test("the API Builder survives a plan that nobody typed", async () => {
  await using countersign = await Countersign.start();
  const owner = await Visitor.of(await countersign.org(), "owner");
  for (
    const fields of [
      { plan: "\0%%%\n\nkind=tenant" },
      { plan: "kind=tenant&id=a", remove: "99" },
      { remove: "x", output: "fortran", base: "other" },
      { kind: "__proto__" },
    ]
  ) {
    assert.equal((await owner.get(query(fields as Record<string, string>))).status, 200);
  }
});
