import assert from "node:assert/strict";
import type { OrgRecord } from "../../lib/store/records/policy.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { hiddenFields, shownIn } from "../helpers/page_html.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

const PATH = "/settings";
const settingsOf = (org: TestOrg) => org.transact(({ snapshot }) => snapshot.org);

/** Sends a group as its form stands, but for some fields. */
async function save(visitor: Visitor, group: string, fields: Record<string, string | string[]>) {
  const shown = shownIn((await visitor.get(PATH)).html, group);
  return await visitor.send(PATH, group, { shown, ...fields });
}

/** The form that sends a group, as HTML. */
function formOf(html: string, group: string): string {
  const forms = html.split("<form").slice(1).map((part) => part.split("</form>")[0] ?? "");
  return forms.find((form) => form.includes(`value="${group}"`)) ?? "";
}

const field = (form: string, name: string) =>
  [...form.matchAll(/<input[^>]*>/g)].map(([input]) => input)
    .filter((input) => input.includes(`name="${name}"`));

/** The controls of a span of time. */
const part = (form: string, name: string) =>
  form.split('<div class="field duration">').find((field) => field.includes(`name="${name}"`)) ??
    "";

/** What a list of a form offers. */
const choices = (form: string, name: string) =>
  [...(new RegExp(`<select[^>]*name="${name}".*?</select>`, "s").exec(form)?.[0] ?? "")
    .matchAll(/value="([^"]*)"/g)].map(([, value]) => value);

/** As they are in a new organization. */
const DRAFTS = {
  discovery_max_per_hour: "50",
  discovery_max_per_caller_per_hour: "10",
  discovery_max_untriaged: "500",
};

Deno.test("an owner changes every setting, each group on its own", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const groups: [string, Record<string, string>, Partial<OrgRecord>][] = [
    ["general", { name: "Acme" }, { name: "Acme" }],
    [
      "deadlines",
      {
        approval_timeout_seconds: "7200",
        approval_use_seconds: "60",
        report_within_seconds: "90",
      },
      { approval_timeout_seconds: 7200, approval_use_seconds: 60, report_within_seconds: 90 },
    ],
    [
      "drafts",
      { ...DRAFTS, discovery_max_per_caller_per_hour: "0", discovery_max_untriaged: "5000" },
      { discovery_max_per_caller_per_hour: 0, discovery_max_untriaged: 5000 },
    ],
    [
      "deciding",
      { separation_of_duties: "on", strict_levels: "on", recovery_hold_hours: "0" },
      {
        separation_of_duties: true,
        strict_levels: true,
        api_decisions: false,
        recovery_hold_hours: 0,
      },
    ],
    ["unknown_tools", { discovery: "off" }, { discovery: "off" }],
    ["allowly", { register_from_policies: "on" }, {
      allowly: false,
      register_from_policies: true,
    }],
    ["allowly", { allowly: "on" }, { allowly: true, register_from_policies: false }],
    ["budgets", { budget_alert_percent: "50,90 , 100" }, { budget_alert_percent: [50, 90, 100] }],
    ["budgets", { budget_alert_percent: "" }, { budget_alert_percent: [] }],
    [
      "records",
      { allow_personal_ids: "on" },
      { retain_arguments: false, allow_personal_ids: true },
    ],
  ];
  for (const [group, fields, expected] of groups) {
    const before = await settingsOf(org);
    const saved = await save(owner, group, fields);
    assert.deepEqual([saved.to, saved.notice], [PATH, "Saved."], group);
    assert.deepEqual(await settingsOf(org), { ...before, ...expected });
  }
});

Deno.test("a deadline is a usual span, or a number with its unit, and is shown as it was chosen", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const saved = await save(owner, "deadlines", {
    approval_timeout_seconds: ["14400", "ignored", "days"],
    approval_use_seconds: ["other", "90", "minutes"],
    report_within_seconds: ["other", "2", "days"],
  });
  assert.equal(saved.to, PATH);
  const { approval_timeout_seconds, approval_use_seconds, report_within_seconds } =
    await settingsOf(org);
  assert.deepEqual(
    [approval_timeout_seconds, approval_use_seconds, report_within_seconds],
    [14_400, 5400, 172_800],
  );
  const shown = formOf((await owner.get(PATH)).html, "deadlines");
  const controls = (name: string) => [
    /value="([^"]*)" selected/.exec(part(shown, name))?.[1],
    /<input[^>]*value="([^"]*)"/.exec(part(shown, name))?.[1],
  ];
  assert.deepEqual(controls("approval_timeout_seconds"), ["14400", undefined]);
  assert.deepEqual(controls("approval_use_seconds"), ["other", "90"]);
  assert.deepEqual(controls("report_within_seconds"), ["other", "2"]);
  const viewer = await Visitor.of(org, "viewer");
  assert.match((await viewer.get(PATH)).text, /Use an approval within 1 hour 30 minutes/);

  const wrong = await save(owner, "deadlines", {
    approval_timeout_seconds: ["other", "8", "days"],
    approval_use_seconds: ["other", "", "hours"],
    report_within_seconds: ["other", "2", "fortnights"],
  });
  assert.equal(wrong.status, 422);
  assert.match(wrong.text, /must be at most 7 days/);
  assert.match(wrong.text, /must be a whole number with its unit/);
  const kept = formOf(wrong.html, "deadlines");
  assert.match(part(kept, "approval_timeout_seconds"), /<input[^>]*value="8"/);
});

Deno.test("what is wrong with a setting stands beside its field, as it was typed", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const deadlines = {
    approval_timeout_seconds: "3600",
    approval_use_seconds: "900",
    report_within_seconds: "3600",
  };
  const cases: [string, Record<string, string>, RegExp][] = [
    ["general", { name: "" }, /id="field-name-error".*must not be empty/s],
    [
      "deadlines",
      { ...deadlines, approval_timeout_seconds: "59" },
      /id="field-approval_timeout_seconds-error".*must be at least 1 minute/s,
    ],
    [
      "deadlines",
      { ...deadlines, approval_use_seconds: "86401" },
      /id="field-approval_use_seconds-error".*must be at most 24 hours/s,
    ],
    [
      "deadlines",
      { ...deadlines, report_within_seconds: "soon" },
      /id="field-report_within_seconds-error".*must be a whole number/s,
    ],
    [
      "deciding",
      { recovery_hold_hours: "721" },
      /id="field-recovery_hold_hours-error".*at most 30 days/s,
    ],
    ["unknown_tools", { discovery: "maybe" }, /id="field-discovery-error"/],
    [
      "drafts",
      { ...DRAFTS, discovery_max_per_hour: "1001" },
      /id="field-discovery_max_per_hour-error"/,
    ],
    [
      "drafts",
      { ...DRAFTS, discovery_max_untriaged: "" },
      /id="field-discovery_max_untriaged-error"/,
    ],
    [
      "budgets",
      { budget_alert_percent: "90, 80" },
      /id="field-budget_alert_percent-error".*must be ascending/s,
    ],
    ["budgets", { budget_alert_percent: "most" }, /must be whole numbers/],
  ];
  const before = await settingsOf(org);
  for (const [group, fields, expected] of cases) {
    const got = await save(owner, group, fields);
    assert.equal(got.status, 422, JSON.stringify(fields));
    assert.match(got.html, expected);
  }
  assert.deepEqual(await settingsOf(org), before);
});

Deno.test("two people at the same settings do not undo each other unseen", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const [one, two] = [await Visitor.of(org, "owner"), await Visitor.of(org, "owner")];
  const shown = shownIn((await one.get(PATH)).html, "deciding");
  await save(two, "deciding", { separation_of_duties: "on", recovery_hold_hours: "24" });
  const stale = await one.send(PATH, "deciding", { shown, recovery_hold_hours: "24" });
  assert.equal(stale.status, 422);
  assert.match(stale.text, /Somebody changed it while this form was open/);
  assert.equal((await settingsOf(org)).separation_of_duties, true);
  // Another group is nobody's business here.
  assert.equal((await save(one, "general", { name: "Acme" })).to, PATH);
});

Deno.test("what lets more through asks for the owner's passkey; the rest does not", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner", { fresh: false });
  const tighter = { separation_of_duties: "on", strict_levels: "on", recovery_hold_hours: "48" };
  assert.equal((await save(owner, "deciding", tighter)).to, PATH);
  for (
    const wider of [{ ...tighter, api_decisions: "on" }, { ...tighter, recovery_hold_hours: "1" }]
  ) {
    const asked = await save(owner, "deciding", wider);
    assert.match(asked.text, /Confirm it is you .*lets more through/);
  }
  assert.equal((await settingsOf(org)).api_decisions, false);
});

Deno.test("an admin tightens; what lets more through is disabled for them, with the reason", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  await save(owner, "unknown_tools", { discovery: "mcp" });
  await save(owner, "deciding", {
    separation_of_duties: "on",
    api_decisions: "on",
    recovery_hold_hours: "24",
  });
  const admin = await Visitor.of(org, "admin");
  const { html, text } = await admin.get(PATH);
  const deciding = formOf(html, "deciding");
  const [box, kept] = field(deciding, "separation_of_duties");
  assert.match(box ?? "", / disabled/);
  assert.match(kept ?? "", /type="hidden".*value="on"/);
  assert.match(text, /Only an owner can turn it off/);
  // What is off already, and lets more through when it is on, is disabled as well.
  assert.match(field(formOf(html, "records"), "allow_personal_ids")[0] ?? "", / disabled/);
  assert.doesNotMatch(field(deciding, "api_decisions")[0] ?? "", / disabled/);
  assert.doesNotMatch(field(deciding, "strict_levels")[0] ?? "", / disabled/);
  assert.match(text, /Only an owner can make it shorter than 24 hours/);
  assert.match(text, /Only an owner can make it longer than 1 hour/);
  assert.deepEqual(choices(deciding, "recovery_hold_hours"), ["24", "72", "168", "other"]);
  assert.deepEqual(choices(formOf(html, "deadlines"), "approval_timeout_seconds"), [
    "300",
    "900",
    "1800",
    "3600",
    "other",
  ]);
  const ways = field(formOf(html, "unknown_tools"), "discovery");
  const disabled = ways.filter((way) => / disabled/.test(way));
  assert.equal(disabled.length, 1);
  assert.match(disabled[0] ?? "", /value="all"/);

  // The form as it stands, with less let through.
  const tightened = await save(admin, "deciding", {
    separation_of_duties: "on",
    strict_levels: "on",
    recovery_hold_hours: "48",
  });
  assert.equal(tightened.to, PATH);
  const wider: [string, Record<string, string>][] = [
    ["deciding", { strict_levels: "on", recovery_hold_hours: "48" }],
    ["unknown_tools", { discovery: "all" }],
    ["records", { retain_arguments: "on", allow_personal_ids: "on" }],
    ["drafts", { ...DRAFTS, discovery_max_untriaged: "501" }],
  ];
  const before = await settingsOf(org);
  for (const [group, fields] of wider) {
    assert.equal((await save(admin, group, fields)).status, 403, group);
  }
  assert.deepEqual(await settingsOf(org), before);
});

Deno.test("approvers and viewers see the settings and change none", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (const role of ["approver", "viewer"] as const) {
    const visitor = await Visitor.of(org, role);
    const { html, text } = await visitor.get(PATH);
    assert.match(text, /Request expires after 1 hour /);
    assert.match(text, /Somebody else decides Off/);
    for (const does of ["general", "deciding", "release", "delete_org"]) {
      assert.equal(hiddenFields(html, does), null, `${role} ${does}`);
    }
    assert.equal(hiddenFields(html, "stop") !== null, role === "approver");
    const forged = { shown: "0".repeat(64), name: "Mine" };
    assert.equal((await visitor.send(PATH, "general", forged)).status, 403);
  }
});

Deno.test("an approver throws the kill switch with a reason, an owner releases it by passkey", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("fine");
  const check = async () =>
    (await org.post("/v1/permissions/check", { tool_name: "fine" })).body.permission;
  const approver = await Visitor.of(org, "approver");
  assert.equal((await approver.send(PATH, "stop", { reason: HOSTILE.markup })).to, PATH);
  assert.equal(await check(), "disabled");
  const viewer = await Visitor.of(org, "viewer");
  const page = await viewer.get(PATH);
  assert.ok(page.text.includes(HOSTILE.markup) && !page.html.includes("<img"));
  for (const role of ["approver", "admin"] as const) {
    const visitor = await Visitor.of(org, role);
    assert.equal(hiddenFields((await visitor.get(PATH)).html, "release"), null);
    assert.equal((await visitor.send(PATH, "release")).status, 403);
  }
  const unsure = await Visitor.of(org, "owner", { fresh: false });
  assert.match((await unsure.send(PATH, "release")).text, /Confirm it is you/);
  const held = await Visitor.of(org, "owner", { held: true });
  assert.match((await held.send(PATH, "release")).text, /on hold until/);
  assert.equal(await check(), "disabled");
  const owner = await Visitor.of(org, "owner");
  assert.equal((await owner.send(PATH, "release")).to, PATH);
  assert.equal(await check(), "allowed");
});

Deno.test("the page names what whoever checks the log has to know", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const viewer = await Visitor.of(org, "viewer");
  const { text, html } = await viewer.get(PATH);
  const keys = `/.well-known/countersign/keys/${org.id}`;
  const { body } = await countersign.request("GET", keys);
  const [{ kid, origin }] = body.keys;
  for (const fact of [countersign.origin, org.id, kid, origin]) {
    assert.ok(text.includes(fact), fact);
  }
  assert.ok(html.includes(`href="${keys}"`));
});

Deno.test("an owner deletes the organization by typing its name under their passkey", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const admin = await Visitor.of(org, "admin");
  assert.doesNotMatch((await admin.get(PATH)).text, /Delete this organization/);
  assert.equal((await admin.send(PATH, "delete_org", { name: "test" })).status, 403);
  const owner = await Visitor.of(org, "owner");
  const page = await owner.get(PATH);
  assert.match(page.text, /At once: .*Within 30 days: /);
  const wrong = await owner.send(PATH, "delete_org", { name: "tset" });
  assert.equal(wrong.status, 422);
  assert.match(wrong.html, /id="field-delete_name-error".*must be the name of the organization/s);
  assert.ok(wrong.html.includes('href="#field-delete_name"'));
  assert.ok(wrong.html.includes('value="tset"'));
  // The same name of a field, in another form: what was typed for one is not shown in the other.
  assert.equal(wrong.html.match(/value="tset"/g)?.length, 1);
  const unsure = await Visitor.of(org, "owner", { fresh: false });
  assert.match((await unsure.send(PATH, "delete_org", { name: "test" })).text, /Confirm it is you/);
  assert.equal((await org.get("/v1/org")).status, 200);
  const gone = await owner.send(PATH, "delete_org", { name: "test" });
  assert.equal(gone.to, "/organizations");
  assert.equal((await org.get("/v1/org")).status, 401);
  assert.equal((await owner.get(PATH)).to, "/organizations");
  assert.equal((await admin.get(PATH)).to, "/organizations");
});

Deno.test("a name that would run as script is text", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  assert.equal((await save(owner, "general", { name: HOSTILE.markup })).to, PATH);
  const { html, text } = await owner.get(PATH);
  assert.ok(text.includes(`Type its name, ${HOSTILE.markup} , to confirm`));
  assert.ok(!html.includes("<img"));
});
