import assert from "node:assert/strict";
import {
  DELIVERY_KEPT_MS,
  deliveryId,
  newDelivery,
  storeDelivery,
} from "../../lib/endpoints/delivery.ts";
import { creationOptions, requestOptions } from "../../lib/passkeys/challenge.ts";
import { vaultKey } from "../../lib/store/gateway_keys.ts";
import * as keys from "../../lib/store/keys.ts";
import { ENDPOINTS, PAGES } from "../../routes/manifest.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { rule } from "../helpers/member_deeds.ts";
import { hiddenFields } from "../helpers/page_html.ts";
import { PushBrowser } from "../helpers/push_browser.ts";
import { ScriptedUpstreams } from "../helpers/scripted_upstreams.ts";
import { SoftwareAuthenticator } from "../helpers/software_authenticator.ts";
import { Visitor } from "../helpers/visitor.ts";

/**
 * Every form and every script's request of the dashboard, by somebody on hold: refused, or in the
 * list of what is harmless, and why. What is in neither list fails here.
 */

/** Something that a held owner does; `path` and fields may come from what the org holds. */
interface Try {
  readonly path: string;
  readonly fields?: Readonly<Record<string, string>>;
}
type Tries = Readonly<Record<string, (it: Staged) => Try>>;

/** An argument that nobody on hold may see. */
const PRIVATE = "iban-of-the-customer";
const RULE = { level: "tool", tool_name: "refund" };
const MACHINE = { trust_tier: "0", tenant_ids: "", expires_at: "", rate_limit_per_minute: "" };
const STANDS = { annotations_acknowledged: "on", default_permission: "requires_approval" };

const TOOL = { risk_level: "low", required_tier: "0", annotations_acknowledged: "on" };

const HOOK = { url: "https://hooks.example.com/", events: "approval.created", description: "" };
/** The form of guards as it is, but for one that is tightened. */
const GUARDS = {
  ...Object.fromEntries(
    [
      ...["before_injection", "before_topics", "before_path_traversal", "before_command"],
      ...["before_sql", "after_credentials", "after_injection", "after_personal_data"],
      ...["after_topics", "before_path_traversal_pointers", "before_path_traversal_root"],
      ...["before_topics_words", "before_command_pointers", "before_sql_pointers"],
      ...["after_topics_words"],
    ].map((field) => [field, ""]),
  ),
  before_secrets: "block",
};
const SECRET = {
  kind: "bearer",
  name: "Notes",
  origins: "https://notes.example.com",
  secret: "a-secret-of-theirs",
};
const TEXT = { side: "before", text: "some text" };
const BUNDLE = { agent: "shop", scopes: [{ tool: "refund", decision: "allow" }] };
const SLACK_SAVED = { name: "ops", secret: "", scope: "team", events: "approval.created" };
const SLACK = { ...SLACK_SAVED, kind: "slack", secret: "https://hooks.example.com/x" };

/** What is refused on hold. */
const REFUSED: Tries = {
  "/approvals/:id deny": ({ pending }) => ({ path: `/approvals/${pending}` }),
  "/activity/evidence export": () => ({ path: "/activity/evidence", fields: { private: "on" } }),
  "/activity/evidence rotate_key": () => ({ path: "/activity/evidence" }),
  "/activity/:index private": () => ({ path: "/activity/1" }),
  "/tools triage": (it) => ({ path: "/tools", fields: triage(it) }),
  "/tools/new register": () => ({
    path: "/tools/new",
    fields: { ...TOOL, name: "new", status: "disabled" },
  }),
  "/tools/discovered triage": (it) => ({ path: "/tools/discovered", fields: triage(it) }),
  "/tools/categories set": () => ({
    path: "/tools/categories",
    fields: { name: "c", default_permission: "disabled" },
  }),
  "/tools/categories remove": () => ({ path: "/tools/categories", fields: { name: "payments" } }),
  "/tools/:name{.+} change": ({ seen }) => ({
    path: "/tools/refund",
    fields: { ...TOOL, seen, status: "approved", default_permission: "allowed" },
  }),
  "/tools/:name{.+} triage": (it) => ({ path: "/tools/found", fields: triage(it) }),
  "/tools/:name{.+} guards": () => ({ path: "/tools/refund?view=guards", fields: GUARDS }),
  "/tools/:name{.+} facts": ({ seen }) => ({ path: "/tools/refund", fields: { seen } }),
  "/guards guards": () => ({ path: "/guards", fields: GUARDS }),
  "/tools/:name{.+} release": () => ({ path: "/tools/stopped" }),
  "/tools/:name{.+} remove": () => ({ path: "/tools/refund" }),
  "/rules make": () => ({
    path: "/rules",
    fields: { ...RULE, tool_name: "other", permission: "disabled" },
  }),
  "/rules change": ({ rule, ruleSeen: seen }) => ({
    path: "/rules",
    fields: { rule, seen, permission: "disabled" },
  }),
  "/rules remove": ({ rule }) => ({ path: "/rules", fields: { rule } }),
  "/rules/:id change": ({ rule, ruleSeen: seen }) => ({
    path: `/rules/${rule}`,
    fields: { rule, seen, permission: "disabled" },
  }),
  "/rules/:id remove": ({ rule }) => ({ path: `/rules/${rule}`, fields: { rule } }),
  "/tenants register": () => ({ path: "/tenants", fields: { id: "new" } }),
  "/tenants/:id change": () => ({ path: "/tenants/acme", fields: { name: "A" } }),
  "/tenants/:id remove": () => ({ path: "/tenants/acme" }),
  "/resources register": () => ({ path: "/resources", fields: { id: "new" } }),
  "/resources/:id change": () => ({ path: "/resources/db", fields: { name: "D" } }),
  "/resources/:id remove": () => ({ path: "/resources/db" }),
  "/agents create": () => ({ path: "/agents", fields: { ...MACHINE, name: "new" } }),
  "/agents/:id change": ({ agent }) => ({
    path: `/agents/${agent}`,
    fields: { ...MACHINE, name: "renamed" },
  }),
  "/agents/:id release": ({ paused }) => ({ path: `/agents/${paused}` }),
  "/agents/:id rotate": ({ agent }) => ({ path: `/agents/${agent}` }),
  "/agents/:id remove": ({ agent }) => ({ path: `/agents/${agent}` }),
  "/api-keys create": () => ({
    path: "/api-keys",
    fields: { ...MACHINE, name: "new", tier: "standard" },
  }),
  "/api-keys/:id keep": ({ bootstrap }) => ({ path: `/api-keys/${bootstrap}` }),
  "/api-keys/:id revoke": ({ bootstrap }) => ({ path: `/api-keys/${bootstrap}` }),
  "/team invite": () => ({ path: "/team", fields: { email: "n@example.com", role: "viewer" } }),
  "/team resend": () => ({ path: "/team", fields: { email: "open@example.com" } }),
  "/team withdraw": () => ({ path: "/team", fields: { email: "open@example.com" } }),
  "/team/:email invite": () => ({
    path: "/team/ann@example.com",
    fields: { email: "ann@example.com", role: "viewer" },
  }),
  "/team/:email resend": () => ({
    path: "/team/open@example.com",
    fields: { email: "open@example.com" },
  }),
  "/team/:email withdraw": () => ({
    path: "/team/open@example.com",
    fields: { email: "open@example.com" },
  }),
  "/team/:email change": () => ({ path: "/team/ann@example.com", fields: { role: "viewer" } }),
  "/team/:email confirm": () => ({ path: "/team/held@example.com" }),
  "/team/:email remove": () => ({ path: "/team/ann@example.com" }),
  "/security name": () => ({ path: "/security", fields: { name: "Ann" } }),
  "/security/delete-account delete_account": ({ held }) => ({
    path: "/security/delete-account",
    fields: { email: held.session.member.email },
  }),
  "/settings general": () => ({ path: "/settings", fields: { name: "Renamed" } }),
  "/settings deadlines": () => ({
    path: "/settings",
    fields: {
      approval_timeout_seconds: "60",
      approval_use_seconds: "60",
      report_within_seconds: "60",
    },
  }),
  "/settings budgets": () => ({ path: "/settings", fields: { budget_alert_percent: "80" } }),
  "/settings deciding": () => ({ path: "/settings", fields: { recovery_hold_hours: "0" } }),
  "/settings users": () => ({ path: "/settings", fields: { confirm_by: "passkey" } }),
  "/settings allowly": () => ({ path: "/settings", fields: { register_from_policies: "on" } }),
  "/settings unknown_tools": () => ({ path: "/settings", fields: { discovery: "off" } }),
  "/settings drafts": () => ({
    path: "/settings",
    fields: {
      discovery_max_per_hour: "1",
      discovery_max_per_caller_per_hour: "1",
      discovery_max_untriaged: "1",
    },
  }),
  "/settings records": () => ({ path: "/settings", fields: { retain_arguments: "on" } }),
  "/settings release": () => ({ path: "/settings" }),
  "/settings accept_clock": () => ({ path: "/settings" }),
  "/settings delete_org": () => ({ path: "/settings", fields: { name: "test" } }),
  "/quickstart sample": () => ({ path: "/quickstart" }),
  "/quickstart run": () => ({ path: "/quickstart" }),
  "/quickstart agent": () => ({ path: "/quickstart", fields: { name: "new" } }),
  "/upstreams add": () => ({ path: "/upstreams", fields: { url: "https://new.example.com/mcp" } }),
  "/upstreams/new/api read": () => ({
    path: "/upstreams/new/api",
    fields: { name: "billing", document: "{}" },
  }),
  "/upstreams/:name/document/:document offer": () => ({
    path: "/upstreams/billing/document/doc_1",
    fields: { base_url: "https://api.example.com/", offer: "all" },
  }),
  "/upstreams/:name refresh": () => ({ path: "/upstreams/notes" }),
  "/upstreams/:name approve": ({ digest }) => ({
    path: "/upstreams/notes",
    fields: { ...STANDS, tools: `${digest} notes/read` },
  }),
  "/upstreams/:name pause": ({ seen }) => ({ path: "/upstreams/notes", fields: { seen } }),
  "/upstreams/:name resume": ({ seen }) => ({ path: "/upstreams/notes", fields: { seen } }),
  "/upstreams/:name remove": () => ({ path: "/upstreams/notes" }),
  "/upstreams/:name/edit change": ({ seen }) => ({
    path: "/upstreams/notes/edit",
    fields: {
      seen,
      url: "https://notes.example.com/mcp",
      headers: "",
      timeout_seconds: "20",
      max_result_bytes: "65536",
    },
  }),
  "/upstreams/:name/tools/:tool{.+} approve": ({ digest }) => ({
    path: "/upstreams/notes/tools/read",
    fields: { ...STANDS, digest },
  }),
  "/upstreams/:name/tools/:tool{.+} approve_again": ({ digest }) => ({
    path: "/upstreams/notes/tools/read",
    fields: { digest },
  }),
  "/upstreams/:name/tools/:tool{.+} disable": ({ digest }) => ({
    path: "/upstreams/notes/tools/read",
    fields: { digest },
  }),
  "/credentials/new create": () => ({ path: "/credentials/new?kind=bearer", fields: SECRET }),
  "/credentials/:id rotate": ({ credential }) => ({
    path: `/credentials/${credential}`,
    fields: { secret: "another-one", overlap_seconds: "0" },
  }),
  "/credentials/:id use": ({ own }) => ({ path: `/credentials/${own}` }),
  "/credentials/:id remove": ({ credential }) => ({ path: `/credentials/${credential}` }),
  "/connections/credentials/new create": () => ({
    path: "/connections/credentials/new?kind=bearer",
    fields: SECRET,
  }),
  "/device look": () => ({ path: "/device", fields: { user_code: "BCDF-GHJK" } }),
  "/device deny": () => ({ path: "/device", fields: { user_code: "BCDF-GHJK" } }),
  "/connections revoke_of_member": () => ({ path: "/connections", fields: { id: "grt_x" } }),
  "/sub-tokens revoke": () => ({ path: "/sub-tokens", fields: { id: "sub_x" } }),
  "/bundles publish": () => ({
    path: "/bundles",
    fields: { id: "more", definition: JSON.stringify(BUNDLE) },
  }),
  "/bundles/:id publish": () => ({
    path: "/bundles/shop",
    fields: { edition: "1", definition: JSON.stringify({ ...BUNDLE, description: "more" }) },
  }),
  "/bundles/:id archive": () => ({ path: "/bundles/shop" }),
  "/mandates/:id revoke": ({ mandate }) => ({ path: `/mandates/${mandate}`, fields: { note: "" } }),
  "/notifications/channels/new create": () => ({
    path: "/notifications/channels/new?kind=slack",
    fields: SLACK,
  }),
  ...ofEndpoint("/notifications/channels/:id", "channel", SLACK_SAVED),
  "/notifications/webhooks create": () => ({ path: "/notifications/webhooks", fields: HOOK }),
  ...ofEndpoint("/notifications/webhooks/:id", "webhook", HOOK),
  "/notifications/webhooks/:id rotate": ({ webhook }) => ({
    path: `/notifications/webhooks/${webhook}`,
  }),
};

/** What is done with a webhook or a channel on its page, and on that of a delivery. */
function ofEndpoint(page: string, what: "webhook" | "channel", saved: Try["fields"]): Tries {
  const at = (it: Staged, fields: Try["fields"] = {}) => ({
    path: page.replace(":id", it[what]),
    fields,
  });
  return {
    [`${page} change`]: (it) => at(it, saved),
    [`${page} on`]: (it) => at(it),
    [`${page} off`]: (it) => at(it),
    [`${page} test`]: (it) => at(it),
    [`${page} remove`]: (it) => at(it),
    [`${page} recover`]: (it) => at(it, { since: "2026-01-01T00:00" }),
    [`${page} replay`]: (it) => at(it, { delivery: it.delivery }),
    [`${page}/deliveries/:delivery replay`]: (it) => ({
      path: `${at(it).path}/deliveries/${it.delivery}`,
    }),
  };
}

/** What is told of each thing that was chosen: refused, with nothing done. */
const REFUSED_EACH: Tries = {
  "/approvals deny": ({ pending }) => ({ path: "/approvals", fields: { ids: pending, note: "" } }),
};

/** What is done on hold, in this order, each with why it is harmless. */
const HARMLESS: Readonly<Record<string, readonly [string, (it: Staged) => Try]>> = {
  "/approvals choose": [
    "asks once more, and shows no arguments",
    ({ pending }) => ({ path: "/approvals", fields: { ids: pending } }),
  ],
  "/tools/:name{.+} try": [
    "looks at a text of theirs, and changes nothing",
    () => ({ path: "/tools/refund?view=guards", fields: TEXT }),
  ],
  "/guards try": [
    "looks at a text of theirs, and changes nothing",
    () => ({ path: "/guards", fields: TEXT }),
  ],
  "/tools/:name{.+} stop": ["stops", () => ({ path: "/tools/refund" })],
  "/agents/:id pause": ["stops", ({ agent }) => ({ path: `/agents/${agent}` })],
  "/approvals/:id revoke": [
    "takes back what was let through",
    ({ approved }) => ({ path: `/approvals/${approved}` }),
  ],
  "/ stop": ["stops", () => ({ path: "/" })],
  "/settings stop": ["stops", () => ({ path: "/settings" })],
  "/notifications prefer": ["about themself", () => ({ path: "/notifications" })],
  "/notifications remove_browser": [
    "about themself, and narrows",
    () => ({ path: "/notifications", fields: { id: "0".repeat(32) } }),
  ],
  "/notifications test": ["tells themself nothing", () => ({ path: "/notifications" })],
  "/security/passkeys/:id rename": [
    "their own passkey",
    () => ({ path: "/security/passkeys/none", fields: { name: "Phone" } }),
  ],
  "/security/passkeys/:id remove": [
    "their own passkey, and not the last",
    () => ({ path: "/security/passkeys/none" }),
  ],
  "/security/new-passkey add": [
    "their own account: no passkey of it is fresh while it is on hold",
    () => ({ path: "/security/new-passkey", fields: { nonce: "x", response: "{}" } }),
  ],
  "/security new_codes": ["their own account, whose codes they hold", () => ({
    path: "/security",
  })],
  "/security stored": ["says that codes were kept", () => ({ path: "/security" })],
  "/security end_session": ["ends their own session", () => ({
    path: "/security",
    fields: { session: "ses_x" },
  })],
  "/security end_others": ["ends their own sessions", () => ({ path: "/security" })],
  "/connections revoke": ["ends what acts for them", () => ({
    path: "/connections",
    fields: { id: "grt_x" },
  })],
  // The last one: the session looks at the new organization from then on.
  "/organizations make_org": [
    "an organization apart, which holds them as those they join do",
    () => ({ path: "/organizations", fields: { organization: "Mine" } }),
  ],
};

/** Forms of pages that ask for nobody's session, or leave the org: none is a deed in it. */
const OUTSIDE = new Set([
  "/sign-out",
  "/set-up/:link",
  "/invitation/:link",
  "/confirm/:nonce",
  "/enrol/:link",
  "/recover",
  "/recover/:account/:link",
  "/switch-org",
]);

/** What the pages' scripts ask for: refused, or why it is harmless. */
const SCRIPTS: Readonly<Record<string, "refused" | string>> = {
  "post /session/sign-in": "asks for no session",
  "post /session/sign-in/finish": "asks for no session",
  "get /session/live": "tells when the page is over",
  "post /session/fresh": "no assertion is fresh on hold",
  "post /session/fresh/finish": "no assertion is fresh on hold",
  "get /approvals/live": "requests without arguments",
  "get /approvals/:id/live": "a request without arguments",
  "get /calls/:id/live": "a call, on which no arguments are",
  "post /approvals/:id/statement": "refused",
  "post /approvals/:id/approve": "refused",
  "get /quickstart/live": "names a check that came",
  "get /quickstart/skill/SKILL.md": "reads nothing private",
  "get /api-builder/policy": "reads nothing private",
  "post /device/statement": "hands out a nonce at most, and to nobody without a passkey of theirs",
  "post /device/allow": "refused",
  "get /activity/live": "entries without private parts",
  "get /activity/:index/receipt.json": "without private parts",
  "get /receipts/:id/receipt.json": "without arguments and reasons",
  "post /notifications/push": "refused",
  "post /notifications/push/remove": "about themself, and narrows",
  "get /activity/evidence/checkpoint.txt": "public to members",
  "get /activity/evidence/consistency.json": "public to members",
  "get /activity/evidence/export": "without private parts",
  "post /activity/evidence/export": "refused",
  "get /oauth/authorize": "asks; nothing is granted",
  "post /oauth/consent": "refused where held: `oauth_attacks_test.ts`",
  "post /oauth/consent/finish": "refused where held: `oauth_attacks_test.ts`",
};

/** An org with something of everything, and its owner who is on hold. */
interface Staged {
  readonly org: TestOrg;
  readonly held: Visitor;
  readonly pending: string;
  readonly approved: string;
  readonly rule: string;
  readonly agent: string;
  readonly paused: string;
  readonly bootstrap: string;
  readonly mandate: string;
  readonly credential: string;
  /** A credential of the owner themself. */
  readonly own: string;
  readonly webhook: string;
  readonly channel: string;
  /** What was sent to both. */
  readonly delivery: string;
  /** When tools were changed last, as forms send it. */
  readonly seen: string;
  readonly ruleSeen: string;
  /** Of the draft of an upstream. */
  readonly digest: string;
}

async function staged(countersign: Countersign): Promise<Staged> {
  const org = await countersign.org();
  const kill_switch = { active: true, reason: null };
  const agentKey = await org.agent({ name: "asker" });
  await org.agent({ name: "paused", kill_switch });
  await org.tool("refund", { default_permission: "requires_approval" });
  await org.tool("stopped", { kill_switch });
  await org.tool("found", { status: "draft", discovered: true, default_permission: null });
  await org.key("approver", { bootstrap: true });
  const ruler = await Visitor.of(org, "owner");
  for (
    const [path, fields] of [
      ["/tenants", { id: "acme" }],
      ["/resources", { id: "db" }],
    ] as const
  ) {
    assert.equal((await ruler.send(path, "register", fields)).status, 303);
  }
  const invited = { email: "open@example.com", role: "viewer" };
  assert.equal((await ruler.send("/team", "invite", invited)).status, 200);
  await org.member("ann@example.com", { role: "approver" });
  const { now } = countersign.clock;
  await org.member("held@example.com", { role: "owner", held_until: now + 1000 });
  await org.transact((transaction) =>
    transaction.setPolicy(keys.categoryKey(org.id, "payments"), {
      name: "payments",
      default_permission: "disabled",
    })
  );
  const notes = { kind: "mcp", url: "https://notes.example.com/mcp" };
  assert.equal((await org.manage("PUT", "/v1/upstreams/notes", notes)).status, 201);
  const offered = (await org.get("/v1/upstreams/notes/tools")).body.data;
  const { name, kind, origins, secret } = SECRET;
  const kept = await org.manage("POST", "/v1/credentials", {
    name,
    kind,
    origins: [origins],
    secret,
  });
  assert.equal(kept.status, 201, kept.text);
  const ruleId = await rule(org, "refund", "requires_approval");
  const asked: string[] = [];
  for (const amount of [1, 2]) {
    const { body } = await org.post("/v1/approvals", {
      tool_name: "refund",
      arguments: { to: PRIVATE, amount },
      reason: "asked",
    }, agentKey);
    asked.push(body.id);
  }
  const [pending = "", approved = ""] = asked;
  const decider = await org.member("decider@example.com", {
    role: "approver",
    account: "acc_decider",
    has_passkey: true,
  });
  const yes = { decision: "approve", decided_by: decider.email };
  const decided = await org.post(`/v1/approvals/${approved}/decide`, yes, org.approver);
  assert.equal(decided.status, 200, decided.text);
  assert.equal((await org.manage("PUT", "/v1/bundles/shop", BUNDLE)).status, 201);
  const mandated = { user_id: "u-1", bundle: { id: "shop" } };
  const granted = await org.post("/v1/mandates", mandated, org.management);
  assert.equal(granted.status, 201, granted.text);
  const hooked = await ruler.send("/notifications/webhooks", "create", HOOK);
  const told = await ruler.send("/notifications/channels/new?kind=slack", "create", SLACK);
  const webhook = /whk_[0-9a-z]+/.exec(hooked.html)?.[0] ?? "";
  const channel = told.to?.split("/").at(-1) ?? "";
  const delivery = await org.transact((transaction) => {
    const { at, now } = transaction;
    const event = transaction.id("evt");
    for (const [kind, id] of [["webhook", webhook], ["channel", channel]] as const) {
      const queued = newDelivery({ kind, id }, {
        id: event,
        happening: { type: "approval.created", approval: pending },
        created_at: at,
        expires_at: now + DELIVERY_KEPT_MS,
      }, { now });
      storeDelivery(transaction, { ...queued, state: "failed", ended_at: now });
    }
    return deliveryId({ event });
  });
  const held = await Visitor.of(org, "owner", { held: true });
  const own = await org.transact((transaction) => {
    const id = transaction.id("crd");
    const record = transaction.snapshot.vault.get(kept.body.id);
    const owner = held.session.member.id;
    transaction.setPolicy(vaultKey(org.id, id), { ...record, id, owner });
    return id;
  });
  const found = await org.transact(({ snapshot }) => ({
    agents: [...snapshot.agents.values()],
    keys: [...snapshot.apiKeys.values()],
    rules: [...snapshot.rules],
  }));
  const named = (name: string) => found.agents.find((agent) => agent.name === name)?.id ?? "";
  return {
    org,
    held,
    pending,
    approved,
    rule: ruleId,
    agent: named("asker"),
    paused: named("paused"),
    bootstrap: found.keys.find(({ bootstrap }) => bootstrap)?.id ?? "",
    mandate: granted.body.id,
    credential: kept.body.id,
    own,
    webhook,
    channel,
    delivery,
    seen: String(now),
    ruleSeen: String(found.rules.find(({ id }) => id === ruleId)?.updated_at),
    digest: offered[0].definition_digest,
  };
}

function triage({ seen }: Staged) {
  return { tool: "found", seen, verdict: "disable" };
}

/** Sends a form as the page has it. */
async function attempt({ held }: Staged, deed: string, { path, fields = {} }: Try) {
  const name = deed.slice(deed.indexOf(" ") + 1);
  const page = await held.get(path);
  assert.ok(!page.html.includes(PRIVATE), `${path} shows what is private`);
  return await held.send(path, name, { ...hiddenFields(page.html, name), ...fields, do: name });
}

Deno.test("On hold every form of the dashboard is refused but what only stops, or is one's own", async () => {
  const deeds = PAGES.flatMap(({ path, actions = {} }) =>
    OUTSIDE.has(path) ? [] : Object.keys(actions).map((name) => `${path} ${name}`)
  );
  const listed = [REFUSED, REFUSED_EACH, HARMLESS].flatMap((list) => Object.keys(list));
  assert.deepEqual(deeds.toSorted(), listed.toSorted(), "every form is in one of the lists, once");
  await using countersign = await Countersign.start({
    deps: { upstreams: new ScriptedUpstreams() },
  });
  const it = await staged(countersign);
  const version = await it.org.transact(({ snapshot }) => snapshot.version);
  for (const [deed, make] of Object.entries(REFUSED)) {
    const got = await attempt(it, deed, make(it));
    assert.equal(got.status, 403, `${deed}: ${got.status} ${got.text}`);
    assert.match(got.text, /on hold until 2 Jan 2026/, deed);
  }
  for (const [deed, make] of Object.entries(REFUSED_EACH)) {
    const got = await attempt(it, deed, make(it));
    assert.match(got.text, /on hold until 2 Jan 2026/, deed);
    assert.ok(!got.html.includes(PRIVATE), deed);
  }
  const waiting = await it.org.get(`/v1/approvals/${it.pending}`, it.org.approver);
  assert.equal(waiting.body.status, "pending");
  assert.equal(await it.org.transact(({ snapshot }) => snapshot.version), version);
  for (const [deed, [why, make]] of Object.entries(HARMLESS)) {
    const got = await attempt(it, deed, make(it));
    assert.doesNotMatch(got.text, /on hold until/, `${deed}: ${why}`);
    assert.ok(!got.html.includes(PRIVATE), deed);
  }
  const { org, tool, agent } = await it.org.transact(({ snapshot }) => ({
    org: snapshot.org,
    tool: snapshot.tool("refund"),
    agent: snapshot.agents.get(it.agent),
  }));
  for (const stopped of [org, tool, agent]) assert.equal(stopped?.kill_switch.active, true);
  const revoked = await it.org.get(`/v1/approvals/${it.approved}`, it.org.approver);
  assert.equal(revoked.body.status, "revoked");
});

Deno.test("On hold every script of the dashboard is refused, or reads nothing private", async () => {
  const asked = ENDPOINTS.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(asked.toSorted(), Object.keys(SCRIPTS).toSorted(), "every script is listed");
  await using countersign = await Countersign.start({
    deps: { upstreams: new ScriptedUpstreams() },
  });
  const it = await staged(countersign);
  const cookie = `countersign_session=${it.held.session.secret}`;
  const { origin } = countersign;
  const request = (method: string, path: string, body?: unknown): Promise<Got> =>
    countersign.request(method, path, {
      ...(body === undefined ? {} : { body }),
      headers: { cookie, origin, "content-type": "application/json" },
    });
  const authenticator = new SoftwareAuthenticator({ origin });
  const rpId = "127.0.0.1";
  const user = { account: { id: "acc_x", email: "x@example.com" }, passkeys: [] };
  await authenticator.enrol(creationOptions({ rpId, challenge: "AAAA", ...user }));
  const response = await authenticator.assert(
    requestOptions({ rpId, challenge: "AAAA", passkeys: [] }),
  );
  const digest = `sha256:${"0".repeat(64)}`;
  const signed = { nonce: "x", note: null, response, view_digest: digest, action_digest: digest };
  const bodies: Readonly<Record<string, readonly [string, unknown]>> = {
    "post /approvals/:id/statement": [`/approvals/${it.pending}/statement`, undefined],
    "post /approvals/:id/approve": [`/approvals/${it.pending}/approve`, signed],
    "post /device/allow": ["/device/allow", {
      nonce: "x",
      user_code: "BCDF-GHJK",
      gives: "agent",
      response,
    }],
    "post /notifications/push": ["/notifications/push", new PushBrowser().subscription],
  };
  for (const script of asked.filter((one) => SCRIPTS[one] === "refused")) {
    if (script.endsWith("/evidence/export")) continue;
    const [path, body] = bodies[script] ?? assert.fail(`${script} has no body here`);
    const got = await request("POST", path, body);
    assert.deepEqual([got.status, got.body.code], [403, "recovery_held"], script);
  }
  const form = await fetch(`${origin}/activity/evidence/export`, {
    method: "POST",
    headers: { cookie, origin },
    body: new URLSearchParams(),
  });
  assert.match(await form.text(), /recovery_held/);
  for (
    const path of [
      "/activity/evidence/export",
      "/activity/1/receipt.json",
      "/activity/evidence/checkpoint.txt",
      "/api-builder/policy",
    ]
  ) {
    const got = await request("GET", path);
    assert.equal(got.status, 200, path);
    assert.ok(!got.text.includes(PRIVATE) && !/"private":\{/.test(got.text), path);
  }
  for (
    const path of ["/approvals/live?view=mine", `/approvals/${it.pending}/live`, "/activity/live"]
  ) {
    const stream = await fetch(origin + path, { headers: { cookie } });
    const reader = stream.body?.getReader() ?? assert.fail("no stream");
    const decoder = new TextDecoder();
    let text = "";
    while (!/event: news\n.*\n\n/.test(text)) {
      const { done, value } = await reader.read();
      assert.ok(!done, `${path}: ${text}`);
      text += decoder.decode(value, { stream: true });
    }
    assert.ok(!text.includes(PRIVATE), path);
    await reader.cancel();
  }
});
