import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { verifyMandateLog } from "../../lib/verify/verify_mandate.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { grow, plainDraft, publishedKeys } from "../helpers/evidence.ts";
import { checked, granted, shop } from "../helpers/mandates.ts";
import { hashOf } from "../helpers/signed_log.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";

/** The log of one mandate: its entries with their proofs, and what a stranger sees in them. */

const NOWHERE = "mdt_01jd8x2v6nfy0s6g9q4t3hw7ke";

const TENANT = { tenant_id: "acme" };

const cost = (estimated_cost_micros: number, more: object = {}) => ({
  estimated_cost_micros,
  ...more,
});

const BOUGHT = {
  agent: "shop-assistant",
  scopes: [
    { tool: "refund", decision: "allow", budget: { limit_micros: 30, period: "day" } },
    { tool: "order", decision: "allow" },
  ],
};

async function spent(countersign: Countersign) {
  const org = await shop(await countersign.org(), BOUGHT);
  const id = await granted(org, {
    ...TENANT,
    scopes: ["refund"],
    budget: { limit_micros: 20, period: "total" },
  });
  const other = await granted(org, { user_id: "u2" });
  const kept = await checked(org, id, cost(4, TENANT));
  await checked(org, other, cost(4));
  const { token } = await checked(org, id, cost(5, { ...TENANT, mint: true }));
  await org.post("/v1/tokens/consume", { ...TENANT, token, tool_name: "refund" });
  // Enough that the entries lie on several pages of the log.
  await grow(org, Array.from({ length: 600 }, (_, i) => plainDraft(i)));
  const log = {
    ...TENANT,
    token,
    tool_name: "refund",
    execution_result: "success",
    cost_micros: 7,
  };
  await org.post("/v1/executions/log", log);
  const settled = { decision_id: kept.decision_id, actual_cost_micros: 1 };
  assert.equal((await org.post("/v1/budgets/settle", settled)).status, 200);
  return { org, id, other };
}

async function logOf(org: TestOrg, id: string, key = org.standard): Promise<string> {
  const got = await org.get(`/v1/mandates/${id}/log`, key);
  assert.equal(got.status, 200, got.text);
  assert.equal(got.headers.get("content-type"), "application/x-ndjson");
  return got.text;
}

async function verdictOn(org: TestOrg, text: string) {
  const { keys } = await publishedKeys(org);
  return await verifyMandateLog(ReadableStream.from([new TextEncoder().encode(text)]), keys);
}

Deno.test("the log of a mandate has its entries alone, proves that they are all, and what was spent", async () => {
  await using countersign = await Countersign.start();
  const { org, id } = await spent(countersign);
  for (const key of [org.standard, org.management]) {
    const text = await logOf(org, id, key);
    const [head, ...rest] = text.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(rest.at(-1), { end: { seq: 7 } });
    const entries = rest.slice(0, -1).map((line) => line.entry as JsonObject);
    assert.deepEqual(entries.map(({ type }) => type), [
      "mandate.granted",
      "permission.checked",
      "permission.checked",
      "token.minted",
      "token.consumed",
      "execution.logged",
      "budget.settled",
    ]);
    assert.equal(head.mandate, id);
    assert.equal(head.definition === null, key === org.standard);
    const verdict = await verdictOn(org, text);
    assert.ok(verdict.ok, JSON.stringify(verdict));
    const { seq, spending, standings } = verdict.report;
    const own = { scope: "mandate", limit: 20, period: "total", settled: 8, held: 0 };
    const scope = { scope: "scope:refund", limit: 30, period: "day", settled: 8, held: 0 };
    assert.deepEqual([seq, standings], [7, key === org.standard ? [own] : [own, scope]]);
    assert.deepEqual(
      spending,
      key === org.standard ? { checked: 2, unchecked: 2 } : { checked: 4, unchecked: 0 },
    );
  }
  const { budget } = (await org.get(`/v1/mandates/${id}`)).body;
  assert.deepEqual([budget.settled, budget.reserved], [8, 0]);
});

Deno.test("a key that may see what the log keeps private has it in the log of a mandate, and an entry says so", async () => {
  await using countersign = await Countersign.start();
  const { org, id } = await spent(countersign);
  const auditor = await org.key("standard", { audit_private: true });
  const text = await logOf(org, id, auditor);
  assert.match(text, /"user_id":\{"salt":"[0-9a-f]{32}","value":"u1"\}/);
  assert.equal((await verdictOn(org, text)).ok, true);
  assert.equal((await entriesOf(org, "audit.private_read")).length, 1);
  const walled = await org.key("standard", { audit_private: true, tenant_ids: ["acme"] });
  assert.doesNotMatch(await logOf(org, id, walled), /"salt"/);
  assert.doesNotMatch(await logOf(org, id), /"salt"/);
});

Deno.test("the log of a mandate with scopes of its own shows their limits by its grant's private part alone", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const [scope] = BOUGHT.scopes;
  const terms = { bundle: undefined, agent: "shop-assistant", scopes: [scope] };
  const id = await granted(org, terms);
  await checked(org, id, cost(4));
  const auditor = await org.key("standard", { audit_private: true });
  for (const [key, count] of [[org.management, 0], [auditor, 1]] as const) {
    const verdict = await verdictOn(org, await logOf(org, id, key));
    assert.ok(verdict.ok, JSON.stringify(verdict));
    assert.equal(verdict.report.spending.checked, count);
  }
});

Deno.test("who may not know of a mandate gets no log of it, as of one that there is not", async () => {
  await using countersign = await Countersign.start();
  const { org, id, other } = await spent(countersign);
  const stranger = await countersign.org();
  const walled = await org.key("standard", { tenant_ids: ["acme"] });
  assert.equal((await org.get(`/v1/mandates/${id}/log`, walled)).status, 200);
  const refused = [
    await org.get(`/v1/mandates/${other}/log`, walled),
    await stranger.get(`/v1/mandates/${id}/log`),
    await org.get(`/v1/mandates/${NOWHERE}/log`),
  ];
  for (const got of refused) {
    assert.deepEqual([got.status, got.body.code], [404, "mandate_not_found"]);
  }
});

/** How the file is changed by whoever does not hold the log's key, or leaves something out. */
const CHANGES: readonly (readonly [string, string, (lines: string[]) => string[]])[] = [
  ["an entry that is dropped", "mandate_gap", (lines) => lines.toSpliced(3, 1)],
  ["the first entry that is dropped", "mandate_gap", (lines) => lines.toSpliced(1, 1)],
  ["the last entry that is dropped", "mandate_cut_off", (lines) => lines.toSpliced(-2, 1)],
  ["an end that is cut off", "mandate_cut_off", (lines) => lines.slice(0, -1)],
  ["an end that says less", "mandate_cut_off", (lines) => [
    ...lines.slice(0, -2),
    JSON.stringify({ end: { seq: 5 } }),
  ]],
  ["entries in another order", "mandate_gap", (lines) => {
    const [a = "", b = ""] = lines.splice(2, 2);
    return lines.toSpliced(2, 0, b, a);
  }],
  [
    "an amount that is changed",
    "leaf_hash_mismatch",
    (lines) => lines.map((line) => line.replace('"micros":5', '"micros":1')),
  ],
  [
    "an amount that is changed with its hash",
    "receipt_not_included",
    (lines) =>
      lines.map((line) => {
        if (!line.includes('"micros":5')) return line;
        const changed = JSON.parse(line.replaceAll('"micros":5', '"micros":1'));
        return JSON.stringify({ ...changed, leaf_hash: hashOf(changed.entry) });
      }),
  ],
  ["a settlement that was made up", "receipt_not_included", (lines) => {
    const settled = JSON.parse(lines.at(-2) ?? "");
    const data = { ...settled.entry.data, mandate_seq: 8, actual_cost_micros: 0 };
    const index = settled.index + 1;
    const entry = { ...settled.entry, index, data };
    const forged = { ...settled, index, entry, leaf_hash: hashOf(entry) };
    return [
      ...lines.slice(0, -1),
      JSON.stringify(forged),
      JSON.stringify({ end: { seq: 8 } }),
    ];
  }],
  ["scopes that were not granted", "definition_mismatch", (lines) => [
    (lines[0] ?? "").replace('"limit_micros":30', '"limit_micros":3000'),
    ...lines.slice(1),
  ]],
  ["a first line that says more", "mandate_log_malformed", (lines) => [
    (lines[0] ?? "").replace("{", '{"more":1,'),
    ...lines.slice(1),
  ]],
  ["no line at all", "mandate_log_malformed", () => []],
];

Deno.test("what is changed in the log of a mandate is found and named", async () => {
  await using countersign = await Countersign.start();
  const { org, id } = await spent(countersign);
  const text = await logOf(org, id, org.management);
  for (const [what, code, change] of CHANGES) {
    const changed = change(text.trimEnd().split("\n")).map((line) => `${line}\n`).join("");
    const verdict = await verdictOn(org, changed);
    assert.equal(verdict.ok ? "nothing" : verdict.finding.code, code, what);
  }
  const stranger = await countersign.org();
  const verdict = await verdictOn(stranger, text);
  assert.equal(verdict.ok ? "nothing" : verdict.finding.code, "origin_mismatch");
});

Deno.test("verify --mandate takes the log of a mandate, and with an export its id", async () => {
  await using countersign = await Countersign.start();
  const { org, id } = await spent(countersign);
  const folder = await Deno.makeTempDir();
  try {
    const write = async (name: string, text: string) => {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      return `${folder}/${name}`;
    };
    const keys = await write("keys.json", (await publishedKeys(org)).text);
    const log = await logOf(org, id, org.management);
    const file = await write("mandate.ndjson", log);
    const cut = await write("cut.ndjson", log.split("\n").toSpliced(3, 1).join("\n"));
    const note = await write("checkpoint", (await org.get("/v1/audit/checkpoint")).text);
    const whole = await write("log.ndjson", (await org.get("/v1/audit/export")).text);
    const runs: [string[], number, RegExp][] = [
      [["--mandate", file, "--keys", keys], 0, /mandate: 8 spent and 0 held of 20 \(total\)/],
      [["--mandate", cut, "--keys", keys], 1, /^WRONG at entry \d+, after entry \d+ \(mandate_gap/],
      [
        [whole, "--checkpoint", note, "--mandate", id, "--keys", keys],
        0,
        new RegExp(`${id}: 7 entries, numbered without a gap\n.*mandate: 8 spent and 0 held of 20`),
      ],
      [
        [whole, "--checkpoint", note, "--mandate", NOWHERE, "--keys", keys],
        1,
        /^WRONG \(mandate_unknown/,
      ],
      [["--mandate", file, "--receipt", file, "--keys", keys], 2, /^$/],
    ];
    for (const [args, code, said] of runs) {
      const command = new Deno.Command(Deno.execPath(), {
        args: ["run", "--allow-read", "--no-prompt", "verify.ts", ...args],
        stderr: "null",
      });
      const done = await command.output();
      const text = new TextDecoder().decode(done.stdout);
      assert.equal(done.code, code, text);
      assert.match(text, said);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
