import assert from "node:assert/strict";
import * as keys from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { categoryRecord, type ToolRecord, toolRecord } from "../../lib/store/records/policy.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { rowsOf } from "../helpers/page_html.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

const CHECK = "/v1/permissions/check";

async function toolOf(org: TestOrg, name: string): Promise<ToolRecord | null> {
  const { kv } = org.countersign.services.deps;
  return (await readRecord(kv, keys.toolKey(org.id, name), toolRecord))?.value ?? null;
}

/** What the form of a tool sends when nobody touches it. */
const UNTOUCHED = {
  description: "",
  category: "",
  tags: "",
  risk_level: "medium",
  parameters: "",
  default_permission: "",
  required_tier: "0",
  approval_timeout_seconds: "",
  approval_use_seconds: "",
  status: "approved",
};

/** The moment of a record's last change, as a form of it carries it. */
async function seen(org: TestOrg, name: string): Promise<string> {
  return String((await toolOf(org, name))?.updated_at);
}

Deno.test("the list of tools shows where each stands", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("fine", { risk_level: "low", default_permission: "allowed" });
  await org.tool("halted", { kill_switch: { active: true, reason: "broken" } });
  await org.manage("PUT", "/v1/categories/money", { default_permission: "requires_approval" });
  await org.tool("inherits", { category: "money", default_permission: null });
  await org.tool("sketch", { status: "draft", annotations_acknowledged: false });
  const viewer = await Visitor.of(org, "viewer");
  const { status, html } = await viewer.get("/tools");
  assert.equal(status, 200);
  const rows = rowsOf(html);
  const row = (name: string) => rows.find((one) => one.includes(` ${name} `)) ?? "";
  assert.match(row("fine"), /Approved.*Allowed.*Low risk/s);
  assert.match(row("halted"), /Approved.*Stopped/s);
  assert.match(row("inherits"), /Needs approval.*By category.*money/s);
  assert.match(row("sketch"), /Draft.*Needs annotations/s);
  assert.doesNotMatch(row("fine"), /Needs annotations|Stopped/);
});

Deno.test("the list of tools is narrowed by name, status, category and missing annotations", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("mail.send", { category: "mail" });
  await org.tool("mail.read", { category: "mail", status: "disabled" });
  await org.tool("sketch", { status: "draft", annotations_acknowledged: false });
  const viewer = await Visitor.of(org, "viewer");
  const shown = async (query: string) => {
    const { html } = await viewer.get(`/tools?${query}`);
    return ["mail.send", "mail.read", "sketch"].filter((name) => html.includes(`/tools/${name}"`));
  };
  assert.deepEqual(await shown("name=MAIL."), ["mail.send", "mail.read"]);
  assert.deepEqual(await shown("status=disabled"), ["mail.read"]);
  assert.deepEqual(await shown("category=mail&status="), ["mail.send", "mail.read"]);
  assert.deepEqual(await shown("unacknowledged=on"), ["sketch"]);
  assert.deepEqual(await shown("name=&status=&category="), ["mail.send", "mail.read", "sketch"]);
  const none = await viewer.get("/tools?name=nothing");
  assert.match(none.text, /No tool matches/);
});

Deno.test("five hundred tools come fifty at a time, each once", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.transact((transaction) => {
    for (let i = 0; i < 500; i++) {
      const record = { ...BLANK, id: `tol_${i}`, name: `tool_${String(i).padStart(3, "0")}` };
      transaction.setPolicy(keys.toolKey(org.id, record.name), record);
    }
  });
  const viewer = await Visitor.of(org, "viewer");
  const found: string[] = [];
  let path: string | undefined = "/tools?name=tool_";
  let pages = 0;
  while (path !== undefined) {
    const { html } = await viewer.get(path);
    const names = [...html.matchAll(/href="\/tools\/(tool_\d+)"/g)].map(([, name = ""]) => name);
    assert.ok(names.length <= 50);
    found.push(...names);
    pages++;
    const next: string | undefined = html.match(/href="([^"]*)" rel="next"/)?.[1];
    path = next?.replaceAll("&amp;", "&");
    assert.ok(path === undefined || path.startsWith("/tools?name=tool_&cursor="));
  }
  assert.equal(pages, 10);
  assert.equal(new Set(found).size, 500);
});

const BLANK = toolRecord.parse({
  id: "tol_1",
  name: "blank",
  description: "",
  category: null,
  tags: [],
  risk_level: "medium",
  parameters: null,
  default_permission: null,
  annotations: { read_only: false, destructive: true, idempotent: false, open_world: true },
  annotations_acknowledged: true,
  required_tier: 0,
  required_facts: [],
  requires_second_approval: false,
  approval_timeout_seconds: null,
  approval_use_seconds: null,
  kill_switch: { active: false, reason: null },
  status: "approved",
  discovered: false,
  created_at: 0,
  updated_at: 0,
});

Deno.test("a discovered tool waits above the list, with who asked first and how often", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const agent = await org.agent({ name: "billing-agent" });
  for (let i = 0; i < 3; i++) await org.post(CHECK, { tool_name: "drop_tables" }, agent);
  await org.post(CHECK, { tool_name: "drop_tables" });
  const admin = await Visitor.of(org, "admin");
  const { text, html } = await admin.get("/tools");
  assert.match(text, /Recently discovered/);
  assert.match(text, /drop_tables\s+Asked about 4 times, first by agent billing-agent/);
  assert.match(text, /It can delete or overwrite what can't be brought back/);
  assert.match(html, /value="destructive" checked/);
  const viewer = await Visitor.of(org, "viewer");
  assert.doesNotMatch((await viewer.get("/tools")).text, /Recently discovered/);
});

Deno.test("more discovered tools than the list has room for are on a page of their own", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (let i = 0; i < 12; i++) {
    await org.tool(`found_${i}`, {
      status: "draft",
      discovered: true,
      annotations_acknowledged: false,
    });
  }
  const owner = await Visitor.of(org, "owner");
  const list = await owner.get("/tools");
  assert.match(list.text, /All 12/);
  const forms = (html: string) => html.split('value="triage"').length - 1;
  assert.equal(forms(list.html), 3);
  const first = await owner.get("/tools/discovered");
  assert.equal(forms(first.html), 10);
  const next = first.html.match(/href="([^"]*)" rel="next"/)?.[1] ?? "";
  const second = await owner.get(next);
  assert.equal(forms(second.html), 2);
  const done = await owner.send(next, "triage", {
    tool: "found_0",
    seen: await seen(org, "found_0"),
    verdict: "delete",
  });
  assert.equal(done.to, "/tools/discovered");
});

Deno.test("a draft is approved only with its default permission named and its annotations acknowledged", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.post(CHECK, { tool_name: "mail.send" });
  const owner = await Visitor.of(org, "owner");
  const form = {
    tool: "mail.send",
    seen: await seen(org, "mail.send"),
    verdict: "approve",
    annotations: ["idempotent"],
  };
  const bare = await owner.send("/tools", "triage", form);
  assert.equal(bare.status, 422);
  assert.match(bare.text, /default permission: must be named when a draft is approved/);
  assert.match(bare.text, /annotations acknowledged: must be true for an approved tool/);
  assert.match(bare.html, /<details class="disclosure" open/);
  assert.match(bare.html, /value="idempotent" checked/);
  assert.doesNotMatch(bare.html, /value="destructive" checked/);
  assert.equal((await toolOf(org, "mail.send"))?.status, "draft");

  const whole = {
    ...form,
    annotations_acknowledged: "on",
    default_permission: "requires_approval",
  };
  const approved = await owner.send("/tools", "triage", whole);
  assert.deepEqual([approved.status, approved.to, approved.notice], [
    303,
    "/tools",
    "mail.send is approved.",
  ]);
  const tool = await toolOf(org, "mail.send");
  assert.deepEqual(
    [tool?.status, tool?.discovered, tool?.default_permission, tool?.annotations_acknowledged],
    ["approved", false, "requires_approval", true],
  );
  assert.deepEqual(tool?.annotations, {
    read_only: false,
    destructive: false,
    idempotent: true,
    open_world: false,
  });
});

Deno.test("approving a draft asks for the passkey and holds the form until then", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.post(CHECK, { tool_name: "mail.send" });
  const owner = await Visitor.of(org, "owner", { fresh: false });
  const { status, text, html } = await owner.send("/tools", "triage", {
    tool: "mail.send",
    seen: await seen(org, "mail.send"),
    verdict: "approve",
    annotations_acknowledged: "on",
    default_permission: "allowed",
  });
  assert.equal(status, 200);
  assert.match(text, /Confirm it is you/);
  assert.match(text, /Letting mail.send run without asking/);
  assert.match(html, /name="verdict"[^>]*>\s*approve/);
  assert.equal((await toolOf(org, "mail.send"))?.status, "draft");
});

Deno.test("a draft is disabled or deleted without a passkey, on the list or on its own page", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (const name of ["one", "two"]) await org.post(CHECK, { tool_name: name });
  const admin = await Visitor.of(org, "admin", { fresh: false });
  const send = async (path: string, tool: string, verdict: string) =>
    await admin.send(path, "triage", { tool, seen: await seen(org, tool), verdict });
  assert.equal((await send("/tools", "one", "disable")).to, "/tools");
  assert.equal((await toolOf(org, "one"))?.status, "disabled");
  assert.equal((await send("/tools/two", "two", "delete")).to, "/tools");
  assert.equal(await toolOf(org, "two"), null);
});

Deno.test("a tool keeps its page whatever it is called", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const viewer = await Visitor.of(org, "viewer");
  for (const name of ["new", "discovered", "categories", "aws/ec2/Stop", "a:b.c"]) {
    await org.tool(name, { description: `What ${name} does` });
  }
  const { html } = await viewer.get("/tools");
  const links = [...html.matchAll(/class="row-link" href="([^"]*)"/g)].map(([, to = ""]) => to);
  assert.deepEqual(links.toSorted(), [
    "/tools/a%3Ab.c",
    "/tools/aws/ec2/Stop",
    "/tools/~categories",
    "/tools/~discovered",
    "/tools/~new",
  ]);
  for (const link of links) {
    const page = await viewer.get(link);
    assert.match(page.text, /What .* does/, link);
    assert.match(page.text, /Definition/, link);
  }
  assert.equal((await viewer.get("/tools/unknown")).status, 404);
});

Deno.test("a tool is registered, and a name that is taken replaces nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const admin = await Visitor.of(org, "admin");
  assert.match((await admin.get("/tools/new")).text, /Register a tool/);
  const form = {
    ...UNTOUCHED,
    name: "refund",
    description: "Gives money back",
    tags: "money, dangerous",
    annotations: ["destructive"],
    annotations_acknowledged: "on",
  };
  const made = await admin.send("/tools/new", "register", form);
  assert.deepEqual([made.to, made.notice], ["/tools/refund", "refund is registered."]);
  const again = await admin.send("/tools/new", "register", { ...form, description: "Another" });
  assert.equal(again.status, 422);
  assert.match(again.text, /name: is in the catalog already/);
  const tool = await toolOf(org, "refund");
  assert.deepEqual([tool?.description, tool?.tags], ["Gives money back", ["money", "dangerous"]]);
});

Deno.test("what is wrong in the form of a tool stands beside its field, with what was typed", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const refused = async (fields: Record<string, string>) => {
    const got = await owner.send("/tools/new", "register", {
      ...UNTOUCHED,
      name: "refund",
      annotations_acknowledged: "on",
      ...fields,
    });
    assert.equal(got.status, 422);
    return got;
  };
  const broken = await refused({ parameters: '{"type": ' });
  assert.match(broken.text, /parameters: isn't JSON/);
  assert.match(broken.html, /{&quot;type&quot;: /);
  const inside = await refused({
    parameters: '{"properties": {"amount": {"type": "numbre"}}}',
  });
  assert.match(inside.text, /parameters: at \/properties\/amount\/type: /);
  assert.match((await refused({ parameters: "[1]" })).text, /must be a JSON Schema: an object/);
  assert.match((await refused({ name: "a b" })).text, /name: may have letters, digits/);
  assert.match((await refused({ tags: "a,a" })).text, /tags: names a tag twice/);
  assert.match(
    (await refused({ approval_timeout_seconds: "5" })).text,
    /approval timeout seconds: must be at least 1 minute/,
  );
  assert.match(
    (await refused({ approval_use_seconds: "soon" })).text,
    /approval use seconds: must be a whole number/,
  );
});

Deno.test("every field of a tool is changed by its form", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("refund");
  const owner = await Visitor.of(org, "owner");
  const path = "/tools/refund?view=edit";
  assert.match((await owner.get(path)).html, /name="seen" value="\d+"/);
  const saved = await owner.send(path, "change", {
    seen: await seen(org, "refund"),
    description: "Gives money back\nto a customer",
    category: "money",
    tags: "a, b",
    risk_level: "critical",
    parameters: '{"type": "object"}',
    default_permission: "disabled",
    annotations: ["read_only", "open_world"],
    annotations_acknowledged: "on",
    required_tier: "2",
    required_facts: ["tenant", "method"],
    methods: "GET, post",
    requires_mandate: "on",
    requires_second_approval: "on",
    approval_timeout_seconds: "120",
    approval_use_seconds: "90",
    status: "disabled",
  });
  assert.deepEqual([saved.to, saved.notice], ["/tools/refund", "Saved."]);
  const { id: _, created_at: _made, updated_at: _changed, ...tool } = await toolOf(org, "refund") ??
    BLANK;
  assert.deepEqual(tool, {
    name: "refund",
    description: "Gives money back\nto a customer",
    category: "money",
    tags: ["a", "b"],
    risk_level: "critical",
    parameters: { type: "object" },
    default_permission: "disabled",
    annotations: { read_only: true, destructive: false, idempotent: false, open_world: true },
    annotations_acknowledged: true,
    required_tier: 2,
    required_facts: ["tenant", "method"],
    methods: ["GET", "post"],
    requires_mandate: true,
    requires_second_approval: true,
    approval_timeout_seconds: 120,
    approval_use_seconds: 90,
    kill_switch: { active: false, reason: null },
    status: "disabled",
    discovered: false,
  });
  const page = await owner.get("/tools/refund");
  assert.match(page.text, /expires after 2 minutes .*within 1 minute 30 seconds/);
});

Deno.test("a form of a tool that somebody else changed meanwhile undoes nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("refund");
  const owner = await Visitor.of(org, "owner");
  const stale = await seen(org, "refund");
  countersign.clock.advance(1000);
  await org.manage("PATCH", "/v1/tools/refund", { description: "By somebody else" });
  const refused = await owner.send("/tools/refund?view=edit", "change", {
    ...UNTOUCHED,
    annotations_acknowledged: "on",
    description: "Mine",
    seen: stale,
  });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /Somebody changed it while this form was open/);
  assert.match(refused.text, /Mine/);
  assert.match(
    refused.html,
    new RegExp(`name="seen" value="${stale}"`),
    "sent again it is refused",
  );
  assert.equal((await toolOf(org, "refund"))?.description, "By somebody else");
});

Deno.test("a form of a tool that is sent as it came changes nothing, whatever its tags and methods are", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner", { fresh: false });
  for (const tags of [[], ["a"], ["a, b", "c"], ["[x", "y"], ['["q"]']]) {
    const methods = tags.length === 0 ? null : tags;
    await org.tool("refund", { tags, methods, description: " text \n", category: "money" });
    const { html } = await owner.get("/tools/refund?view=edit");
    const shown = (name: string) =>
      (html.match(new RegExp(`name="${name}"[^>]*value="([^"]*)"`))?.[1] ?? "")
        .replaceAll("&quot;", '"');
    const before = await toolOf(org, "refund");
    const saved = await owner.send("/tools/refund?view=edit", "change", {
      ...UNTOUCHED,
      seen: await seen(org, "refund"),
      description: " text \n",
      category: "money",
      tags: shown("tags"),
      methods: shown("methods"),
      risk_level: "high",
      default_permission: "allowed",
      annotations: ["destructive", "open_world"],
      annotations_acknowledged: "on",
    });
    assert.equal(saved.notice, "Saved.", JSON.stringify(tags));
    assert.deepEqual(await toolOf(org, "refund"), before);
  }
});

Deno.test("an approver stops a tool, and only an owner lets it go on", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("refund");
  const approver = await Visitor.of(org, "approver");
  const before = await approver.get("/tools/refund");
  assert.match(before.text, /Stop this tool/);
  assert.doesNotMatch(before.text, /Edit|Archive/);
  const stopped = await approver.send("/tools/refund", "stop", { reason: "Too many refunds" });
  assert.equal(stopped.notice, "refund is stopped: every use of it is refused.");
  const check = await org.post(CHECK, { tool_name: "refund" });
  assert.equal(check.body.resolved_from, "kill_switch");

  const after = await approver.get("/tools/refund");
  assert.match(after.text, /This tool is stopped.*Only an owner can release it.*Too many refunds/);
  assert.doesNotMatch(after.html, /value="release"/);
  const admin = await Visitor.of(org, "admin");
  assert.equal((await admin.send("/tools/refund", "release")).status, 403);
  const owner = await Visitor.of(org, "owner");
  assert.match((await owner.get("/tools/refund")).html, /value="release"/);
  const released = await owner.send("/tools/refund", "release");
  assert.equal(released.notice, "refund goes on: rules decide again.");
  assert.equal((await toolOf(org, "refund"))?.kill_switch.active, false);
});

Deno.test("a tool is archived, and its history tells who did what", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.manage("PUT", "/v1/tools/refund", { annotations_acknowledged: true });
  const admin = await Visitor.of(org, "admin", { email: "ada@example.com" });
  const archived = await admin.send("/tools/refund?view=edit", "remove");
  assert.equal(archived.to, "/tools/refund");
  assert.equal((await toolOf(org, "refund"))?.status, "archived");
  const { text } = await admin.get("/tools/refund?view=history");
  assert.match(text, /ada@example.com archived the tool refund.*Key “management” …[0-9a-z]{6} set/);
});

Deno.test("the page of a tool shows its last requests and its rules", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("refund", { default_permission: "requires_approval" });
  await org.manage("PUT", "/v1/rules", {
    selector: { tool_name: "refund", method: "PREVIEW" },
    permission: "allowed",
  });
  await org.post("/v1/approvals", { tool_name: "refund", reason: "a customer is angry" });
  const viewer = await Visitor.of(org, "viewer");
  const { text, html } = await viewer.get("/tools/refund");
  assert.match(text, /Last requests.*a customer is angry/);
  assert.match(text, /Tool and method.*method PREVIEW\s+Allowed/);
  const main = html.slice(html.indexOf("<main"), html.indexOf("</main>"));
  assert.doesNotMatch(main, /Make one|Make another|<form[^>]*method="post"[^>]*form-stack/);
});

Deno.test("viewers and approvers are shown no form of tools, and what they send is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("refund");
  await org.post(CHECK, { tool_name: "found" });
  for (const role of ["viewer", "approver"] as const) {
    const visitor = await Visitor.of(org, role);
    const list = await visitor.get("/tools");
    assert.doesNotMatch(list.html, /\/tools\/new|value="triage"/);
    assert.doesNotMatch((await visitor.get("/tools/refund?view=edit")).html, /value="change"/);
    assert.equal((await visitor.get("/tools/new")).status, 403);
    assert.equal((await visitor.get("/tools/discovered")).status, 403);
    const form = { tool: "found", seen: await seen(org, "found"), verdict: "delete" };
    assert.equal((await visitor.send("/tools", "triage", form)).status, 403);
    assert.equal((await visitor.send("/tools/refund", "remove")).status, 403);
  }
  assert.equal((await toolOf(org, "refund"))?.status, "approved");
  assert.notEqual(await toolOf(org, "found"), null);
});

Deno.test("what somebody wrote about a tool is text, with what hides in it made visible", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("refund", {
    description: HOSTILE.markup + HOSTILE.bidi,
    category: HOSTILE.markup,
    tags: [HOSTILE.markup],
    parameters: { title: HOSTILE.markup, [HOSTILE.markup]: HOSTILE.bidi },
    kill_switch: { active: true, reason: HOSTILE.markup },
  });
  const owner = await Visitor.of(org, "owner");
  for (
    const path of ["/tools", "/tools/refund", "/tools/refund?view=edit", "/tools/categories"]
  ) {
    const { html, status } = await owner.get(path);
    assert.equal(status, 200);
    assert.ok(!html.includes("<img"), path);
    assert.ok(html.includes("&lt;img src=x"), path);
  }
  assert.match((await owner.get("/tools/refund")).text, /U\+202E/);
});

Deno.test("a description of eight thousand characters is whole on the tool's page, and begun in the list", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const description = "word ".repeat(1600).trim();
  await org.tool("wordy", { description });
  const viewer = await Visitor.of(org, "viewer");
  assert.ok((await viewer.get("/tools/wordy")).text.includes(description));
  const list = await viewer.get("/tools");
  assert.match(list.text, /wordy (word ){15,25}\w*…/);
});

Deno.test("the default of a category is set, changed and removed", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("refund", { category: "money", default_permission: null });
  const admin = await Visitor.of(org, "admin");
  const kept = async () => {
    const { kv } = countersign.services.deps;
    const key = keys.categoryKey(org.id, "money");
    return (await readRecord(kv, key, categoryRecord))?.value.default_permission;
  };
  const before = await admin.get("/tools/categories");
  assert.match(before.text, /money\s+Not set\s+1/);
  const set = await admin.send("/tools/categories", "set", {
    name: "money",
    default_permission: "disabled",
  });
  assert.equal(set.to, "/tools/categories");
  assert.equal(await kept(), "disabled");
  assert.match((await admin.get("/tools/categories?name=money")).text, /Remove money/);
  const unfresh = await Visitor.of(org, "admin", { fresh: false });
  const widened = await unfresh.send("/tools/categories", "set", {
    name: "money",
    default_permission: "allowed",
  });
  assert.match(widened.text, /Confirm it is you.*Loosening the category money/);
  await admin.send("/tools/categories?name=money", "remove", { name: "money" });
  assert.equal(await kept(), undefined);
  const refused = await admin.send("/tools/categories", "set", {
    name: "",
    default_permission: "",
  });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /name: must not be empty/);
  const viewer = await Visitor.of(org, "viewer");
  assert.doesNotMatch((await viewer.get("/tools/categories?name=money")).html, /value="set"/);
});
