import { z } from "zod";
import { type Noted, noted, receiptOf } from "../../lib/allowly/noted.ts";
import { approvalOf, lookAtPrompt, type Prompt } from "../../lib/allowly/prompts.ts";
import { decideApproval } from "../../lib/approvals/decide.ts";
import { type LoadedApproval, type SeenApproval, visible } from "../../lib/approvals/seen.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { type Answered, confirmByApp, denyQuestion } from "../../lib/confirming/answer.ts";
import { type Asked, findQuestion, type LoadedQuestion } from "../../lib/confirming/question.ts";
import type { MachineOperation } from "../../lib/identity/acting.ts";
import { requireTier } from "../../lib/identity/caller.ts";
import type { Reader } from "../../lib/ledger/transaction.ts";
import type { Snapshot } from "../../lib/policy/snapshot.ts";
import { receiptId } from "../../lib/receipts/claims.ts";
import {
  type AnyRefusal,
  invalidRequest,
  recorded,
  RecordedRefusal,
  Refusal,
} from "../../lib/refusal.ts";
import type { Answer, Call } from "../http/call.ts";
import { pendingReceipt, receiptEnvelope, timeOf, translated } from "./surface.ts";

/** Prompts: what a user is asked, and what members are, and the answers that an approver key brings. */

const time = z.iso.datetime();

const promptMembers = {
  authorization_id: z.string(),
  action: z.string(),
  resource: z.string().nullable(),
  status: z.enum(["pending", "approved", "rejected", "expired", "unknown"]),
  expires_at: time,
  resolved_at: time.nullable(),
  source_receipt_id: z.string().nullable(),
  resolution_receipt_id: z.string().nullable(),
};

const confirmationAnswer = z.strictObject({
  confirmation_id: z.string(),
  ...promptMembers,
  child_authorization_id: z.string().nullable(),
  authority_status: z.enum(["none", "available", "expired", "revoked", "unknown"]),
  authority_expires_at: time.nullable(),
});

const escalationAnswer = z.strictObject({
  escalation_id: z.string(),
  ...promptMembers,
  authority_status: z.enum(["none", "available", "expired", "revoked", "consumed", "unknown"]),
  consumed_at: time.nullable(),
});

const confirmBody = z.strictObject({
  approved: z.boolean(),
  ttl_seconds: z.int().min(1).max(300).default(60)
    .describe("How soon the yes has to be used"),
});

const resolveBody = z.strictObject({
  resolution: z.enum(["approved", "rejected"]),
  resolved_by: z.string().min(1).max(128)
    .describe("A member: `member:` and their id, or their e-mail address"),
  note: z.string().max(512).nullish(),
});

const byId = z.object({ id: z.string().min(1).max(300) });

function renderPrompt({ record, mandate_id, status, resolved_at, resolution }: Prompt): JsonObject {
  return {
    authorization_id: mandate_id,
    action: record.tool_name,
    resource: record.resource,
    status,
    expires_at: timeOf(record.expires_at),
    resolved_at: resolved_at === null ? null : timeOf(resolved_at),
    source_receipt_id: receiptId({ id: record.decision_id }),
    resolution_receipt_id: resolution,
  };
}

type ConfirmCall = Call<{ nonce: string }, undefined, z.output<typeof confirmBody>>;

/**
 * Answers for the user. Yes is for an approver key; no takes the nonce alone, whichever key of the
 * organization brings it.
 */
async function confirm(call: ConfirmCall): Promise<Answer> {
  const { services, org, body, client } = call;
  const { approved, ttl_seconds } = body;
  if (approved) requireTier(call.caller, ["approver"]);
  const asked = await findQuestion(services, call.params.nonce);
  // Of another organization it leads nowhere.
  if (asked.org !== org) throw new Refusal("confirmation_gone", {});
  const answering = approved ? confirmByApp(asked, client, ttl_seconds) : denying(asked, call);
  return await call.commit(noted(answering), ({ result, entries }) => {
    const receipt_id = receiptOf(entries, "approval.decided");
    const receipt = receipt_id === null ? null : pendingReceipt(services, receipt_id);
    const body = approved
      ? {
        decision: "approved",
        authorization_id: result.id,
        expires_at: timeOf(result.until),
        receipt,
      }
      : { decision: "not_approved", authorization_id: null, expires_at: null, receipt };
    return { status: 200, body };
  });
}

function denying(
  asked: Asked,
  { client }: ConfirmCall,
): MachineOperation<LoadedQuestion, Answered | RecordedRefusal> {
  const { load, plan } = denyQuestion(asked, client);
  return {
    ...(load === undefined ? {} : { load: (reader: Reader) => load(reader) }),
    plan: (transaction, _caller, loaded) => plan(transaction, loaded),
  };
}

type ResolveCall = Call<{ id: string }, undefined, z.output<typeof resolveBody>>;

/** What an approver key says for a member, who has to be one that could decide by themselves now. */
async function resolve(call: ResolveCall): Promise<Answer> {
  const { id } = call.params;
  const { resolution, resolved_by, note } = call.body;
  const approval = approvalOf(id, "members");
  if (approval === null) throw new Refusal("not_found", { what: "escalation" });
  const decision = resolution === "approved" ? "approve" : "deny";
  const decided_by = await call.transact({
    plan: ({ snapshot }) => memberOf(snapshot.members, resolved_by),
  });
  const said = { decision, decided_by, note: note ?? null } as const;
  const deciding = noted(decideApproval(approval, said, call.client));
  const operation: typeof deciding = {
    ...deciding,
    plan(transaction, caller, loaded) {
      const made = deciding.plan(transaction, caller, loaded);
      return made instanceof RecordedRefusal ? recorded(ofMember(made.refusal)) : made;
    },
  };
  return await call.commit(repeatable(operation, decision), ({ at, receipt_id }) => ({
    status: 200,
    body: {
      escalation_id: id,
      status: resolution,
      resolved_by,
      resolved_at: timeOf(at),
      receipt: receipt_id === null ? null : pendingReceipt(call.services, receipt_id),
    },
  }));
}

/** The decision with its receipt; saying the same again is no second one, and has none of its own. */
function repeatable<L extends { readonly loaded: LoadedApproval | null }>(
  { load, plan }: MachineOperation<L, Noted<SeenApproval> | RecordedRefusal>,
  decision: "approve" | "deny",
): MachineOperation<L, Resolved | RecordedRefusal> {
  return {
    ...(load === undefined ? {} : { load }),
    plan(transaction, caller, all) {
      const { record } = visible(caller, all.loaded);
      const last = record.decisions.at(-1);
      if (last?.decision === decision && record.progress.state !== "pending") {
        return { at: last.at, receipt_id: null };
      }
      const made = plan(transaction, caller, all);
      if (made instanceof RecordedRefusal) return made;
      const { result, entries } = made;
      const at = result.record.decisions.at(-1)?.at ?? transaction.at;
      return { at, receipt_id: receiptOf(entries, "approval.decided") };
    },
  };
}

interface Resolved {
  /** Milliseconds. */
  readonly at: number;
  readonly receipt_id: string | null;
}

/** The e-mail address of whom `resolved_by` names; nobody's where it names no member. */
function memberOf(members: Snapshot["members"], name: string): string {
  if (!name.startsWith("member:")) return name;
  const id = name.slice("member:".length);
  return members.values().find((member) => member.id === id)?.email ?? "";
}

/** A refusal of whom the request names is one of what it says. */
function ofMember(refusal: AnyRefusal): AnyRefusal {
  switch (refusal.code) {
    case "not_an_approver":
    case "self_approval":
    case "recovery_held":
    case "already_decided_level":
      return invalidRequest("/resolved_by", "must be a member who could decide this now");
    default:
      return refusal;
  }
}

export const promptRoutes = [
  translated({
    method: "get",
    path: "/v1/confirmations/:id/status",
    summary: "Read what became of a question to a user",
    callers: ["standard", "approver"],
    params: byId,
    answers: { 200: confirmationAnswer },
    refusals: ["not_found"],
    async handle(call) {
      const { id } = call.params;
      const prompt = await call.transact(lookAtPrompt(id, "user"));
      const { authority, authority_until } = prompt;
      const child = prompt.status === "approved" ? id : null;
      return {
        status: 200,
        body: {
          confirmation_id: id,
          ...renderPrompt(prompt),
          child_authorization_id: child,
          authority_status: authority,
          authority_expires_at: child === null || authority_until === null
            ? null
            : timeOf(authority_until),
        },
      };
    },
  }),
  translated({
    method: "post",
    path: "/v1/confirmations/:nonce",
    summary: "Answer for a user",
    callers: ["approver", "standard"],
    params: z.object({ nonce: z.string().min(1).max(300) }),
    body: confirmBody,
    answers: {
      200: z.strictObject({
        decision: z.enum(["approved", "not_approved"]),
        authorization_id: z.string().nullable(),
        expires_at: time.nullable(),
        receipt: receiptEnvelope.nullable(),
      }),
    },
    refusals: ["confirmation_gone", "passkey_required", "tool_disabled"],
    handle: confirm,
  }),
  translated({
    method: "get",
    path: "/v1/escalations/:id",
    summary: "Read what became of a question to members",
    callers: ["standard", "approver"],
    params: byId,
    answers: { 200: escalationAnswer },
    refusals: ["not_found"],
    async handle(call) {
      const { id } = call.params;
      const prompt = await call.transact(lookAtPrompt(id, "members"));
      const { authority, used_at } = prompt;
      return {
        status: 200,
        body: {
          escalation_id: id,
          ...renderPrompt(prompt),
          authority_status: authority,
          consumed_at: used_at === null ? null : timeOf(used_at),
        },
      };
    },
  }),
  translated({
    method: "post",
    path: "/v1/escalations/:id/resolve",
    summary: "Decide for a member",
    callers: ["approver"],
    params: byId,
    body: resolveBody,
    answers: {
      200: z.strictObject({
        escalation_id: z.string(),
        status: z.enum(["approved", "rejected"]),
        resolved_by: z.string(),
        resolved_at: time,
        receipt: receiptEnvelope.nullable(),
      }),
    },
    refusals: ["not_found", "approval_not_pending", "passkey_required", "tool_disabled"],
    handle: resolve,
  }),
];
