import { z } from "zod";
import { Notice } from "../../../components/layout.tsx";
import ApprovalIsland from "../../../islands/approval.tsx";
import { denyDecision, MAX_NOTE, type Pause } from "../../../lib/approvals/decide.ts";
import { revokeApproval } from "../../../lib/approvals/end.ts";
import { openDecision, signDecision } from "../../../lib/approvals/sign.ts";
import type { JsonValue } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { passkeysOf } from "../../../lib/identity/passkeys.ts";
import { approvalTopic } from "../../../lib/ledger/due.ts";
import { requestOptions } from "../../../lib/passkeys/challenge.ts";
import { assertionResponse } from "../../../lib/passkeys/responses.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { resultOf } from "../../../lib/refusal.ts";
import { requestSentence, sentenceText } from "../../../lib/sheet/sentence.ts";
import { type ApprovalSheet, approvalSheet, lookAtSheet } from "../../../lib/sheet/sheet.ts";
import { approvalKey, sampleKey } from "../../../lib/store/keys.ts";
import { readRecord } from "../../../lib/store/kv.ts";
import { sampleRecord } from "../../../lib/store/records/alert.ts";
import { QUICK_REASONS } from "../../../lib/store/records/vocabulary.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { type Endpoint, memberEndpoint } from "../../dashboard/endpoint.ts";
import { checkbox, optional, verbatim } from "../../dashboard/form.ts";
import { liveStream } from "../../dashboard/live.ts";
import { action, memberPage } from "../../dashboard/page.ts";

const byId = z.object({ id: z.string().max(64) });

type Call = MemberCall<z.output<typeof byId>>;

const denial = z.strictObject({
  note: verbatim(z.string().max(MAX_NOTE, `has at most ${MAX_NOTE} characters`)),
  quick_reason: optional(z.enum(QUICK_REASONS)),
  pause: checkbox,
});

const PAUSED: Readonly<Record<Pause, string>> = {
  paused: "The agent is paused: every action of it is refused until an owner lets it go on.",
  was_paused: "The agent was paused already.",
  not_an_agent: "It was asked by an API key, which cannot be paused; revoke it under API keys.",
  gone: "The agent does not exist any more.",
};

/** One request to a human: what would run, why it is held, and the decision. */
export const approvalPage = memberPage({
  path: "/approvals/:id",
  section: "approvals",
  needs: "see_requests",
  params: byId,
  width: "narrow",
  load: async (call: Call) => ({
    sheet: await lookAt(call),
    mayPause: hasRight(call.caller.role, "kill_switch_on"),
    sample: await newestSample(call),
  }),
  title: ({ sheet }) => titleOf(sheet),
  view: ({ data: { sheet, mayPause, sample }, attempt, now }) => {
    const form = attempted(attempt, attempt?.do ?? "");
    return (
      <>
        {attempt !== null && <Notice tone="danger">{attempt.message}</Notice>}
        <ApprovalIsland
          start={sheet}
          now={now}
          mayPause={mayPause}
          isSample={sheet.id === sample}
          note={form.value("note")}
        />
      </>
    );
  },
  actions: {
    deny: action(denial, async (call: Call, { note, quick_reason, pause }) => {
      const { id } = call.params;
      const denial = { note: note === "" ? null : note, quick_reason, pause_agent: pause };
      const denying = denyDecision(id, denial, call.client);
      const denied = resultOf(await call.transact(denying, "decide"));
      const { record } = denied.approval;
      const paused = denied.pause === null ? "" : ` ${PAUSED[denied.pause]}`;
      return {
        to: pagePath("/approvals/:id", { id: record.id }),
        notice: `${record.reference} is denied; the agent is told.${paused}`,
      };
    }),
    revoke: action(z.strictObject({}), async (call: Call) => {
      const revoked = resultOf(await call.transact(revokeApproval(call.params.id, call.client)));
      return {
        to: pagePath("/approvals/:id", { id: revoked.record.id }),
        notice: "The approval is revoked: nothing can be run with it any more.",
      };
    }),
  },
});

export const approvalEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "get",
    path: "/approvals/:id/live",
    isWatch: true,
    needs: "see_requests",
    params: byId,
    handle: async (call) => {
      let sheet = await lookAt(call);
      const look = async () => {
        sheet = await lookAt(call);
        return sheet as unknown as JsonValue;
      };
      return liveStream(call, {
        topics: [approvalTopic(call.org, sheet.id)],
        rows: [approvalKey(call.org, sheet.id)],
        due: () => sheet.awaits?.until ?? null,
      }, look);
    },
  }),
  memberEndpoint({
    method: "post",
    path: "/approvals/:id/statement",
    needs: "decide",
    params: byId,
    handle: async (call) => {
      const { settings, deps } = call.services;
      const facts = resultOf(await call.transact(openDecision(settings, call.params.id)));
      const options = requestOptions({
        rpId: settings.url.hostname,
        // The page computes it from what it shows.
        challenge: "",
        passkeys: await passkeysOf(deps.kv, call.account),
      });
      return { facts: { ...facts }, options: options as unknown as JsonValue };
    },
  }),
  memberEndpoint({
    method: "post",
    path: "/approvals/:id/approve",
    needs: "decide",
    params: byId,
    body: z.strictObject({
      nonce: z.string().max(64),
      note: z.string().max(MAX_NOTE).nullable(),
      response: assertionResponse,
      view_digest: z.string().max(80),
      action_digest: z.string().max(80),
    }),
    handle: async (call) => {
      const signing = signDecision(call.services.settings, call.params.id, call.body, call.client);
      const signed = resultOf(await call.transact(signing));
      return { status: signed.record.progress.state };
    },
  }),
];

/** The request that the member sent themselves last, from the Quickstart. */
async function newestSample({ services, org, caller }: Call): Promise<string | null> {
  const sample = await readRecord(services.deps.kv, sampleKey(org, caller.id), sampleRecord);
  return sample?.value.approval ?? null;
}

async function lookAt(call: Call): Promise<ApprovalSheet> {
  return await approvalSheet(
    call.services,
    await call.transact(lookAtSheet(call.params.id), "see_requests"),
  );
}

function titleOf({ requester, tool_name, resource, tenant, method }: ApprovalSheet): string {
  const facts = { requester, tool: tool_name, resource, tenant, method };
  return sentenceText(requestSentence(facts));
}
