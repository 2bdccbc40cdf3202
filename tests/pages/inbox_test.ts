import assert from "node:assert/strict";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { Visitor } from "../helpers/visitor.ts";

/** Requests of two agents; the newest last. */
async function asked(org: TestOrg): Promise<{ ids: string[]; agents: string[] }> {
  const high = { default_permission: "requires_approval", risk_level: "high" };
  await org.tool("refund", { ...high, parameters: { properties: { amount: {}, to: {} } } });
  await org.tool("mail", { default_permission: "requires_approval", risk_level: "low" });
  const [bot, clerk] = [await org.agent({ name: "bot" }), await org.agent({ name: "clerk" })];
  const ids: string[] = [];
  const ask = async (tool_name: string, resource_id: string, token: string) => {
    const { body } = await org.post("/v1/approvals", {
      tool_name,
      resource_id,
      arguments: { to: "iban-secret", amount: 40 },
      reason: "the customer is angry",
    }, token);
    ids.push(body.id);
  };
  for (let n = 0; n < 7; n++) await ask("refund", `order-${n}`, bot);
  await ask("mail", "list", bot);
  await ask("refund", "order-9", clerk);
  const snapshot = await org.transact(({ snapshot }) => snapshot);
  return { ids, agents: [...snapshot.agents.keys()] };
}

/** Ids of the requests that a page lists, in its order. */
function listed(html: string): string[] {
  return [...html.matchAll(/data-request="(apr_[0-9a-z]+)"/g)].map(([, id]) => id ?? "");
}

const inbox = async (role: "owner" | "approver" | "viewer") => {
  const countersign = await Countersign.start();
  const org = await countersign.org();
  const { ids, agents } = await asked(org);
  const visitor = await Visitor.of(org, role);
  return { countersign, org, ids, agents, visitor };
};

Deno.test("the inbox says who asks for what with which values, how dangerous it is and how long it waits", async () => {
  const { countersign, ids, visitor } = await inbox("owner");
  await using _ = countersign;
  const { html, text } = await visitor.get("/approvals");
  assert.deepEqual(listed(html), ids);
  assert.match(text, /For you 9 All waiting 9 History/);
  assert.match(text, /bot …\S{6} refund 7 .* Deny 7 High risk order-0 amount 40 to iban-secret /);
  assert.match(text, /Show 2 more/);
  assert.match(text, /Low risk bot …\S{6} mail list /);
  assert.match(text, /Expires in 1 h 00 min/);
  assert.doesNotMatch(text, /Approve \d|Approve selected/);
});

Deno.test("who may not see arguments reads the reason in their place, and has nothing to choose", async () => {
  const { countersign, ids, visitor } = await inbox("viewer");
  await using _ = countersign;
  const { html, text } = await visitor.get("/approvals");
  assert.deepEqual(listed(html), ids);
  assert.ok(!html.includes("iban-secret"));
  assert.match(text, /order-0 the customer is angry/);
  assert.doesNotMatch(html, /type="checkbox"|name="only"/);
  assert.doesNotMatch(text, /For you/);
  const refused = await visitor.send("/approvals", "deny", { ids });
  assert.equal(refused.status, 403);
  assert.equal((await visitor.send("/approvals", "choose", { ids })).status, 403);
  assert.deepEqual(listed((await visitor.get("/approvals")).html), ids);
});

Deno.test("every view of the inbox has an address, and every filter is a link", async () => {
  const { countersign, ids, agents, visitor } = await inbox("approver");
  await using _ = countersign;
  const at = async (query: string) => listed((await visitor.get(`/approvals?${query}`)).html);
  const [mail = "", last = ""] = ids.slice(7);
  assert.deepEqual(await at("tool_name=mail"), [mail]);
  assert.deepEqual(await at("risk=high"), [...ids.slice(0, 7), last]);
  assert.deepEqual(await at(`requester=${agents[1]}`), [last]);
  assert.deepEqual(await at("q=ORDER-3"), [ids[3]]);
  assert.deepEqual(await at("sort=newest&group=none"), ids.toReversed());
  assert.deepEqual(await at("q=nothing"), []);
  assert.equal((await visitor.get("/approvals?risk=none")).status, 422);
  const { html, text } = await visitor.get("/approvals?view=mine&tool_name=refund&q=order");
  const links = [...html.matchAll(/href="(\/approvals[^"]*)"/g)].map(([, href]) =>
    href?.replaceAll("&amp;", "&")
  );
  for (
    const link of [
      "/approvals?view=mine&q=order",
      "/approvals?view=mine&q=order&risk=high&tool_name=refund",
      "/approvals?view=mine&q=order&tool_name=refund&sort=newest",
      `/approvals?view=mine&q=order&requester=${agents[0]}&tool_name=refund`,
      "/approvals?view=mine",
    ]
  ) assert.ok(links.includes(link), `${link} is not among ${links.join(" ")}`);
  assert.match(text, /Tool: refund remove this filter/);
  assert.match(
    (await visitor.get("/approvals?q=nothing")).text,
    /No request matches Clear filters/,
  );
});

Deno.test("an inbox of more than fifty has pages, with the newest on the last", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("refund", { default_permission: "requires_approval" });
  for (let agent = 0; agent < 3; agent++) {
    const token = await org.agent({ name: `bot ${agent}` });
    for (let n = 0; n < 20; n++) {
      const body = { tool_name: "refund", resource_id: `${agent}-${n}`, reason: "r" };
      await org.post("/v1/approvals", body, token);
    }
  }
  const owner = await Visitor.of(org, "owner");
  const first = await owner.get("/approvals?group=none");
  const second = await owner.get("/approvals?group=none&page=2");
  assert.match(first.text, /1 to 50 of 60 Next 10/);
  assert.match(second.text, /51 to 60 of 60 Back 50/);
  assert.deepEqual([listed(first.html).length, listed(second.html).length], [50, 10]);
  assert.equal(new Set([...listed(first.html), ...listed(second.html)]).size, 60);
  assert.ok(first.html.includes("/approvals?view=mine&amp;group=none&amp;page=2"));
  assert.deepEqual(listed((await owner.get("/approvals?group=none&page=9")).html).length, 10);
  // A group that goes on over the page is denied as a whole, and its head says how many that is.
  assert.match((await owner.get("/approvals?page=2")).text, /bot 2 …\S{6} refund 20 .* Deny 20/);
});

Deno.test("what is chosen is denied, each for itself, and the agents get the reason", async () => {
  const { countersign, org, ids, visitor } = await inbox("approver");
  await using _ = countersign;
  const [a = "", b = "", c = ""] = ids;
  // A box of a group stands for several.
  const sheet = await visitor.send("/approvals?view=mine", "choose", { ids: [`${a} ${b}`, b] });
  assert.match(sheet.text, /Deny 2 requests/);
  assert.match(sheet.text, /Wrong target 1 .* Other 6/);
  assert.ok(sheet.html.includes(`name="ids" value="${a} ${b}"`));
  assert.deepEqual(listed((await visitor.get("/approvals")).html).length, 9, "not yet");
  const only = await visitor.send("/approvals?view=mine", "choose", { ids: [a], only: c });
  assert.ok(only.html.includes(`name="ids" value="${c}"`), "the button of a group is of it alone");

  const said = { ids: `${a} ${b}`, note: "ask billing", quick_reason: "wrong_amount" };
  const done = await visitor.send("/approvals?view=mine&sort=newest", "deny", said);
  assert.deepEqual([done.status, done.to], [303, "/approvals?view=mine&sort=newest"]);
  assert.equal(done.notice, "2 requests are denied; their agents are told.");
  for (const id of [a, b]) {
    assert.equal((await org.get(`/v1/approvals/${id}`)).body.status, "denied");
    assert.match((await visitor.get(`/approvals/${id}`)).text, /Wrong amount: ask billing/);
  }
  assert.equal((await org.get("/v1/activity?type=approval.decided")).body.data.length, 2);
  const nothing = await visitor.send("/approvals?view=mine", "choose", {});
  assert.match(nothing.notice ?? "", /Choose the requests to deny/);
});

Deno.test("of several each is refused for its own reason, and the others are denied", async () => {
  const { countersign, org, ids, visitor } = await inbox("approver");
  await using _ = countersign;
  const [a = "", b = "", c = "", d = ""] = ids;
  const other = await Visitor.of(org, "owner");
  await other.send("/approvals", "deny", { ids: b, note: "" });
  const foreign = await asked(await countersign.org());
  const { html, text, status } = await visitor.send("/approvals", "deny", {
    ids: [`${a} ${b}`, foreign.ids[0] ?? "", "apr_nonsense", c],
    note: "",
  });
  assert.equal(status, 200);
  assert.match(text, /2 of 5 denied/);
  const [, failed = "", denied = ""] = html.split(/<h2>(?:Not denied|Denied)<\/h2>/);
  assert.ok(failed.includes(b) && !failed.includes(a) && !failed.includes(foreign.ids[0] ?? ""));
  assert.ok(denied.includes(a) && denied.includes(c) && !denied.includes(b));
  assert.equal(failed.split("A request that isn't here").length, 3);
  assert.equal((await org.get(`/v1/approvals/${d}`)).body.status, "pending");
  const inForeign = await visitor.send("/approvals", "choose", { ids: foreign.ids });
  assert.ok(!foreign.ids.some((id) => inForeign.html.includes(`/approvals/${id}`)));
});

Deno.test("who denies several may pause their agents as well, and who asked for none of it is left alone", async () => {
  const { countersign, org, ids, visitor } = await inbox("approver");
  await using _ = countersign;
  const [a = "", b = ""] = ids;
  const { notice } = await visitor.send("/approvals", "deny", {
    ids: [a, b],
    note: "",
    pause: "on",
  });
  assert.match(
    notice ?? "",
    /^2 requests are denied; their agents are told. The agent is paused: /,
  );
  const { agents } = await org.transact(({ snapshot }) => snapshot);
  assert.deepEqual(
    [...agents.values()].map(({ name, kill_switch }) => [name, kill_switch.active]),
    [["bot", true], ["clerk", false]],
  );
});

Deno.test("attack: the inbox approves nothing, whatever a form says", async () => {
  const { countersign, org, ids, visitor } = await inbox("owner");
  await using _ = countersign;
  const [a = ""] = ids;
  for (
    const [name, fields] of [
      ["approve", { ids: a }],
      ["deny", { ids: a, note: "", decision: "approve" }],
      ["deny", { ids: Array.from({ length: 501 }, (_, n) => `apr_${n}`).join(" "), note: "" }],
      ["deny", { ids: a, note: "x".repeat(1001) }],
    ] as const
  ) {
    const { status } = await visitor.send("/approvals", name, fields);
    assert.equal(status, 422, name);
  }
  assert.equal((await org.get(`/v1/approvals/${a}`)).body.status, "pending");
});
