import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { CALL_ENDS, kindOf, type OutcomeKind } from "../../lib/calls/call_state.ts";
import type { CallOutcome } from "../../lib/upstreams/port.ts";
import { notSent, resultOf } from "../helpers/scripted_upstreams.ts";
import { CallOrg, WIPE } from "../helpers/call_org.ts";

/** One row: what the upstream did, and all that follows. */
interface Row {
  readonly outcome: CallOutcome;
  /** The status and the code that are answered. */
  readonly told: string;
  readonly call: string;
  /** What the log says of the run, or that the token was given back. */
  readonly logged: string;
  readonly approval: "approved again" | "used";
  readonly key: "taken" | "free";
  /** How often it was sent by us. */
  readonly sent: number;
  readonly members?: JsonObject;
}

const unknown = (why: "timed_out" | "cut" | "malformed" | "status" | "stopped"): CallOutcome => ({
  is: "unknown",
  why,
  says: "No whole answer came.",
});

const NOT_SENT = { logged: "returned", approval: "approved again", key: "free" } as const;

const RAN = { approval: "used", key: "taken", sent: 1 } as const;

const UNKNOWN = {
  ...RAN,
  told: "504 outcome_unknown",
  call: "unknown",
  logged: "unknown",
} as const;

/** The failure table: every outcome that a port can name, and what it comes to. */
const ROWS: readonly Row[] = [
  { ...RAN, outcome: resultOf([]), told: "200 undefined", call: "completed", logged: "success" },
  {
    ...RAN,
    outcome: resultOf([], true),
    told: "200 undefined",
    call: "completed",
    logged: "failed",
  },
  {
    ...RAN,
    outcome: { is: "too_large", max_bytes: 1024, bytes: 5000 },
    told: "502 result_too_large",
    call: "completed",
    logged: "success",
    members: { max_bytes: 1024, bytes: 5000 },
  },
  {
    ...RAN,
    outcome: { is: "asks", asked: ["elicitation/create"] },
    told: "409 upstream_asks",
    call: "completed",
    logged: "failed",
    members: { asked: ["elicitation/create"] },
  },
  {
    ...RAN,
    outcome: { is: "failed", status: 400, code: -32600, says: "No." },
    told: "502 upstream_failed",
    call: "completed",
    logged: "failed",
    members: { http_status: 400, rpc_code: -32600 },
  },
  {
    ...NOT_SENT,
    outcome: notSent("unreachable"),
    told: "502 upstream_unreachable",
    call: "returned",
    sent: 2,
  },
  {
    ...NOT_SENT,
    outcome: notSent("session_lost"),
    told: "502 upstream_unreachable",
    call: "returned",
    sent: 1,
  },
  {
    ...NOT_SENT,
    outcome: notSent("unauthorized"),
    told: "409 credential_missing",
    call: "returned",
    sent: 1,
  },
  {
    ...NOT_SENT,
    outcome: notSent("needs_reconnect"),
    told: "409 credential_needs_reconnect",
    call: "returned",
    sent: 1,
  },
  { ...NOT_SENT, outcome: notSent("busy"), told: "503 upstream_busy", call: "returned", sent: 1 },
  {
    ...NOT_SENT,
    outcome: notSent("stopped"),
    told: "503 upstream_busy",
    call: "returned",
    sent: 1,
  },
  { ...UNKNOWN, outcome: unknown("timed_out") },
  { ...UNKNOWN, outcome: unknown("cut") },
  { ...UNKNOWN, outcome: unknown("malformed") },
  { ...UNKNOWN, outcome: unknown("status") },
  { ...UNKNOWN, outcome: unknown("stopped") },
];

Deno.test("the failure table has a row for every outcome", () => {
  const kinds = new Set(ROWS.map(({ outcome }) => kindOf(outcome)));
  assert.deepEqual([...kinds].sort(), (Object.keys(CALL_ENDS) as OutcomeKind[]).sort());
});

Deno.test("what may have run is never sent again, and keeps its permission and its key used", () => {
  for (const [kind, end] of Object.entries(CALL_ENDS)) {
    const ran = end.execution !== null;
    assert.equal(end.status === "returned", !ran, kind);
    assert.equal(end.permission === "ready", !ran, kind);
    assert.equal(end.key === "free", !ran, kind);
    assert.ok(!(ran && end.again), kind);
  }
});

for (const row of ROWS) {
  const { outcome, told, call, logged, approval, key, sent, members = {} } = row;
  const why = "why" in outcome ? ` (${outcome.why})` : "";
  Deno.test(`G15: the outcome ${kindOf(outcome)}${why} is ${told} and ${logged}`, async () => {
    await using it = await CallOrg.start();
    const waiting = await it.call(WIPE, { call_key: "k" });
    await it.yes(waiting);
    it.upstreams.answer = () => outcome;
    const got = await it.call(WIPE, { call_key: "k" });
    assert.equal(`${got.status} ${got.body.code}`, told, got.text);
    assert.equal(got.body.call_id, waiting.body.call_id);
    for (const [name, value] of Object.entries(members)) assert.deepEqual(got.body[name], value);
    assert.equal(it.sent, sent);
    assert.equal((await it.read(got.body.call_id)).body.status, call);
    const entries = (await it.log()).map(({ entry }) => entry);
    const ends = entries.flatMap(({ type, data }) =>
      type === "token.returned"
        ? ["returned"]
        : type === "execution.logged"
        ? [data.execution_result]
        : []
    );
    assert.deepEqual(ends, [logged]);
    // The key answers with this call, or is free for the next, which runs by the same approval.
    it.upstreams.answer = () => resultOf([]);
    const again = await it.call(WIPE, { call_key: "k" });
    assert.equal(it.sent, key === "free" ? sent + 1 : sent);
    if (key === "free") assert.equal(again.status, 200, again.text);
    else assert.equal(`${again.status} ${again.body.code}`, told);
    const other = await it.call(WIPE, { call_key: "other" });
    assert.equal(other.status, 202, `${approval}: ${other.text}`);
    await it.log();
  });
}
