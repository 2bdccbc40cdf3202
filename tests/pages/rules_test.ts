import assert from "node:assert/strict";
import type { RuleRecord, Selector } from "../../lib/store/records/policy.ts";
import { LEVELS } from "../../lib/store/records/vocabulary.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { rowsOf } from "../helpers/page_html.ts";
import { type GotPage, HOSTILE, Visitor } from "../helpers/visitor.ts";

type Part = Exclude<keyof Selector, "tenant_id">;

const VALUES: Readonly<Record<Part, string>> = {
  resource_id: "server-1",
  tool_name: "restart",
  method: "POST",
  tag: "dangerous",
};

async function rulesOf(org: TestOrg): Promise<RuleRecord[]> {
  return await org.transact(({ snapshot }) => [...snapshot.rules]);
}

/** Makes a rule by the API. */
async function rule(
  org: TestOrg,
  selector: Partial<Selector>,
  permission: RuleRecord["permission"],
  note: string | null = null,
): Promise<RuleRecord> {
  const { status, body } = await org.manage("PUT", "/v1/rules", { selector, permission, note });
  assert.equal(status, 201, JSON.stringify(body));
  const found = (await rulesOf(org)).find(({ id }) => id === body.id);
  assert.ok(found);
  return found;
}

/** The rows of the first table of a page, as text. */
function rows({ html }: GotPage): string[] {
  const table = html.match(/<table.*?<\/table>/s)?.[0] ?? "";
  return rowsOf(table).slice(1);
}

Deno.test("the eight levels of a tool stand side by side for a tenant and for the organization", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart", { tags: ["dangerous"], default_permission: "requires_approval" });
  await org.manage("PUT", "/v1/tenants/acme", {});
  await rule(org, { tool_name: "restart" }, "allowed");
  await rule(org, { tool_name: "restart", tenant_id: "acme" }, "disabled");
  await rule(org, { resource_id: "server-1" }, "requires_approval");
  await rule(org, { tag: "dangerous" }, "requires_approval");
  await rule(org, { tool_name: "another" }, "disabled");
  const viewer = await Visitor.of(org, "viewer");
  const page = await viewer.get("/rules?tool_name=restart&tenant_id=acme");
  const levels = rows(page);
  assert.equal(levels.length, 8);
  assert.match(
    levels[3] ?? "",
    /4 Resource Everything.*No rule\s+resource server-1 Needs approval/,
  );
  assert.match(levels[5] ?? "", /6 Tool Every use of one tool\. Disabled In force\s+Allowed\s*$/);
  assert.match(levels[7] ?? "", /8 Tag.*No rule\s+tag dangerous Needs approval/);
  assert.match(page.text, /Disabled A call that names no more than this tool and this tenant/);
  assert.match(page.text, /What decides: Tenant's rule by tool/);
  assert.match(page.text, /Default of the tool\s+Needs approval\s+Default of the category/);

  const ofOrg = await viewer.get("/rules?tool_name=restart");
  assert.match(rows(ofOrg)[5] ?? "", /Allowed In force/);
  assert.doesNotMatch(ofOrg.text, /This tenant/);
});

Deno.test("the page of rules says what is not known of a tool or a tenant", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const viewer = await Visitor.of(org, "viewer");
  const page = await viewer.get("/rules?tool_name=later&tenant_id=stranger");
  assert.match(page.text, /No tool of this name is in the catalog/);
  assert.match(page.text, /This tenant isn't registered/);
  const wrong = await viewer.get("/rules?tool_name=a+b");
  assert.equal(wrong.status, 200);
  assert.match(wrong.text, /may have letters, digits/);
  assert.match((await viewer.get("/rules")).text, /No rules yet/);
});

Deno.test("a rule is made at each of the eight levels by a form that has the fields of that level only", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  for (const { name, parts } of LEVELS) {
    const path = `/rules?level=${name}`;
    const { html, text } = await owner.get(path);
    const form = html.match(/name="do" value="make".*?<\/form>/s)?.[0] ?? "";
    const fields = (Object.keys(VALUES) as Part[]).filter((part) =>
      form.includes(`name="${part}"`)
    );
    assert.deepEqual(fields.toSorted(), parts.toSorted(), name);
    assert.match(text, /Level \d of 8, .* The first that matches decides/);
    for (const tenant_id of ["", "acme"]) {
      const made = await owner.send(path, "make", {
        level: name,
        tenant_id,
        ...Object.fromEntries(parts.map((part) => [part, VALUES[part]])),
        permission: "requires_approval",
        note: "by the form",
      });
      assert.equal(made.status, 303, made.text);
      assert.equal(made.notice, "The rule is made and in force.");
    }
  }
  const made = await rulesOf(org);
  assert.equal(made.length, 16);
  assert.deepEqual([...new Set(made.map(({ note }) => note))], ["by the form"]);
  assert.equal(made.filter(({ selector }) => selector.tenant_id === "acme").length, 8);
});

Deno.test("a rule is not made without what its level names, without a permission or for a personal id", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const path = "/rules?level=resource_tool";
  const refused = async (fields: Record<string, string>) => {
    const got = await owner.send(path, "make", {
      level: "resource_tool",
      resource_id: "server-1",
      tool_name: "restart",
      permission: "allowed",
      ...fields,
    });
    assert.equal(got.status, 422);
    return got;
  };
  const missing = await refused({ resource_id: "", note: "kept" });
  assert.match(missing.text, /resource id: must not be empty/);
  assert.match(missing.html, /value="kept"/);
  assert.match((await refused({ permission: "" })).text, /permission: must be one of/);
  const personal = await refused({ tenant_id: "eve@example.com" });
  assert.match(personal.text, /tenant id: looks like an e-mail address/);
  assert.match(personal.html, /id="field-tenant_id-error"/);
  assert.match((await refused({ tag: "also" })).text, /none of the eight levels/);
  assert.deepEqual(await rulesOf(org), []);
});

Deno.test("a form of a rule says what to write instead of a pattern, beside its field", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const cases = [["method", "method", "GET|POST"], ["resource", "resource_id", "prod-*"]] as const;
  for (const [level, part, value] of cases) {
    const path = `/rules?level=${level}`;
    const got = await owner.send(path, "make", { level, [part]: value, permission: "disabled" });
    assert.equal(got.status, 422);
    assert.match(got.html, new RegExp(`href="#field-${part}"[^>]*>[^<]*no pattern is understood`));
  }
  assert.deepEqual(await rulesOf(org), []);
  await org.manage("PUT", "/v1/resources/prod-%2A", {});
  const made = await owner.send("/rules?level=resource", "make", {
    level: "resource",
    resource_id: "prod-*",
    permission: "disabled",
  });
  assert.match(made.notice ?? "", /^The rule is made and in force\./);
});

Deno.test("a disabled rule that a call passes by leaving a fact out is warned of where it is made", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const owner = await Visitor.of(org, "owner");
  const words = /rests on the method that a call names, and restart requires none/;
  const made = await owner.send("/rules?level=tool_method", "make", {
    level: "tool_method",
    tool_name: "restart",
    method: "DELETE",
    permission: "disabled",
  });
  assert.match(made.notice ?? "", words);
  const [rule] = await rulesOf(org);
  assert.match((await owner.get(`/rules/${rule?.id}`)).text, words);
  const explain = "/rules/explain?tool_name=restart&method=delete";
  assert.match((await owner.get(explain)).text, words);
  await org.tool("restart", { methods: ["GET", "DELETE"] });
  for (const path of [`/rules/${rule?.id}`, explain]) {
    assert.doesNotMatch((await owner.get(path)).text, /rests on/);
  }
});

Deno.test("making a rule that is there already leads to it and changes nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const there = await rule(org, { tool_name: "restart" }, "disabled", "because");
  const owner = await Visitor.of(org, "owner");
  const { to, notice } = await owner.send("/rules?level=tool", "make", {
    level: "tool",
    tool_name: "restart",
    permission: "allowed",
  });
  assert.equal(to, `/rules/${there.id}`);
  assert.match(notice ?? "", /There is a rule for exactly this already/);
  assert.deepEqual(await rulesOf(org), [there]);
});

Deno.test("a rule is changed and removed where it is looked at, and on its own page", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const made = await rule(org, { tool_name: "restart" }, "allowed");
  const owner = await Visitor.of(org, "owner");
  const context = `/rules?tool_name=restart`;
  const inPlace = `${context}&rule=${made.id}`;
  assert.match((await owner.get(context)).html, new RegExp(`rule=${made.id}#edit`));
  assert.match((await owner.get(inPlace)).html, /id="edit"/);
  const changed = await owner.send(inPlace, "change", {
    rule: made.id,
    seen: String(made.updated_at),
    permission: "disabled",
    note: "broken since Monday",
  });
  assert.equal(changed.to, context);
  const [now] = await rulesOf(org);
  assert.deepEqual([now?.id, now?.permission, now?.note], [
    made.id,
    "disabled",
    "broken since Monday",
  ]);

  const page = await owner.get(`/rules/${made.id}`);
  assert.match(page.text, /tool restart\s+Disabled/);
  assert.match(page.text, /Organization's rule by tool/);
  assert.match(page.text, /Who changed it.*set the rule for tool=restart to disabled/);
  const removed = await owner.send(`/rules/${made.id}`, "remove", { rule: made.id });
  assert.equal(removed.to, context);
  assert.deepEqual(await rulesOf(org), []);
  assert.equal((await owner.get(`/rules/${made.id}`)).status, 404);
  assert.match((await owner.get(inPlace)).text, /That rule doesn't exist any more/);
});

Deno.test("a form of a rule that somebody else changed meanwhile undoes nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const made = await rule(org, { tool_name: "restart" }, "disabled");
  countersign.clock.advance(1000);
  await org.manage("PUT", "/v1/rules", {
    selector: made.selector.tool_name === null ? {} : { tool_name: "restart" },
    permission: "requires_approval",
  });
  const owner = await Visitor.of(org, "owner");
  const refused = await owner.send(`/rules/${made.id}`, "change", {
    rule: made.id,
    seen: String(made.updated_at),
    permission: "allowed",
  });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /Somebody changed it while this form was open/);
  assert.equal((await rulesOf(org))[0]?.permission, "requires_approval");
});

Deno.test("what lets more through asks for the passkey, what lets less through does not", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const admin = await Visitor.of(org, "admin", { fresh: false });
  const make = (permission: string) =>
    admin.send("/rules?level=tool", "make", { level: "tool", tool_name: "restart", permission });
  const held = await make("allowed");
  assert.equal(held.status, 200);
  assert.match(held.text, /Confirm it is you.*Letting restart run without asking/);
  assert.equal((await make("disabled")).status, 303);
  const [made] = await rulesOf(org);
  const removing = await admin.send(`/rules/${made?.id}`, "remove", { rule: made?.id ?? "" });
  assert.match(removing.text, /Confirm it is you.*Removing a rule/);
  assert.equal((await rulesOf(org)).length, 1);
});

Deno.test("rules are listed fifty at a time, and narrowed by what they name and say", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (let i = 0; i < 55; i++) {
    await rule(org, { tool_name: "restart", resource_id: `server-${i}` }, "allowed");
  }
  await rule(org, { tool_name: "restart", tenant_id: "acme" }, "disabled");
  await rule(org, { method: "DELETE" }, "requires_approval", "x".repeat(500));
  const viewer = await Visitor.of(org, "viewer");
  const listed = (html: string) => html.split('class="row-link" href="/rules/rul_').length - 1;
  const first = await viewer.get("/rules");
  assert.equal(listed(first.html), 50);
  const next = first.html.match(/href="([^"]*)" rel="next"/)?.[1]?.replaceAll("&amp;", "&") ?? "";
  assert.equal(listed((await viewer.get(next)).html), 7);
  assert.equal(listed((await viewer.get("/rules?tenant_id=acme")).html), 1);
  assert.equal(listed((await viewer.get("/rules?resource_id=server-7")).html), 1);
  assert.equal(listed((await viewer.get("/rules?permission=requires_approval")).html), 1);
  assert.match((await viewer.get("/rules?resource_id=none")).text, /No rule matches/);
});

Deno.test("the page of rules tells who changed what, of the tool and tenant that are looked at", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner", { email: "olga@example.com" });
  await rule(org, { tool_name: "another" }, "disabled");
  await owner.send("/rules?level=tool", "make", {
    level: "tool",
    tool_name: "restart",
    permission: "disabled",
  });
  const all = await owner.get("/rules");
  const sentence = /olga@example.com set the rule for tool=restart to disabled/;
  assert.match(all.text, sentence);
  assert.match(all.text, /set the rule for tool=another/);
  const one = await owner.get("/rules?tool_name=restart");
  assert.match(one.text, sentence);
  assert.doesNotMatch(one.text, /tool=another/);
});

Deno.test("an action is explained: the verdict, and every level that was walked", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart", { required_tier: 1 });
  await org.manage("PUT", "/v1/tenants/acme", {});
  const decides = await rule(
    org,
    { tool_name: "restart", tenant_id: "acme" },
    "disabled",
    "not for them",
  );
  await org.agent({ name: "ops", trust_tier: 2 });
  const viewer = await Visitor.of(org, "viewer");
  const before = (await org.get("/v1/activity", org.management)).body.data.length;
  const stranger = await viewer.get("/rules/explain?tool_name=restart&tenant_id=acme");
  assert.match(stranger.text, /The answer.*Disabled\s+Trust tier\.\s+The tool requires a higher/);
  const as = stranger.html.match(/<option value="(agt_[^"]*)">Agent ops/)?.[1];
  const page = await viewer.get(
    `/rules/explain?tool_name=restart&tenant_id=acme&resource_id=s&method=POST&as=${as}`,
  );
  assert.match(page.text, /Tenant's rule by tool\. Every use of one tool\. tenant_tool/);
  assert.match(page.text, /The rule that decides : not for them/);
  const steps = rows(page);
  assert.match(steps[0] ?? "", /1 Kill switch kill_switch org Off/);
  assert.match(
    steps.at(-1) ?? "",
    /Tenant's rule by tool.*tenant=acme tool=restart\s+Decides Rule/,
  );
  assert.ok(page.html.includes(`/rules/${decides.id}`));
  const after = (await org.get("/v1/activity", org.management)).body.data.length;
  assert.equal(after, before, "nothing is written down");
});

Deno.test("an action that could not be asked about is answered beside the field", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.agent({ name: "walled", tenant_ids: ["acme", "globex"] });
  const viewer = await Visitor.of(org, "viewer");
  const explain = async (query: string) => {
    const page = await viewer.get(`/rules/explain?${query}`);
    assert.equal(page.status, 200);
    assert.doesNotMatch(page.text, /The answer/);
    return page;
  };
  assert.match((await explain("tool_name=a+b")).text, /may have letters, digits/);
  assert.match(
    (await explain("tool_name=restart&tenant_id=eve@example.com")).text,
    /looks like an e-mail address/,
  );
  assert.match((await explain("tool_name=restart&as=agt_gone")).text, /doesn't exist any more/);
  const as = (await explain("")).html.match(/<option value="(agt_[^"]*)">/)?.[1];
  assert.match(
    (await explain(`tool_name=restart&tenant_id=initech&as=${as}`)).text,
    /may act for acme, globex only/,
  );
});

Deno.test("viewers and approvers are shown no form of rules, and what they send is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const made = await rule(org, { tool_name: "restart" }, "disabled");
  for (const role of ["viewer", "approver"] as const) {
    const visitor = await Visitor.of(org, role);
    for (
      const path of [
        `/rules?tool_name=restart&rule=${made.id}`,
        "/rules?level=tool",
        `/rules/${made.id}`,
      ]
    ) {
      const { html, status } = await visitor.get(path);
      assert.equal(status, 200);
      assert.doesNotMatch(html, /value="(make|change|remove)"|#make/);
    }
    const form = { level: "tool", tool_name: "x", permission: "allowed" };
    assert.equal((await visitor.send("/rules", "make", form)).status, 403);
    assert.equal(
      (await visitor.send(`/rules/${made.id}`, "remove", { rule: made.id })).status,
      403,
    );
  }
  assert.deepEqual(await rulesOf(org), [made]);
});

Deno.test("what a rule names and notes is text, with what hides in it made visible", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart", { tags: [HOSTILE.markup] });
  const made = await rule(
    org,
    { tool_name: "restart", resource_id: HOSTILE.markup, tenant_id: HOSTILE.markup },
    "allowed",
    HOSTILE.markup + HOSTILE.bidi,
  );
  const owner = await Visitor.of(org, "owner");
  const tenant = encodeURIComponent(HOSTILE.markup);
  for (
    const path of [
      "/rules",
      `/rules?tool_name=restart&tenant_id=${tenant}&rule=${made.id}`,
      `/rules?level=tag&tool_name=restart`,
      `/rules/${made.id}`,
      `/rules/explain?tool_name=restart&resource_id=${tenant}&tenant_id=${tenant}`,
    ]
  ) {
    const { html, status } = await owner.get(path);
    assert.equal(status, 200, path);
    assert.ok(!html.includes("<img"), path);
    assert.ok(html.includes("&lt;img src=x"), path);
  }
  assert.match((await owner.get(`/rules/${made.id}`)).text, /U\+202E/);
});
