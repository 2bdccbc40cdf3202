import assert from "node:assert/strict";
import { secretHash } from "../../lib/identity/credentials.ts";
import { beginSession } from "../../lib/identity/sessions.ts";
import { makeLinkSecret } from "../../lib/people/links.ts";
import * as keys from "../../lib/store/keys.ts";
import * as news from "../../lib/store/news_keys.ts";
import type { Countersign, Got, TestOrg } from "../helpers/countersign.ts";
import type { StagedOrg } from "../helpers/page_states.ts";

/** An org in which everybody who may write anything wrote it to harm who reads it. */

/** Runs `ran` wherever it is taken for markup, in text, in an attribute or in a script. */
export const MARKUP = `'"></textarea></title></script><script>ran('script')</script>` +
  `<img src=x onerror=ran('img')><svg onload=ran('svg')>`;
/** The same for names that are short. */
export const SHORT = `'"><svg onload=ran('s')><!--`;
/** Reads as another text than it is: overrides, isolates, invisible characters, a new line. */
export const DECEPTIVE = "refund \u202egnp.exe\u202c \u2066x\u2069 a\u200bb\ufeffc\u{e0041}\u0007";
export const SCRIPT_URL = "javascript:ran('url')";

const FREE = `${MARKUP} ${DECEPTIVE} ${SCRIPT_URL}`;
const UUID = "00000000000000000000000000";

export interface PlantedOrg extends StagedOrg {
  /** Further addresses of its pages. */
  readonly more: readonly string[];
}

/** Plants all of it, by the API where it takes it. */
export async function plantedOrg(countersign: Countersign): Promise<PlantedOrg> {
  const org = await countersign.org();
  const owner = await org.signedIn("owner", {});
  const ok = async (got: Promise<Got>) => {
    const { status, text, body } = await got;
    assert.ok(status < 300, text);
    return body;
  };
  const put = (path: string, body: unknown) => ok(org.manage("PUT", path, body));
  await ok(org.manage("PATCH", "/v1/org", { name: SHORT }));
  await put(`/v1/categories/${encodeURIComponent(SHORT)}`, {});
  const metadata = { [FREE]: FREE, url: SCRIPT_URL };
  await put(`/v1/tenants/${encodeURIComponent(SHORT)}`, { name: MARKUP, metadata });
  await put(`/v1/resources/${encodeURIComponent(SHORT)}`, { name: MARKUP, type: SHORT, metadata });
  const parameters = {
    type: "object",
    title: FREE,
    description: FREE,
    properties: {
      amount: { type: "integer", title: FREE, description: FREE },
      [FREE]: { type: "string", title: FREE, enum: [FREE, SCRIPT_URL] },
    },
  };
  const tool = { description: FREE, category: SHORT, tags: [SHORT], parameters };
  await put("/v1/tools/refund", {
    ...tool,
    status: "approved",
    annotations_acknowledged: true,
    default_permission: "requires_approval",
  });
  await put("/v1/tools/stopped", {
    ...tool,
    status: "approved",
    annotations_acknowledged: true,
    default_permission: "allowed",
    kill_switch: { active: true, reason: FREE },
  });
  const rule = await put("/v1/rules", {
    selector: { tool_name: "refund", tenant_id: SHORT, resource_id: SHORT, method: SHORT },
    permission: "requires_approval",
    note: FREE,
  });
  await put("/v1/rules", { selector: { tag: SHORT }, permission: "allowed", note: FREE });
  const agent = await ok(org.manage("POST", "/v1/agents", { name: SHORT }));
  const key = await ok(org.manage("POST", "/v1/api-keys", { name: SHORT, tier: "standard" }));
  const headers = { "user-agent": MARKUP, "x-request-id": MARKUP };
  const post = (path: string, body: unknown, by = agent.token ?? agent.key) =>
    org.post(path, body, by, headers);
  const action = { tool_name: "refund", tenant_id: SHORT, resource_id: SHORT, method: SHORT };
  const args = { amount: 1, [FREE]: FREE, url: SCRIPT_URL, nested: [{ [FREE]: [FREE, null] }] };
  const ask = (n: number, more: object = {}) =>
    ok(post("/v1/approvals", {
      ...action,
      arguments: { ...args, amount: n },
      reason: FREE,
      context: { [FREE]: FREE, link: SCRIPT_URL },
      reference_id: SHORT,
      ...more,
    }));
  const approved = await ask(1);
  const decide = (id: string, decision: string) =>
    ok(org.post(
      `/v1/approvals/${id}/decide`,
      { decision, decided_by: owner.member.email, note: FREE },
      org.approver,
      headers,
    ));
  await decide(approved.id, "approve");
  const denied = await ask(2);
  await decide(denied.id, "deny");
  const pending = await ask(3);
  await ask(3, { reason: `${FREE} again`, context: { again: FREE } });
  await post("/v1/permissions/check", { tool_name: "discovered/by:agent", method: SHORT });
  await ok(post("/v1/executions/log", { ...action, execution_result: "error", error: FREE }));
  await org.transact((transaction) => plantPeople(transaction, org, owner.member.account ?? ""));
  const mandate = await ok(org.manage("POST", "/v1/mandates", {
    user_id: SHORT,
    agent: SHORT.replaceAll(" ", "/"),
    scopes: [{ tool: "refund", decision: "confirm" }],
  }));
  const question = await ok(post("/v1/permissions/check", {
    ...action,
    mandate_id: mandate.id,
    arguments: args,
    reason: FREE,
    request: true,
  }, key.key));
  const keeper = await org.key("management", { user_passkeys: true });
  const enrolment = await ok(
    org.post(`/v1/users/${encodeURIComponent(SHORT)}/enrolment`, {}, keeper),
  );
  const newest = await ok(org.get("/v1/activity?limit=1"));
  const checked = await ok(org.get("/v1/activity?limit=1&type=permission.checked"));
  return {
    org,
    owner,
    paths: {
      "/approvals/:id": `/approvals/${pending.id}`,
      "/tenants/:id": `/tenants/${encodeURIComponent(SHORT)}`,
      "/resources/:id": `/resources/${encodeURIComponent(SHORT)}`,
      "/tools/:name{.+}": "/tools/refund",
      "/rules/:id": `/rules/${rule.id}`,
      "/agents/:id": `/agents/${agent.id}`,
      "/api-keys/:id": `/api-keys/${key.id}`,
      "/activity/:index": `/activity/${newest.data[0].index}`,
      "/receipts/:id": `/receipts/rcp_${checked.data[0].id.slice(4)}`,
      "/team/:email": `/team/${encodeURIComponent(owner.member.email)}`,
      "/security/passkeys/:id": "/security/passkeys/cGxhbnRlZA",
      "/invitation/:link": `/invitation/${INVITED}`,
      "/confirm/:nonce": new URL(question.url).pathname,
      "/enrol/:link": new URL(enrolment.url).pathname,
    },
    more: [
      `/approvals/${approved.id}`,
      `/approvals/${denied.id}`,
      "/approvals?view=all",
      "/approvals?view=waiting",
      "/tools/stopped",
      "/tools/discovered/by:agent",
      `/rules/explain?tool_name=refund&tenant_id=${encodeURIComponent(SHORT)}`,
      ...Array.from({ length: newest.data[0].index + 1 }, (_, index) => `/activity/${index}`),
    ],
  };
}

/** The secret of an invitation into the org. */
export const INVITED = makeLinkSecret((bytes) => new Uint8Array(bytes).fill(7));

type Transaction = Parameters<Parameters<TestOrg["transact"]>[0]>[0];

/** What browsers and people say of themselves, which no route takes as it is. */
function plantPeople(transaction: Transaction, org: TestOrg, account: string): void {
  const { at } = transaction;
  transaction.set(keys.passkeyKey("cGxhbnRlZA"), {
    credential_id: "cGxhbnRlZA",
    account,
    public_key: new Uint8Array(1),
    counter: 0,
    transports: [],
    backed_up: false,
    device_type: "singleDevice",
    name: MARKUP,
    rp_id: "localhost",
    created_at: at,
    last_used_at: null,
  });
  transaction.set(keys.accountPasskeyKey(account, "cGxhbnRlZA"), { created_at: at });
  const browser = { account, org: org.id, credential_id: "cGxhbnRlZA", user_agent: FREE };
  beginSession(transaction, browser);
  transaction.set(news.pushSubscriptionKey(account, "0".repeat(32)), {
    id: "0".repeat(32),
    account,
    endpoint: `https://push.example.com/${SCRIPT_URL}`,
    p256dh: "x",
    auth: "x",
    user_agent: FREE,
    created_at: at,
  });
  const email = "invited@example.com";
  const member = transaction.id("usr");
  transaction.setPolicy(keys.memberKey(org.id, email), {
    id: member,
    email,
    role: "viewer",
    groups: [],
    account: null,
    has_passkey: false,
    held_until: null,
    created_at: at,
  });
  const hash = secretHash(INVITED);
  transaction.set(keys.invitationPointerKey(hash), { org: org.id, email });
  transaction.set(keys.invitationKey(org.id, email), {
    id: `inv_${UUID}`,
    hash,
    email,
    member,
    made_member: true,
    invited_by: `usr_${UUID}`,
    created_at: at,
    expires_at: at + 60 * 60 * 1000,
  });
}
