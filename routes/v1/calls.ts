import { z } from "zod";
import { holdUntil } from "../../lib/approvals/hold.ts";
import { statusOf } from "../../lib/approvals/state.ts";
import { isId } from "../../lib/base/id.ts";
import { callTopic, keyHash } from "../../lib/calls/call_record.ts";
import { readKeptResult } from "../../lib/calls/kept_result.ts";
import { readCall, type SeenCall } from "../../lib/calls/read_call.ts";
import { runCall, wireResult } from "../../lib/calls/run_call.ts";
import { approvalTopic } from "../../lib/ledger/commit.ts";
import { invalidRequest, Refusal } from "../../lib/refusal.ts";
import type { CallRecord } from "../../lib/store/records/call.ts";
import { actionOf, namingOf } from "../fields/action.ts";
import { waitQuery } from "../fields/approval.ts";
import { callAnswer, callBody, refusalOfCall, renderCall, withResult } from "../fields/call.ts";
import type { Answer, Call } from "../http/call.ts";
import { guarded, type Route } from "../http/route.ts";

const group = "Gateway";

type AnyCall = Call<unknown, unknown, unknown>;

/** The key of a call: `call_key`, or the header, which on this route are the same thing. */
function keyOf({ body, repetition }: Call<undefined, undefined, z.output<typeof callBody>>) {
  const ofBody = body.call_key ?? null;
  const ofHeader = repetition?.key ?? null;
  if (ofBody !== null && ofHeader !== null && ofBody !== ofHeader) {
    throw invalidRequest("/call_key", "is another key than that of the header Idempotency-Key");
  }
  const key = ofBody ?? ofHeader;
  return key === null ? null : keyHash(key);
}

/** An answer with a result, in the bytes that the upstream sent. */
function completed(
  call: AnyCall,
  record: CallRecord,
  result: readonly Uint8Array<ArrayBuffer>[],
): Response {
  const { services, caller } = call;
  const rendered = renderCall(record, { approval: null, settings: services.settings });
  const body = services.answers.givenBytes(caller.id, withResult(rendered, result));
  return new Response(body, {
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}

/** What a call that ended earlier is answered to whoever asks for it. */
async function earlier(call: AnyCall, seen: SeenCall): Promise<Answer | Response> {
  const { services, org } = call;
  const { call: record, status, approval, own } = seen;
  const body = renderCall(record, { status, approval, settings: services.settings });
  if (record.status !== "completed" || record.refusal !== null) return { status: 200, body };
  const { result, withheld } = record;
  if (withheld !== undefined) return { status: 200, body };
  const kept = result === null || !own
    ? null
    : await readKeptResult(services, org, record.id, result);
  if (kept !== null) return completed(call, record, [kept]);
  return { status: 200, body: { ...body, result_gone: true } };
}

/** Holds until a call has ended, or can go on, or the seconds are over. */
async function held(call: AnyCall, id: string, seconds: number): Promise<SeenCall> {
  const { services, org, caller, request } = call;
  const look = () => call.transact(readCall(id));
  const seen = await look();
  const isFinal = ({ status, approval }: SeenCall) =>
    status !== "running" &&
    !(status === "pending" && approval !== null &&
      statusOf(approval.record.progress) === "pending");
  if (seconds === 0 || isFinal(seen)) return seen;
  const topic = seen.approval === null
    ? callTopic(org, id)
    : approvalTopic(org, seen.approval.record.id);
  const wait = { credential: caller.id, topic, seconds, gone: request.signal };
  return await holdUntil(services, wait, look, isFinal);
}

/** The process that sent it ended before it could say what came of it. */
function endedUnknown(record: CallRecord): Refusal<"outcome_unknown"> {
  return new Refusal("outcome_unknown", {
    upstream: record.upstream,
    call_id: record.id,
    token_id: "token_id" in record ? record.token_id : null,
    execution_id: null,
    says: "Nothing was written down of it before the time for that was over.",
  });
}

async function post(
  call: Call<undefined, undefined, z.output<typeof callBody>>,
): Promise<Answer | Response> {
  const { services, org, caller, client, request, body } = call;
  const answer = await runCall(
    {
      services,
      org,
      credential: caller.id,
      client,
      gone: request.signal,
      transact: (operation) => call.transact(operation),
    },
    {
      ...namingOf(body),
      action: actionOf(body),
      reason: body.reason ?? null,
      key_hash: keyOf(call),
      goes_on: null,
    },
    body.wait,
  );
  const { settings } = services;
  switch (answer.is) {
    case "completed":
      return answer.result === null
        ? { status: 200, body: renderCall(answer.call, { approval: null, settings }) }
        : completed(call, answer.call, wireResult(answer.result));
    case "pending":
      return {
        status: 202,
        body: renderCall(answer.call, { approval: answer.approval, settings }),
      };
    case "known": {
      const seen = await held(call, answer.call.id, body.wait);
      const { call: record, status } = seen;
      // What was told then is told again, and nothing is sent.
      if ("refusal" in record && record.refusal !== null) throw refusalOfCall(record.refusal);
      if (status === "unknown") throw endedUnknown(record);
      if (status !== "running") return await earlier(call, seen);
      return { status: 202, body: renderCall(record, { status, approval: null, settings }) };
    }
  }
}

export const callRoutes: readonly Route[] = [
  guarded({
    method: "post",
    path: "/v1/calls",
    group,
    summary: "Run a tool of an upstream",
    description: "Decides, uses the permission up, calls the upstream once and answers with its " +
      "result. Where people have to approve it, the answer is 202; the same action, or the same " +
      "`call_key`, goes on with it then. The key answers with its call from the first commit on: " +
      "it is never sent again, but where nothing was sent (`upstream_unreachable`, " +
      "`upstream_busy`, `credential_missing`). A result is kept for ten minutes.",
    callers: ["standard", "agent", "sub_token"],
    body: callBody,
    answers: { 200: callAnswer, 202: callAnswer },
    refusals: [
      "tenant_not_permitted",
      "invalid_arguments",
      "tool_disabled",
      "guard_blocked",
      "tool_not_registered",
      "not_of_an_upstream",
      "recently_denied",
      "no_second_level",
      "approval_not_approved",
      "upstream_paused",
      "credential_missing",
      "credential_not_for_origin",
      "credential_needs_reconnect",
      "upstream_asks",
      "too_many_pending",
      "estimate_required",
      "too_many_running",
      "upstream_unreachable",
      "upstream_failed",
      "result_too_large",
      "upstream_busy",
      "outcome_unknown",
    ],
    handle: post,
  }),
  guarded({
    method: "get",
    path: "/v1/calls/:id",
    group,
    summary: "Read a call, or wait for it",
    description: "For who made it, and for management keys, which see no result.",
    callers: ["standard", "agent", "sub_token", "management"],
    params: z.object({
      id: z.string().refine((id) => isId(id, "cal"), "must be the id of a call"),
    }),
    query: waitQuery,
    answers: { 200: callAnswer },
    refusals: ["not_found", "too_many_pending"],
    handle: async (call) => await earlier(call, await held(call, call.params.id, call.query.wait)),
  }),
];
