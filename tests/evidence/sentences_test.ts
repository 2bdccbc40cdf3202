import fc from "fast-check";
import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import {
  type ActivityFilters,
  facetsOf,
  filterParams,
  fits,
  NO_FILTERS,
  parseFilters,
} from "../../lib/evidence/filters.ts";
import { ENTRY_TYPES, entrySentence } from "../../lib/evidence/sentences.ts";
import { type Names, namesOf, NO_NAMES, type Told } from "../../lib/evidence/telling.ts";
import type { Entry } from "../../lib/ledger/entry.ts";
import { readActivity } from "../../lib/ledger/log_reader.ts";
import { PERMISSIONS } from "../../lib/store/records/vocabulary.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { jsonObject } from "../helpers/arbitrary_json.ts";
import { projectText, sourceFiles } from "../helpers/project_files.ts";

const NAMES = new Map([
  ["usr_1", "ann@example.com"],
  ["agt_1", "billing-agent"],
  ["key_1", "shop"],
]);
const names: Names = {
  of: (id) => NAMES.get(id) ?? null,
  idOf: (name) => [...NAMES].find(([, known]) => known === name)?.[0] ?? null,
};
const ANN = { type: "member", id: "usr_1" } as const;
const BOT = { type: "agent", id: "agt_1" } as const;
const SHOP = { type: "api_key", id: "key_1" } as const;
const SYSTEM = { type: "system", id: "approvals" } as const;
const REFUND = { tool: "refund_payment", resource: "order-77", tenant: "acme", method: null };

function told(type: string, actor: Entry["actor"], subject: JsonObject, data: JsonObject = {}) {
  return entrySentence({ type, actor, subject, data }, names);
}

/** Every type that the code names: as a literal, or by noun and verb of a catalog change. */
async function writtenTypes(): Promise<Set<string>> {
  const types = new Set<string>();
  for (const path of await sourceFiles("lib/")) {
    const source = await projectText(path);
    for (const [, type = ""] of source.matchAll(/"([a-z_]+\.[a-z_]+)"/g)) types.add(type);
    for (const [, noun = ""] of source.matchAll(/\bnoun: "([a-z_]+)",/g)) {
      types.add(`${noun}.set`);
      // An organization is not removed by a change of its record.
      if (noun !== "org") types.add(`${noun}.removed`);
    }
    for (const [, verb = ""] of source.matchAll(/\bverb: "([a-z_]+)"/g)) {
      types.add(`tool.${verb}`);
    }
  }
  return types;
}

/**
 * Texts of the same shape that are no types of entries: those of statements that browsers sign, events
 * as receipts call them, the sample tool, names of files and hosts.
 */
const NO_TYPES =
  /^(countersign|webauthn|sample|authorization)\.|^budget\.settle$|\.(sh|mts|py|json|io)$/;

/** Events whose causes are entries of other names. */
const EVENTS_ONLY = [
  ...["approval.escalated", "execution.unknown", "kill_switch.changed", "webhook.test"],
  ...["credential.needs_reconnect", "confirmation.resolved", "credits.low"],
  ...["budget.threshold", "budget.overrun", "escalation.resolved"],
];

Deno.test("entrySentence() has a sentence for every type of entry that is written", async () => {
  const written = [...await writtenTypes()].filter((type) =>
    !NO_TYPES.test(type) && !EVENTS_ONLY.includes(type)
  );
  assert.ok(written.length > 30, `only ${written.length} types were found`);
  const missing = written.filter((type) => !ENTRY_TYPES.includes(type));
  assert.deepEqual(missing, [], "types without a sentence; add them in lib/evidence/sentences.ts");
});

Deno.test("entrySentence() knows no type that nobody writes", async () => {
  const written = await writtenTypes();
  assert.deepEqual(ENTRY_TYPES.filter((type) => !written.has(type)), []);
});

Deno.test("entrySentence() says who did what to what", () => {
  assert.equal(
    told("permission.checked", BOT, REFUND, {
      permission: "requires_approval",
      resolved_from: "tenant_tool",
    }),
    "Agent “billing-agent” …agt_1 asked to run refund_payment on order-77 for acme: requires approval " +
      "(tenant_tool)",
  );
  assert.equal(
    told("approval.created", SHOP, REFUND, { reference: "REF-7K2M9QXV-4T8B" }),
    "Key “shop” …key_1 asked people to approve refund_payment on order-77 for acme (REF-7K2M9QXV-4T8B)",
  );
  assert.equal(
    told("approval.expired", SYSTEM, { ...REFUND, method: "POST" }),
    "The request for refund_payment using POST on order-77 for acme expired before it was decided",
  );
  assert.equal(
    told("token.minted", BOT, { tool: "restart" }),
    "Agent “billing-agent” …agt_1 got a run token for restart",
  );
});

Deno.test("entrySentence() of a decision names the member, and the key that speaks for them", () => {
  const subject = { ...REFUND, member: "usr_1" };
  assert.equal(
    told("approval.decided", ANN, subject, {
      decision: "approve",
      level: 1,
      levels: 1,
      asserted_by: null,
    }),
    "ann@example.com approved refund_payment on order-77 for acme",
  );
  assert.equal(
    told("approval.decided", SHOP, subject, {
      decision: "deny",
      level: 1,
      levels: 2,
      asserted_by: "key_1",
    }),
    "ann@example.com denied refund_payment on order-77 for acme at level 1 of 2, as key “shop” …key_1 says",
  );
});

Deno.test("entrySentence() names a kill switch before all that changed with it", () => {
  const changed = (fields: JsonObject) => ({ changed: fields });
  assert.equal(
    told("org.set", ANN, { org: "org_1" }, changed({ kill_switch: true })),
    "ann@example.com turned the kill switch of the organization on",
  );
  assert.equal(
    told("tool.set", ANN, { tool: "t" }, changed({ kill_switch: true, status: "disabled" })),
    "ann@example.com turned the kill switch of the tool t on and set status",
  );
  assert.equal(
    told(
      "tool.set",
      ANN,
      { tool: "t" },
      changed({ kill_switch: false, a: 1, b: 1, c: 1, d: 1, e: 1 }),
    ),
    "ann@example.com set 5 fields of the tool t",
  );
  assert.equal(
    told("agent.set", ANN, { agent: "agt_1" }, { kill_switch: false }),
    "ann@example.com turned the kill switch of agent “billing-agent” …agt_1 off",
  );
});

Deno.test("entrySentence() of a rule says for what it is, and what it is now", () => {
  const subject = { rule: "rul_1", tenant: "acme", tool: "refund payment" };
  assert.equal(
    told("rule.set", ANN, subject, { changed: { permission: "disabled" } }),
    'ann@example.com set the rule for tenant=acme tool="refund payment" to disabled',
  );
  assert.equal(
    told("rule.removed", ANN, subject),
    'ann@example.com removed the rule for tenant=acme tool="refund payment"',
  );
});

Deno.test("entrySentence() tells a key that is named like a person from the person", () => {
  const imitating: Names = { of: () => "ann@example.com", idOf: () => null };
  const entry = { type: "rule.removed", subject: { tool: "t" }, data: {} };
  assert.match(entrySentence({ ...entry, actor: SHOP }, imitating), /^Key “ann@example.com” /);
  assert.match(entrySentence({ ...entry, actor: ANN }, imitating), /^ann@example.com /);
});

Deno.test("entrySentence() shows an id whose name is gone, and a type of another version", () => {
  assert.equal(
    entrySentence({ type: "agent.removed", actor: ANN, subject: { agent: "agt_9" }, data: {} }, {
      ...NO_NAMES,
    }),
    "usr_1 removed agent “agt_9”",
  );
  assert.equal(told("budget.spent", BOT, {}), "Agent “billing-agent” …agt_1: budget.spent");
  assert.equal(told("__proto__", SYSTEM, {}), "Countersign: __proto__");
});

Deno.test("entrySentence() makes a sentence of whatever an entry of a known type holds", () => {
  fc.assert(fc.property(
    fc.constantFrom(...ENTRY_TYPES),
    jsonObject,
    jsonObject,
    fc.constantFrom(ANN, BOT, SHOP, SYSTEM),
    (type, subject, data, actor) => {
      const sentence = entrySentence({ type, actor, subject, data } as Told, names);
      assert.doesNotMatch(sentence, /undefined|NaN|\[object| {2}/);
      assert.ok(sentence.length > 10);
    },
  ));
});

Deno.test("entrySentence() tells a whole life of a request from the entries that are written", async () => {
  await using approvals = await ApprovalOrg.start();
  const { id } = await approvals.pending({ resource_id: "srv-1" });
  await approvals.decide(id, "approve");
  const minted = await approvals.mint(id, { resource_id: "srv-1" });
  const run = { tool_name: TOOL, resource_id: "srv-1", token: minted.body.token };
  await approvals.org.post("/v1/tokens/consume", run);
  await approvals.org.post("/v1/executions/log", { ...run, execution_result: "success" });
  const known = await approvals.org.transact(({ snapshot }) => namesOf(snapshot));
  const sentences = (await approvals.entries()).map((entry) =>
    entrySentence(entry, known).replaceAll(/ …[0-9a-z]{6}(?= )/g, " …")
  );
  const { reference } = (await approvals.get(id)).body;
  assert.deepEqual(sentences.slice(-8), [
    `Key “standard” … asked to run ${TOOL} on srv-1: requires approval (tool_default)`,
    `Key “standard” … asked people to approve ${TOOL} on srv-1 (${reference})`,
    `ann@example.com approved ${TOOL} on srv-1, as key “approver” … says`,
    `Key “approver” … was shown the arguments of the request for ${TOOL} on srv-1`,
    `Key “standard” … asked to run ${TOOL} on srv-1: requires approval (tool_default)`,
    `Key “standard” … got a run token for ${TOOL} on srv-1`,
    `Key “standard” … used a run token for ${TOOL} on srv-1`,
    `Key “standard” … reported success of ${TOOL} on srv-1`,
  ]);
});

Deno.test("namesOf() calls members by address, and lets no key hide one", async () => {
  await using approvals = await ApprovalOrg.start();
  await approvals.org.agent({ name: "ANN@example.com" });
  await approvals.org.agent({ name: "bot" });
  const { known, bot } = await approvals.org.transact(({ snapshot }) => ({
    known: namesOf(snapshot),
    bot: [...snapshot.agents.values()].find(({ name }) => name === "bot")?.id ?? "",
  }));
  assert.equal(known.of(approvals.ann.id), "ann@example.com");
  assert.equal(known.idOf("Ann@Example.com"), approvals.ann.id);
  assert.equal(known.idOf("bot"), bot);
  assert.equal(known.of(bot), "bot");
  assert.equal(known.idOf("nobody"), null);
});

const parsed = (query: string, known = NO_NAMES) => parseFilters(new URLSearchParams(query), known);

Deno.test("parseFilters() reads every field, and what date and time fields of forms send", () => {
  assert.deepEqual(
    parsed(
      "since=2026-01-01&until=2026-01-31&type=rule.set&tool_name=t&tenant_id=acme&actor=usr_1" +
        "&permission=allowed&mandate=mdt_1&order=asc&limit=50&cursor=x",
    ),
    {
      filters: {
        since: Date.UTC(2026, 0, 1),
        until: Date.UTC(2026, 1, 1),
        type: "rule.set",
        tool: "t",
        tenant: "acme",
        actor: "usr_1",
        permission: "allowed",
        mandate: "mdt_1",
        order: "asc",
      },
      problems: [],
    },
  );
  const { filters } = parsed("since=2026-01-01T10:30&until=2026-01-01T14:00:00.5%2B02:00");
  assert.equal(filters.since, Date.UTC(2026, 0, 1, 10, 30));
  assert.equal(filters.until, Date.UTC(2026, 0, 1, 12, 0, 0, 500));
});

Deno.test("parseFilters() takes empty fields of a form for no filter", () => {
  assert.deepEqual(parsed("since=&until=&type=&tool_name=+&permission=&order="), {
    filters: NO_FILTERS,
    problems: [],
  });
});

Deno.test("parseFilters() finds an actor by name, and an id before a name that is like one", () => {
  assert.equal(parsed("actor=billing-agent", names).filters.actor, "agt_1");
  assert.equal(parsed("actor=agt_9", names).filters.actor, "agt_9");
  const imitating: Names = { of: (id) => id === "usr_1" ? "ann" : null, idOf: () => "key_evil" };
  assert.equal(parsed("actor=usr_1", imitating).filters.actor, "usr_1");
});

Deno.test("parseFilters() says which fields it could not take, and filters by the others", () => {
  const { filters, problems } = parsed(
    `since=yesterday&until=2026-02-31&permission=maybe&type=${"x".repeat(129)}&tool_name=t`,
  );
  assert.deepEqual(problems.map(({ field }) => field).sort(), [
    "permission",
    "since",
    "type",
    "until",
  ]);
  assert.deepEqual(filters, { ...NO_FILTERS, tool: "t" });
  const backwards = parsed("since=2026-01-02&until=2026-01-01");
  assert.deepEqual(backwards.problems.map(({ field }) => field), ["until"]);
});

const anyName = fc.option(fc.string({ minLength: 1, maxLength: 20 }).map((text) => `x${text}x`));
const anyFilters: fc.Arbitrary<ActivityFilters> = fc.record({
  mandate: anyName,
  since: fc.option(fc.integer({ min: 0, max: 1_000_000 })),
  until: fc.option(fc.integer({ min: 1_000_001, max: 4_102_444_800_000 })),
  type: anyName,
  tool: anyName,
  tenant: anyName,
  actor: anyName,
  permission: fc.option(fc.constantFrom(...PERMISSIONS)),
  order: fc.constantFrom("asc", "desc"),
});

Deno.test("filterParams() writes what parseFilters() reads", () => {
  fc.assert(fc.property(anyFilters, (filters) => {
    const { filters: again, problems } = parseFilters(
      new URLSearchParams(filterParams(filters).toString()),
    );
    assert.deepEqual(again, { ...filters });
    assert.deepEqual(problems, []);
  }));
  assert.equal(filterParams(NO_FILTERS).toString(), "");
});

Deno.test("fits() chooses the entries that the log gives for the same filters", async () => {
  await using approvals = await ApprovalOrg.start();
  const { clock } = approvals.countersign;
  for (const tenant_id of ["acme", "globex"]) {
    await approvals.org.post("/v1/permissions/check", { tool_name: TOOL, tenant_id });
    clock.advance(1000);
    await approvals.pending({ tenant_id });
    clock.advance(1000);
  }
  const entries = await approvals.entries();
  const start = Date.parse(entries[0]?.at ?? "");
  for (
    const part of [
      {},
      { type: "permission.checked" },
      { tenant: "acme", permission: "requires_approval" },
      { tool: TOOL, since: start + 1000, until: start + 3000 },
      { actor: "nobody" },
    ] as const
  ) {
    const filters: ActivityFilters = { ...NO_FILTERS, ...part, order: "asc" };
    const { since, until, order } = filters;
    const { kv } = approvals.countersign.services.deps;
    const query = { facets: facetsOf(filters), since, until, order, limit: 100, position: null };
    const read = await readActivity(kv, approvals.org.id, query);
    assert.deepEqual(
      entries.filter((entry) => fits(entry, filters)).map(({ index }) => index),
      read.entries.map(({ index }) => index),
    );
  }
});
