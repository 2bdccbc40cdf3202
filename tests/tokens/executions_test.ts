import assert from "node:assert/strict";
import { sweep } from "../../lib/server/due_worker.ts";
import { duePrefix, executionKey, logPrivatePrefix } from "../../lib/store/keys.ts";
import type { ExecutionRecord } from "../../lib/store/records/token.ts";
import { reportDue } from "../../lib/tokens/execution.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import {
  consume,
  entriesOf,
  isStored,
  minted,
  orgWithTransfer,
  TRANSFER,
  verify,
} from "../helpers/minted_tokens.ts";
import { assertProblem } from "../helpers/refused.ts";

const REPORT_WITHIN_MS = 3600_000;

function log(org: TestOrg, fields: object, key = org.standard): Promise<Got> {
  const body = { tool_name: "transfer", execution_result: "success", ...fields };
  return org.post("/v1/executions/log", body, key);
}

/** A token that was consumed just now. */
async function consumed(org: TestOrg): Promise<{ token: string; token_id: string }> {
  const made = await minted(org);
  assert.equal((await consume(org, made.token)).status, 200);
  return made;
}

async function executionsOf(org: TestOrg) {
  return (await entriesOf(org, "execution.logged")).map(({ id, actor, data }) => ({
    id,
    by: actor.type,
    result: data.execution_result,
    late: data.late,
  }));
}

async function countDue(countersign: Countersign): Promise<number> {
  let count = 0;
  for await (const _ of countersign.services.deps.kv.list({ prefix: duePrefix() })) count++;
  return count;
}

Deno.test("an execution is logged once, with its figures", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token, token_id } = await consumed(org);
  const output_digest = `sha256:${"ab".repeat(32)}`;
  const figures = { duration_ms: 12, cost_micros: 3, output_digest };
  const got = await log(org, { token, ...figures });
  assert.equal(got.status, 201, got.text);
  const { execution_id } = got.body;
  const [entry] = await entriesOf(org, "execution.logged");
  assert.deepEqual(got.body, {
    execution_id: entry?.id,
    token_id,
    attested: true,
    binding: "checked",
    late: false,
    audit: { index: entry?.index, leaf_hash: got.body.audit.leaf_hash },
  });
  assert.equal(entry?.subject.token, token_id);
  assert.equal(entry?.data.attested, true);
  for (const [name, value] of Object.entries(figures)) assert.equal(entry?.data[name], value);
  const key = executionKey(org.id, execution_id);
  const record = (await countersign.services.deps.kv.get(key)).value as ExecutionRecord;
  assert.equal(record.result, "success");
  assert.equal(await countDue(countersign), 0, "the deadline is called off");

  const again = await log(org, { token, execution_result: "failed" });
  assertProblem(again, 409, "already_logged");
  assert.equal(again.body.execution_id, execution_id);
});

Deno.test("100 reports of one run at once: one is logged", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token } = await consumed(org);
  const got = await Promise.all(Array.from({ length: 100 }, () => log(org, { token })));
  assert.equal(got.filter(({ status }) => status === 201).length, 1);
  assert.equal(got.filter(({ body }) => body.code === "already_logged").length, 99);
});

Deno.test("without a token the entry says that nothing attests the run", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  for (const token of [undefined, null]) {
    const got = await log(org, { token, ...TRANSFER });
    assert.equal(got.status, 201, got.text);
    assert.deepEqual([got.body.token_id, got.body.attested, got.body.binding], [null, false, null]);
  }
  const entries = await entriesOf(org, "execution.logged");
  assert.deepEqual(entries.map(({ data }) => data.attested), [false, false]);
  assert.equal("binding" in (entries[0]?.data ?? {}), false);
});

Deno.test("without a token the tenant wall stands", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const walled = await org.key("standard", { tenant_ids: ["acme"] });
  assertProblem(await log(org, { tenant_id: "other" }, walled), 403, "tenant_not_permitted");
  assert.equal((await log(org, {}, walled)).status, 201);
  assert.equal((await entriesOf(org, "execution.logged"))[0]?.subject.tenant, "acme");
});

Deno.test("a token that was not consumed is consumed by its report, unchecked", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token } = await minted(org);
  const got = await log(org, { token });
  assert.equal(got.status, 201, got.text);
  assert.equal(got.body.binding, "unchecked");
  const [entry] = await entriesOf(org, "execution.logged");
  assert.equal(entry?.data.binding, "unchecked");
  assert.equal((await entriesOf(org, "token.consumed"))[0]?.data.binding, "unchecked");
  const used = await consume(org, token);
  assertProblem(used, 409, "token_used");
  assert.equal(used.body.consumed_by_request, got.headers.get("x-request-id"));
  assertProblem(await log(org, { token }), 409, "already_logged");
  assert.equal(await countDue(countersign), 0);
});

Deno.test("a report whose action matches the token's is checked; a part of it is not enough", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const bindingOf = async (action: object, fields: object) => {
    const { token } = await minted(org, action);
    const got = await log(org, { token, ...fields });
    assert.equal(got.status, 201, got.text);
    return got.body.binding;
  };
  assert.equal(await bindingOf(TRANSFER, TRANSFER), "checked");
  assert.equal(await bindingOf(TRANSFER, { tenant_id: "acme" }), "unchecked");
  assert.equal(await bindingOf({ tool_name: "transfer" }, {}), "checked");
});

Deno.test("a report of another tool or action than the token's is refused, and uses nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const fresh = (await minted(org)).token;
  const { token: spent } = await consumed(org);
  for (const token of [fresh, spent]) {
    const tool = await log(org, { token, tool_name: "other" });
    assertProblem(tool, 409, "action_mismatch");
    assert.deepEqual(tool.body.differs, ["/tool_name"]);
    const args = { ...TRANSFER.arguments, amount: 11 };
    const action = await log(org, { token, arguments: args });
    assertProblem(action, 409, "action_mismatch");
    assert.deepEqual(action.body.differs, ["/arguments/amount"]);
  }
  const refused = await entriesOf(org, "token.refused");
  assert.ok(refused.every(({ data }) => data.attempt === "report"));
  assert.equal(refused.length, 4);
  assert.equal((await verify(org, fresh)).body.valid, true);
  assert.equal((await log(org, { token: spent })).status, 201);
});

Deno.test("a report under a token that is no good is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  assertProblem(await log(org, { token: "cs_run_x" }), 400, "token_invalid");
  const { token: revoked } = await minted(org);
  await org.tool("transfer", { status: "disabled" });
  assertProblem(await log(org, { token: revoked }), 403, "token_revoked");
  await org.tool("transfer");
  const { token: late } = await minted(org);
  const walled = await org.key("standard", { tenant_ids: ["other"] });
  assertProblem(await log(org, { token: late }, walled), 403, "tenant_not_permitted");
  countersign.clock.advance(300_000);
  assertProblem(await log(org, { token: late }), 410, "token_expired");
  assert.deepEqual(await executionsOf(org), []);
});

Deno.test("a spent token is reported long after its end, and though its tool was disabled", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token } = await consumed(org);
  await org.tool("transfer", { status: "archived" });
  countersign.clock.advance(REPORT_WITHIN_MS - 1);
  const got = await log(org, { token, execution_result: "failed" });
  assert.equal(got.status, 201, got.text);
  assert.equal(got.body.late, false);
});

Deno.test("a run that is never reported becomes unknown at its deadline, once", async () => {
  await using countersign = await Countersign.start();
  const { services, clock } = countersign;
  const org = await orgWithTransfer(countersign);
  const { token_id } = await consumed(org);
  const at = clock.now + REPORT_WITHIN_MS;
  const work = { kind: "report_due", at, org: org.id, id: token_id } as const;

  clock.advance(REPORT_WITHIN_MS - 1);
  await sweep(services, clock.now);
  await reportDue(services, work);
  assert.deepEqual(await executionsOf(org), [], "not before its time");
  assert.equal(await countDue(countersign), 1);

  clock.advance(1);
  await Promise.all([sweep(services, clock.now), reportDue(services, work)]);
  await reportDue(services, work);
  const [unknown, ...more] = await executionsOf(org);
  assert.deepEqual(unknown, { id: unknown?.id, by: "system", result: "unknown", late: false });
  assert.deepEqual(more, []);
  assert.equal(await countDue(countersign), 0);
});

Deno.test("one late report is accepted after unknown, and both stay", async () => {
  await using countersign = await Countersign.start();
  const { services, clock } = countersign;
  const org = await orgWithTransfer(countersign);
  const { token } = await consumed(org);
  clock.advance(REPORT_WITHIN_MS);
  await sweep(services, clock.now);
  const got = await log(org, { token });
  assert.equal(got.status, 201, got.text);
  assert.equal(got.body.late, true);
  const again = await log(org, { token });
  assertProblem(again, 409, "already_logged");
  assert.equal(again.body.execution_id, got.body.execution_id);
  const executions = await executionsOf(org);
  assert.deepEqual(executions.map(({ result, late }) => [result, late]), [
    ["unknown", false],
    ["success", true],
  ]);
});

Deno.test("a report after the deadline is late, though nothing noted the deadline", async () => {
  await using countersign = await Countersign.start();
  const { services, clock } = countersign;
  const org = await orgWithTransfer(countersign);
  const { token } = await consumed(org);
  clock.advance(REPORT_WITHIN_MS);
  const got = await log(org, { token });
  assert.equal(got.body.late, true, got.text);
  await sweep(services, clock.now);
  const executions = await executionsOf(org);
  assert.deepEqual(executions.map(({ by, result, late }) => [by, result, late]), [
    ["system", "unknown", false],
    ["api_key", "success", true],
  ]);
  assertProblem(await log(org, { token }), 409, "already_logged");
});

Deno.test("whoever reports unknown may report once more when it is known", async () => {
  await using countersign = await Countersign.start();
  const { services, clock } = countersign;
  const org = await orgWithTransfer(countersign);
  const { token } = await minted(org);
  assert.equal((await log(org, { token, execution_result: "unknown" })).body.late, false);
  clock.advance(REPORT_WITHIN_MS);
  await sweep(services, clock.now);
  const got = await log(org, { token, execution_result: "error" });
  assert.equal(got.body.late, true, got.text);
  assertProblem(await log(org, { token }), 409, "already_logged");
  assert.equal((await executionsOf(org)).length, 2);
});

Deno.test("the error's text is in the sealed private part alone", async () => {
  await using countersign = await Countersign.start();
  const { kv, sealer } = countersign.services.deps;
  const org = await orgWithTransfer(countersign);
  const { token } = await consumed(org);
  const error = "connection to db-7 refused";
  await log(org, { token, execution_result: "error", error });
  const [entry] = await entriesOf(org, "execution.logged");
  assert.match(String(entry?.data.error_digest), /^sha256:/);
  assert.equal(await isStored(org, "db-7"), false);
  let isKept = false;
  for await (const { key, value } of kv.list({ prefix: logPrivatePrefix(org.id) })) {
    const parts = sealer.openJson(key as string[], value as Uint8Array);
    isKept ||= JSON.stringify(parts).includes(error);
  }
  assert.equal(isKept, true);
});

Deno.test("figures outside their bounds are refused", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const wrong: Record<string, unknown[]> = {
    execution_result: ["ok", null, undefined],
    duration_ms: [-1, 0.5, "12", 1e15],
    cost_micros: [-1, 0.5],
    output_digest: ["", "abc", `sha256:${"AB".repeat(32)}`, `sha256:${"a".repeat(63)}`],
    error: ["", "x".repeat(4001)],
    tool_name: [undefined, "../x"],
    more: [1],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      assertProblem(await log(org, { [name]: value }), 422, "invalid_request");
    }
  }
  assert.equal(
    (await log(org, { duration_ms: 0, cost_micros: Number.MAX_SAFE_INTEGER })).status,
    201,
  );
});

Deno.test("logging is for standard keys and agents, and repeats by its idempotency key", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  for (const key of [org.management, org.approver]) {
    assertProblem(await log(org, {}, key), 403, "wrong_tier");
  }
  const { token } = await consumed(org);
  const body = { tool_name: "transfer", execution_result: "success", token };
  const agent = await org.agent();
  const headers = { "idempotency-key": "report-1" };
  const first = await org.post("/v1/executions/log", body, agent, headers);
  const second = await org.post("/v1/executions/log", body, agent, headers);
  assert.equal(first.status, 201);
  assert.deepEqual(second.body, first.body);
  assert.equal((await executionsOf(org)).length, 1);
});
