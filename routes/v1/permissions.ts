import { z } from "zod";
import { scrubbedAsk } from "../../lib/approvals/ask.ts";
import type { Asked } from "../../lib/approvals/asking.ts";
import { lookAtApproval } from "../../lib/approvals/end.ts";
import { holdUntil } from "../../lib/approvals/hold.ts";
import { askNameOf, type SeenApproval } from "../../lib/approvals/seen.ts";
import { statusOf } from "../../lib/approvals/state.ts";
import {
  adviseBatchOperation,
  type Advised,
  type AskedBefore,
  type Authorized,
  authorizeOperation,
  type AuthorizeRequest,
  loadAskedBefore,
} from "../../lib/authorize/authorize.ts";
import { mintOperation } from "../../lib/authorize/mint.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import type { CheckRequest } from "../../lib/decisions/decide.ts";
import { allowedUnder } from "../../lib/decisions/under_mandate.ts";
import type { MachineOperation } from "../../lib/identity/acting.ts";
import { approvalTopic } from "../../lib/ledger/commit.ts";
import { type AnyRefusal, invalidRequest, Refusal } from "../../lib/refusal.ts";
import { TOKEN_TTL } from "../../lib/tokens/mint.ts";
import {
  actionFields,
  actionOf,
  mandateFields,
  namingOf,
  reasonField,
  referenceField,
  sessionField,
} from "../fields/action.ts";
import {
  approvalAnswer,
  askFields,
  confirmationAnswer,
  nonceAnswer,
  renderApproval,
  renderNonce,
} from "../fields/approval.ts";
import { checkAnswer, nextAfter, renderChecked } from "../fields/check.ts";
import { mintAnswer, renderMinted } from "../fields/token.ts";
import type { Answer, Call } from "../http/call.ts";
import { problemOf } from "../http/problem_document.ts";
import { guarded, type Route } from "../http/route.ts";

const verdictFields = {
  ...actionFields,
  ...mandateFields,
  reason: reasonField.nullish(),
  reference_id: referenceField.nullish(),
  session_id: sessionField.nullish(),
  explain: z.boolean().default(false).describe("Whether to answer with the trace"),
};

const checkBody = z.strictObject({
  ...verdictFields,
  ...askFields,
  mint: z.boolean().default(false).describe("Whether to mint the token when it is allowed"),
  request: z.boolean().default(false).describe("Whether to ask when an approval is required"),
  wait: z.int().min(0).max(60).default(0)
    .describe(
      "Seconds to hold for the decision and then mint; with `mint` and `request`. Better 50 at " +
        "most: many proxies give up after 60",
    ),
});

const batchBody = z.strictObject({
  checks: z.array(z.strictObject(verdictFields)).min(1).max(100),
});

const authorizedAnswer = checkAnswer.extend({
  token: mintAnswer.shape.token.optional(),
  token_id: z.string().optional(),
  expires_at: z.iso.datetime().optional(),
  approval: approvalAnswer.optional(),
  confirmation: confirmationAnswer.optional()
    .describe("The question to the user of the mandate, where they are asked"),
  ...nonceAnswer,
});

const batchAnswer = z.object({
  results: z.array(z.union([checkAnswer, z.object({ error: z.record(z.string(), z.unknown()) })])),
});

/** How much longer than its wait a held check may take before a repetition runs anew. */
const HOLD_SLACK_MS = 30_000;

type CheckCall = Call<undefined, undefined, z.output<typeof checkBody>>;

function checkRequest(body: z.output<z.ZodObject<typeof verdictFields>>): CheckRequest {
  return {
    ...namingOf(body),
    action: actionOf(body),
    reason: body.reason ?? null,
    reference_id: body.reference_id ?? null,
    session_id: body.session_id ?? null,
    explain: body.explain,
  };
}

function authorizeRequest(body: z.output<typeof checkBody>): AuthorizeRequest {
  const request = checkRequest(body);
  if (!body.request) return { ...request, mint: body.mint, ask: null };
  if (request.reason === null) {
    throw invalidRequest("/reason", "is required with request: an approver reads it");
  }
  const ask = scrubbedAsk({
    reason: request.reason,
    context: body.context ?? null,
    reference_id: request.reference_id,
    timeout_seconds: body.timeout_seconds ?? null,
  });
  return { ...request, mint: body.mint, ask };
}

/** Decides, and mints or asks in the same commit; where it is to be held, waits and then mints. */
async function check(call: CheckCall): Promise<Answer> {
  const { body, client } = call;
  const waits = body.wait > 0 && body.mint && body.request;
  let held: SeenApproval | null = null;
  const first = await call.commit(authorizeOperation(authorizeRequest(body), client), (result) => {
    held = waits && result.token === null ? result.asked?.approval ?? null : null;
    const answer = answerOf(call, result);
    return held === null ? answer : { ...answer, unfinished_ms: body.wait * 1000 + HOLD_SLACK_MS };
  });
  return held === null ? first : await hold(call, first.body as JsonObject, held);
}

/** Waits for the decision of a request, and mints when it was approved. */
async function hold(
  call: CheckCall,
  checked: JsonObject,
  { record: { id } }: SeenApproval,
): Promise<Answer> {
  const { services, org, body, client } = call;
  const look = () => call.transact(lookAtApproval(id));
  const approval = await holdUntil(
    services,
    {
      credential: call.caller.id,
      topic: approvalTopic(org, id),
      seconds: body.wait,
      gone: call.request.signal,
    },
    look,
    ({ record }) => statusOf(record.progress) !== "pending",
  );
  const render = (before: AskedBefore | null): JsonObject => ({
    ...checked,
    next: nextAfter("requires_approval", before),
    approval: renderApproval(approval, services.settings),
  });
  if (approval.record.progress.state !== "approved") {
    const final: MachineOperation<AskedBefore | null, AskedBefore | null> = {
      load: (reader, caller) =>
        loadAskedBefore(
          reader,
          caller,
          askNameOf(approval.record),
          body.estimated_cost_micros ?? null,
        ),
      plan: (_transaction, _caller, before) => before,
    };
    const rendered = (before: AskedBefore | null) => ({ status: 200, body: render(before) });
    return await call.commit(final, rendered, { finishes: true });
  }
  const minting = mintOperation(
    {
      ...namingOf(body),
      action: actionOf(body),
      approval_id: id,
      ttl_seconds: TOKEN_TTL.default,
      goes_on: true,
    },
    client,
  );
  return await call.commit(minting, (minted) => ({
    status: 200,
    body: { ...render(null), ...tokenOf(renderMinted(minted)) },
    granted: { token_id: minted.record.id },
  }), { finishes: true });
}

function answerOf(call: CheckCall, authorized: Authorized): Answer {
  const { settings } = call.services;
  const { token, asked } = authorized;
  const body = {
    ...renderChecked(authorized),
    ...(token === null ? {} : tokenOf(renderMinted(token))),
    ...(asked === null ? {} : askedBody(asked, settings)),
  };
  if (token !== null) return { status: 200, body, granted: { token_id: token.record.id } };
  return { status: 200, body, ...grantOf([authorized]) };
}

/** What a check says of the request that came of it, and of the question to the user in that. */
function askedBody(asked: Asked, settings: CheckCall["services"]["settings"]): JsonObject {
  const approval = renderApproval(asked.approval, settings);
  const { confirmation } = approval;
  return {
    approval,
    ...(confirmation === undefined ? {} : { confirmation }),
    ...renderNonce(asked, settings),
  };
}

/** What a check says of the token it minted; the rest the decision says already. */
function tokenOf({ token, token_id, expires_at }: JsonObject): JsonObject {
  return { token: token ?? null, token_id: token_id ?? null, expires_at: expires_at ?? null };
}

/** An `allowed` is repeated only while the policy, and what mandates rest on, allow it still. */
function grantOf(advised: readonly (Advised | AnyRefusal)[]): Pick<Answer, "granted"> {
  const allowed = advised.flatMap((one) =>
    !(one instanceof Refusal) && one.checked.decision.resolution.permission === "allowed"
      ? [one.checked.decision]
      : []
  );
  if (allowed.length === 0) return {};
  const isUnderAny = allowed.some(({ mandate }) => mandate !== null);
  return { granted: { token_id: null, under: isUnderAny ? allowedUnder(allowed) : [] } };
}

export const checkRoutes: readonly Route[] = [
  guarded({
    method: "post",
    path: "/v1/permissions/check",
    group: "Permissions",
    summary: "Decide about one action",
    description:
      "The verdict is always a 200: a refusal is an answer, not an error. With `mint`, " +
      "`request` and `wait` one call goes from the question to the token. `next` says what fits " +
      "what the caller asked about this action before: ask, wait, mint, or not yet.",
    callers: ["standard", "agent", "sub_token"],
    body: checkBody,
    answers: { 200: authorizedAnswer },
    refusals: [
      "tenant_not_permitted",
      "invalid_arguments",
      "recently_denied",
      "no_second_level",
      "tool_not_registered",
      "too_many_pending",
      "estimate_required",
    ],
    handle: check,
  }),
  guarded({
    method: "post",
    path: "/v1/permissions/check-batch",
    group: "Permissions",
    summary: "Decide about up to 100 actions on one policy version",
    description:
      "Counts against the rate limit as many requests as it holds checks; one that does " +
      "not fit into what is left is refused whole, and decides nothing.",
    callers: ["standard", "agent"],
    counts: ({ checks }) => checks.length,
    body: batchBody,
    answers: { 200: batchAnswer },
    handle: (call) => {
      const path = new URL(call.request.url).pathname;
      const render = (result: Advised | AnyRefusal): JsonObject =>
        result instanceof Refusal
          ? { error: problemOf(result, { path, id: call.id }).body }
          : renderChecked(result);
      return call.commit(
        adviseBatchOperation(call.body.checks.map(checkRequest), call.client),
        (results) => ({
          status: 200,
          body: { results: results.map(render) },
          ...grantOf(results),
        }),
      );
    },
  }),
];
