import assert from "node:assert/strict";
import fc from "fast-check";
import type { Waiting } from "../../lib/approvals/waiting.ts";
import { INBOX_ROWS, inboxChoices, inboxPage, type InboxQuery } from "../../lib/sheet/inbox.ts";

const EVERYTHING: InboxQuery = {
  q: null,
  risk: null,
  requester: null,
  tool: null,
  tenant: null,
  group: null,
  sort: null,
  page: 1,
};

/** What waits, told in a few words: who asks, for which tool, and when it expires. */
function waits(
  id: string,
  requester: string,
  tool_name: string,
  expires_at: number,
  more: Partial<Waiting["facts"]> & { readonly mine?: boolean } = {},
): Waiting {
  const { mine = true, ...facts } = more;
  return {
    mine,
    facts: {
      id,
      reference: `REF-${id}`,
      progress: { state: "pending", level: 1 },
      levels: 1,
      levels_skipped: false,
      duties_separated: false,
      tool_name,
      tenant: null,
      resource: null,
      method: null,
      missing_facts: [],
      requester: { type: "agent", id: `agt_${requester}`, name: requester },
      members_behind: [],
      resolved_from: "tool_default",
      rule_id: null,
      definition_digest: "",
      policy_version: 1,
      created_at: 0,
      expires_at,
      use_seconds: 60,
      mandate: null,
      user_seat: null,
      decisions: [],
      ...facts,
    },
  };
}

const risks = (tool: string) => tool === "delete" ? "critical" : "low";

const FEW: readonly Waiting[] = [
  waits("a", "bot", "refund", 50),
  waits("b", "bot", "refund", 40, { tenant: "Acme" }),
  waits("c", "clerk", "delete", 45, { resource: "order-7" }),
  waits("d", "bot", "mail", 60, { mine: false }),
  waits("e", "clerk", "refund", 70),
];

const shown = (query: Partial<InboxQuery>) =>
  inboxPage(FEW, { ...EVERYTHING, ...query }, risks).parts
    .map(({ group, ids }) => `${group === null ? "" : `${group.key}: `}${ids.join(" ")}`);

Deno.test("inboxPage() puts what one requester asks of one tool together, where the first of it expires", () => {
  assert.deepEqual(shown({}), ["agt_bot refund: b a", "c d e"]);
  assert.deepEqual(shown({ group: "none" }), ["b c a d e"]);
  assert.deepEqual(shown({ sort: "newest" }), ["e d c", "agt_bot refund: b a"]);
  const [part] = inboxPage(FEW, EVERYTHING, risks).parts;
  assert.deepEqual(part?.group?.mine, ["b", "a"]);
});

Deno.test("inboxPage() leaves what every part of the query wants", () => {
  assert.deepEqual(shown({ requester: "agt_clerk" }), ["c e"]);
  assert.deepEqual(shown({ tool: "refund" }), ["agt_bot refund: b a", "e"]);
  assert.deepEqual(shown({ tool: "refund", requester: "agt_clerk" }), ["e"]);
  assert.deepEqual(shown({ tenant: "Acme" }), ["b"]);
  assert.deepEqual(shown({ risk: "high" }), ["c"]);
  for (
    const [q, found] of [["acme", "b"], ["ORDER", "c"], ["ref-d", "d"], ["mail", "d"]] as const
  ) {
    assert.deepEqual(shown({ q }), [found], q);
  }
  assert.deepEqual(shown({ q: "nobody" }), []);
});

Deno.test("inboxChoices() counts what there is to choose, the most frequent first", () => {
  const { requesters, tools, tenants } = inboxChoices(FEW);
  assert.deepEqual(requesters.map(({ label, count }) => [label, count]), [["bot", 3], [
    "clerk",
    2,
  ]]);
  assert.deepEqual(tools.map(({ value }) => value), ["refund", "delete", "mail"]);
  assert.deepEqual(tenants, [{ value: "Acme", label: "Acme", count: 1 }]);
});

Deno.test("a page that is not there any more is the last one", () => {
  const page = inboxPage(FEW, { ...EVERYTHING, page: 9 }, risks);
  assert.deepEqual([page.page, page.pages, page.total], [1, 1, 5]);
  assert.deepEqual(inboxPage([], EVERYTHING, risks), { parts: [], total: 0, page: 1, pages: 1 });
});

Deno.test("the pages of an inbox have every request once, none more than fifty, grouped or not", () => {
  const one = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2 }), fc.nat(9));
  fc.assert(fc.property(
    fc.array(one, { maxLength: 180 }),
    fc.constantFrom(null, "none" as const),
    fc.constantFrom(null, "newest" as const),
    (asked, group, sort) => {
      const waiting = asked.map(([requester, tool, expires], at) =>
        waits(String(at).padStart(3, "0"), `r${requester}`, `t${tool}`, expires)
      );
      const query = { ...EVERYTHING, group, sort };
      const pages = inboxPage(waiting, query, risks).pages;
      const ids = Array.from({ length: pages }, (_, at) => {
        const { parts } = inboxPage(waiting, { ...query, page: at + 1 }, risks);
        const own = parts.flatMap((part) => part.ids);
        assert.ok(own.length <= INBOX_ROWS && (own.length === INBOX_ROWS || at === pages - 1));
        for (const { group, ids } of parts) {
          if (group !== null) assert.ok(ids.every((id) => group.ids.includes(id)));
        }
        return own;
      }).flat();
      assert.deepEqual(ids.toSorted(), waiting.map(({ facts }) => facts.id));
    },
  ));
});
