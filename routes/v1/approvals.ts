import type { z } from "zod";
import { scrubbedAsk } from "../../lib/approvals/ask.ts";
import type { Asked } from "../../lib/approvals/asking.ts";
import { decideApproval } from "../../lib/approvals/decide.ts";
import { cancelApproval, revokeApproval } from "../../lib/approvals/end.ts";
import { holdUntil } from "../../lib/approvals/hold.ts";
import { readApproval, readingsToNote } from "../../lib/approvals/key_reading.ts";
import { listApprovals, NO_FILTER } from "../../lib/approvals/list.ts";
import type { SeenApproval } from "../../lib/approvals/seen.ts";
import { statusOf } from "../../lib/approvals/state.ts";
import { requestApproval } from "../../lib/authorize/request.ts";
import { tenantWithin } from "../../lib/identity/caller.ts";
import { approvalTopic } from "../../lib/ledger/commit.ts";
import { reviewApproval } from "../../lib/sheet/review.ts";
import { actionOf, namingOf } from "../fields/action.ts";
import {
  afterId,
  approvalAnswer,
  decideBody,
  idParams,
  listQuery,
  nonceAnswer,
  renderApproval,
  renderNonce,
  renderReview,
  requestBody,
  waitQuery,
} from "../fields/approval.ts";
import { decodeCursor, encodeCursor, pageAnswer } from "../fields/paging.ts";
import type { Answer, Call } from "../http/call.ts";
import { guarded, type Route } from "../http/route.ts";

const GROUP = "Approvals";

type RequestCall = Call<undefined, undefined, z.output<typeof requestBody>>;

/** A request, and what its user is asked with. */
const requestAnswer = approvalAnswer.extend(nonceAnswer);

function requestRoute(path: string, summary: string): Route {
  return guarded({
    method: "post",
    path,
    group: GROUP,
    summary,
    description: "Answers 200 with the pending request where this requester has one for the " +
      "action already: what is said anew is added to it.",
    callers: ["standard", "agent"],
    body: requestBody,
    answers: { 200: requestAnswer, 201: requestAnswer },
    refusals: [
      "tenant_not_permitted",
      "approval_not_required",
      "tool_disabled",
      "guard_blocked",
      "invalid_arguments",
      "recently_denied",
      "no_second_level",
      "tool_not_registered",
      "too_many_pending",
      "estimate_required",
    ],
    handle: (call: RequestCall) => {
      const { body } = call;
      const ask = scrubbedAsk({
        reason: body.reason,
        context: body.context ?? null,
        reference_id: body.reference_id ?? null,
        timeout_seconds: body.timeout_seconds ?? null,
      });
      return call.commit(
        requestApproval(actionOf(body), ask, call.client, namingOf(body)),
        (asked: Asked) => ({
          status: asked.joined ? 200 : 201,
          body: {
            ...renderApproval(asked.approval, call.services.settings),
            ...renderNonce(asked, call.services.settings),
          },
        }),
      );
    },
  });
}

async function answerOne(
  call: Call<z.output<typeof idParams>, z.output<typeof waitQuery>, undefined>,
): Promise<Answer> {
  const { services, org, query } = call;
  const look = () => call.transact(readApproval(call.params.id, call.client));
  const isDecided = ({ record }: SeenApproval) => statusOf(record.progress) !== "pending";
  let approval = await look();
  if (query.wait > 0 && !isDecided(approval)) {
    approval = await holdUntil(
      services,
      {
        credential: call.caller.id,
        topic: approvalTopic(org, approval.record.id),
        seconds: query.wait,
        gone: call.request.signal,
      },
      look,
      isDecided,
    );
  }
  const body = renderApproval(approval, services.settings);
  const review = call.caller.tier === "approver"
    ? await reviewApproval(services, org, approval)
    : null;
  if (review !== null) body.review = renderReview(review);
  return { status: 200, body };
}

async function answerList(
  call: Call<undefined, z.output<typeof listQuery>, undefined>,
): Promise<Answer> {
  const { services, query } = call;
  const { status = null, tool_name = null, tenant_id = null, since = null, until = null } = query;
  const { snapshot, caller } = await call.transact({
    plan(transaction, caller) {
      if (tenant_id !== null) tenantWithin(caller, tenant_id);
      return { snapshot: transaction.snapshot, caller };
    },
  });
  const { items, next } = await listApprovals(services, caller, snapshot, {
    filter: { ...NO_FILTER, status, tool: tool_name, tenant: tenant_id, since, until },
    limit: query.limit,
    after: query.cursor === undefined ? null : decodeCursor(query.cursor, afterId)[0],
  });
  const readings = await readingsToNote(services.deps.kv, call.org, caller, items, call.client);
  await Promise.all(readings.map((reading) => call.transact(reading)));
  const data = items.map((approval) => renderApproval(approval, services.settings));
  return { status: 200, body: { data, next_cursor: next === null ? null : encodeCursor([next]) } };
}

const answered = (call: Pick<Call<unknown, unknown, unknown>, "services">) =>
(
  approval: SeenApproval,
): Answer => ({ status: 200, body: renderApproval(approval, call.services.settings) });

export const approvalRoutes: readonly Route[] = [
  requestRoute("/v1/approvals", "Ask a human to approve one action"),
  requestRoute("/v1/approvals/request", "The same as `POST /v1/approvals`"),
  guarded({
    method: "get",
    path: "/v1/approvals",
    group: GROUP,
    summary: "List requests, the newest first",
    description: "Agents see their own. A page can be short where few of many match; " +
      "`next_cursor` says whether there is more.",
    callers: ["standard", "agent", "approver"],
    query: listQuery,
    answers: { 200: pageAnswer(approvalAnswer) },
    refusals: ["tenant_not_permitted"],
    handle: answerList,
  }),
  guarded({
    method: "get",
    path: "/v1/approvals/:id",
    group: GROUP,
    summary: "Read one request, or wait for its outcome",
    callers: ["standard", "agent", "sub_token", "approver"],
    params: idParams,
    query: waitQuery,
    answers: { 200: approvalAnswer },
    refusals: ["not_found", "too_many_pending"],
    handle: answerOne,
  }),
  guarded({
    method: "post",
    path: "/v1/approvals/:id/cancel",
    group: GROUP,
    summary: "Withdraw a pending request",
    callers: ["standard", "agent", "sub_token"],
    params: idParams,
    answers: { 200: approvalAnswer },
    refusals: ["not_found", "not_the_requester", "approval_not_pending"],
    handle: (call) => call.commit(cancelApproval(call.params.id, call.client), answered(call)),
  }),
  guarded({
    method: "post",
    path: "/v1/approvals/:id/revoke",
    group: GROUP,
    summary: "Take an approval back that has not been used",
    description: "A token that was minted from it and not consumed becomes void.",
    callers: ["standard", "agent"],
    params: idParams,
    answers: { 200: approvalAnswer },
    refusals: ["not_found", "not_the_requester", "approval_not_approved", "approval_used"],
    handle: (call) => call.commit(revokeApproval(call.params.id, call.client), answered(call)),
  }),
  guarded({
    method: "post",
    path: "/v1/approvals/:id/decide",
    group: GROUP,
    summary: "Decide a request for a member",
    description: "For teams that route approvals through their own system: never what two people " +
      "approve, and only for a member who could decide by themselves now. The entry says that this " +
      "key asserted it.",
    callers: ["approver"],
    params: idParams,
    body: decideBody,
    answers: { 200: approvalAnswer },
    refusals: [
      "not_found",
      "approval_not_pending",
      "self_approval",
      "not_an_approver",
      "already_decided_level",
      "passkey_required",
      "recovery_held",
      "tool_disabled",
    ],
    handle: (call) => {
      const { decision, decided_by, note } = call.body;
      const asserted = { decision, decided_by, note: note ?? null };
      return call.commit(decideApproval(call.params.id, asserted, call.client), answered(call));
    },
  }),
];
