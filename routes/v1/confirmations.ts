import { z } from "zod";
import { holdUntil } from "../../lib/approvals/hold.ts";
import { requestOf } from "../../lib/approvals/nonce.ts";
import { asCaller } from "../../lib/identity/acting.ts";
import {
  type Answered,
  confirmByApp,
  confirmByPasskey,
  denyQuestion,
} from "../../lib/confirming/answer.ts";
import {
  type Confirmation,
  CONFIRMATION_STATUSES,
  lookAtConfirmation,
} from "../../lib/confirming/confirmation.ts";
import { findQuestion, lookAtQuestion } from "../../lib/confirming/question.ts";
import { approvalTopic } from "../../lib/ledger/commit.ts";
import { assertionResponse } from "../../lib/passkeys/responses.ts";
import { Refusal } from "../../lib/refusal.ts";
import { CONFIRM_BY } from "../../lib/store/records/user.ts";
import { waitQuery } from "../fields/approval.ts";
import type { Answer, Call, OpenCall } from "../http/call.ts";
import { guarded, open, type Route } from "../http/route.ts";

const group = "Confirmations";

const byNonce = z.object({ nonce: z.string().describe("From the answer of the check") });

const anyObject = z.record(z.string(), z.json());

const answerBody = z.strictObject({
  decision: z.enum(["approve", "deny"]),
  statement: anyObject.exactOptional()
    .describe("What was signed, with the `view_digest` that whoever showed the question took"),
  assertion: assertionResponse.exactOptional()
    .describe(
      "What `navigator.credentials.get` gave; its challenge is the digest of the statement",
    ),
});

const time = z.iso.datetime();

const resolvedAnswer = z.object({
  id: z.string(),
  decision: z.enum(["approve", "deny"]),
  resolved_at: time,
});

const questionAnswer = z.object({
  statement: anyObject.describe("What the user signs, but for `view_digest`"),
  view: anyObject.describe("What is asked; its digest in RFC 8785 form is the `view_digest`"),
  asked_again: z.array(anyObject),
  confirm_by: z.enum(CONFIRM_BY).describe("Whether their passkey has to say yes"),
  passkeys: z.array(z.object({ credential_id: z.string(), rp_id: z.string() }))
    .describe("The passkeys of the user that can answer"),
});

const confirmationAnswer = z.object({
  id: z.string(),
  mandate_id: z.string(),
  approval_id: z.string(),
  status: z.enum(CONFIRMATION_STATUSES),
  expires_at: time,
  resolved_at: time.nullable(),
});

type ByNonce = OpenCall & { readonly params: z.output<typeof byNonce> };

async function answerQuestion(call: ByNonce, body: z.output<typeof answerBody>): Promise<Answer> {
  const { services, client } = call;
  const { decision, statement = null, assertion } = body;
  const isByKey = decision === "approve" && assertion === undefined && call.secret !== null;
  // A key is counted as a key; one that nobody reads here frees nobody.
  if (!isByKey) limitStranger(call);
  const asked = await findQuestion(services, call.params.nonce);
  const ledger = services.ledgers.of(asked.org);
  let answered: Answered;
  if (decision === "deny") {
    answered = await ledger.transact(denyQuestion(asked, client));
  } else if (assertion !== undefined) {
    const given = { statement, response: assertion };
    answered = await ledger.transact(confirmByPasskey(services.settings, asked, given, client));
  } else {
    if (call.secret === null) throw new Refusal("missing_credentials", {});
    const presented = await services.credentials.present(call.secret);
    const caller = await services.credentials.caller(presented, ["approver"], 0);
    services.rateLimits.take(caller, services.deps.now());
    // Of another organization it leads nowhere.
    if (presented.org !== asked.org) throw new Refusal("confirmation_gone", {});
    answered = await ledger.transact(
      asCaller(presented, ["approver"], confirmByApp(asked, client)),
    );
  }
  const { id, resolved_at } = answered;
  return { status: 200, body: { id, decision, resolved_at: new Date(resolved_at).toISOString() } };
}

/** Whoever has the nonce alone is counted by where they come from. @throws {Refusal} rate_limited */
function limitStranger({ services, client }: ByNonce): void {
  services.sourceLimits.take(client.ip, services.deps.now());
}

async function showQuestion(call: ByNonce): Promise<Answer> {
  const { services, params } = call;
  limitStranger(call);
  const asked = await findQuestion(services, params.nonce);
  const question = await services.ledgers.transact(
    asked.org,
    lookAtQuestion(services.settings, asked),
  );
  const { facts, view, asked_again, confirm_by, passkeys } = question;
  return {
    status: 200,
    body: {
      statement: {
        v: 1,
        type: "countersign.user-confirmation",
        ...facts,
        decision: "approve",
        uses: 1,
      },
      view,
      asked_again: [...asked_again],
      confirm_by,
      passkeys: passkeys.map((one) => ({ ...one })),
    },
  };
}

function render({ id, mandate_id, approval_id, status, expires_at, resolved_at }: Confirmation) {
  return {
    id,
    mandate_id,
    approval_id,
    status,
    expires_at: new Date(expires_at).toISOString(),
    resolved_at: resolved_at === null ? null : new Date(resolved_at).toISOString(),
  };
}

const byId = z.object({ id: z.string().min(1).max(64) });

async function answerOne(
  call: Call<z.output<typeof byId>, z.output<typeof waitQuery>, undefined>,
): Promise<Answer> {
  const { services, org, query, params } = call;
  const approval = requestOf(params.id);
  if (approval === null) throw new Refusal("not_found", { what: "confirmation" });
  const look = () => call.transact(lookAtConfirmation(approval));
  const isResolved = ({ status }: Confirmation) => status !== "pending";
  let found = await look();
  if (query.wait > 0 && !isResolved(found)) {
    found = await holdUntil(
      services,
      {
        credential: call.caller.id,
        topic: approvalTopic(org, approval),
        seconds: query.wait,
        gone: call.request.signal,
      },
      look,
      isResolved,
    );
  }
  return { status: 200, body: render(found) };
}

/** The questions to users: who has the nonce may look and say no; yes is for who they are. */
export const confirmationRoutes: readonly Route[] = [
  open({
    method: "post",
    path: "/v1/confirmations/:nonce/statement",
    group,
    summary: "Read what a user is asked",
    description:
      "For an application that asks on its own pages: show the `view`, add its digest to the " +
      "`statement` as `view_digest`, and have the user sign that by a passkey of yours, with the " +
      "SHA-256 of its RFC 8785 form as the challenge.",
    params: byNonce,
    answers: { 200: questionAnswer },
    refusals: ["confirmation_gone", "rate_limited"],
    handle: (call) => showQuestion(call as ByNonce),
  }),
  open({
    method: "post",
    path: "/v1/confirmations/:nonce",
    group,
    summary: "Answer for a user",
    description:
      "No takes the nonce alone. Yes takes the user's own passkey, or an approver key where the " +
      "terms leave it to the application. A nonce serves one answer.",
    params: byNonce,
    body: answerBody,
    answers: { 200: resolvedAnswer },
    refusals: [
      "confirmation_gone",
      "missing_credentials",
      "invalid_credentials",
      "wrong_tier",
      "passkey_required",
      "assertion_not_accepted",
      "view_changed",
      "tool_disabled",
      "rate_limited",
    ],
    handle: (call) => answerQuestion(call as ByNonce, call.body as z.output<typeof answerBody>),
  }),
  guarded({
    method: "get",
    path: "/v1/confirmations/:id",
    group,
    summary: "Read what became of a question to a user, or wait for it",
    callers: ["standard", "agent", "approver", "management"],
    params: byId,
    query: waitQuery,
    answers: { 200: confirmationAnswer },
    refusals: ["not_found", "too_many_pending"],
    handle: answerOne,
  }),
];
