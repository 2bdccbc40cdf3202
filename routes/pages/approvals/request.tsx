import { z } from "zod";
import type { Rest } from "../../../components/decision.tsx";
import { Notice } from "../../../components/layout.tsx";
import ApprovalIsland, { type ApprovalNews } from "../../../islands/approval.tsx";
import { denyDecision, MAX_NOTE, type Pause } from "../../../lib/approvals/decide.ts";
import { revokeApproval } from "../../../lib/approvals/end.ts";
import { openDecision, signDecision } from "../../../lib/approvals/sign.ts";
import { readWaiting } from "../../../lib/approvals/waiting.ts";
import type { JsonValue } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { passkeysOf } from "../../../lib/identity/passkeys.ts";
import { approvalTopic } from "../../../lib/ledger/commit.ts";
import { requestOptions } from "../../../lib/passkeys/challenge.ts";
import { assertionResponse } from "../../../lib/passkeys/responses.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
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

/** `decided` where the member has decided this moment: the page then begins with what they did. */
const query = z.object({ decided: z.literal("1").optional().catch(undefined) });

type Call = MemberCall<z.output<typeof byId>>;

type PageCall = MemberCall<z.output<typeof byId>, z.output<typeof query>>;

const denial = z.strictObject({
  note: verbatim(z.string().max(MAX_NOTE, `has at most ${MAX_NOTE} characters`)),
  quick_reason: optional(z.enum(QUICK_REASONS)),
  pause: checkbox,
});

/** What is said of a wish to pause that could not be met; the page itself says who is paused. */
const NOT_PAUSED: Readonly<Partial<Record<Pause, string>>> = {
  not_an_agent: "It was asked by an API key, which can't be paused; revoke it under API keys.",
  gone: "The agent doesn't exist any more.",
};

/** One request to a human: what would run, why it is held, and the decision. */
export const approvalPage = memberPage({
  path: "/approvals/:id",
  section: "approvals",
  needs: "see_requests",
  params: byId,
  query,
  script: "request_client.js",
  load: async (call: PageCall) => ({
    news: await newsOf(call),
    mayPause: mayPause(call),
    sample: await newestSample(call),
    hasDecided: call.query.decided === "1",
  }),
  title: ({ news }) => titleOf(news.sheet),
  view: ({ data: { news, mayPause, sample, hasDecided }, attempt, now }) => {
    const form = attempted(attempt, attempt?.do ?? "");
    return (
      <>
        {attempt !== null && <Notice tone="danger">{attempt.message}</Notice>}
        <ApprovalIsland
          start={news}
          now={now}
          mayPause={mayPause}
          isSample={news.sheet.id === sample}
          note={form.value("note")}
          hasDecided={hasDecided}
        />
      </>
    );
  },
  actions: {
    deny: action(denial, async (call: Call, { note, quick_reason, pause }) => {
      const { id } = call.params;
      const denial = { note: note === "" ? null : note, quick_reason, pause_agent: pause };
      const denying = denyDecision(id, denial, call.client);
      const denied = await call.transact(denying, "decide");
      const notice = denied.pause === null ? undefined : NOT_PAUSED[denied.pause];
      return {
        to: pagePath("/approvals/:id", { id: denied.approval.record.id, decided: 1 }),
        ...(notice === undefined ? {} : { notice }),
      };
    }),
    revoke: action(z.strictObject({}), async (call: Call) => {
      const revoked = await call.transact(revokeApproval(call.params.id, call.client));
      return { to: pagePath("/approvals/:id", { id: revoked.record.id, decided: 1 }) };
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
      let news = await newsOf(call);
      const { id } = news.sheet;
      const look = async () => {
        news = await newsOf(call);
        return news as unknown as JsonValue;
      };
      return liveStream(call, {
        topics: [approvalTopic(call.org, id)],
        rows: [approvalKey(call.org, id)],
        due: () => news.sheet.awaits?.until ?? null,
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
      const facts = await call.transact(openDecision(settings, call.params.id));
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
      const signed = await call.transact(signing);
      return { status: signed.record.progress.state };
    },
  }),
];

/** The request that the member sent themselves last, from the Quickstart. */
async function newestSample({ services, org, caller }: PageCall): Promise<string | null> {
  const sample = await readRecord(services.deps.kv, sampleKey(org, caller.id), sampleRecord);
  return sample?.value.approval ?? null;
}

/** Whether this member may stop the agents that ask. */
export function mayPause({ caller }: MemberCall<unknown, unknown>): boolean {
  return hasRight(caller.role, "kill_switch_on");
}

async function newsOf(call: Call): Promise<ApprovalNews> {
  const sheet = await lookAt(call);
  const waits = sheet.state === "pending" && sheet.barred === null && call.now < sheet.expires_at;
  const rest = waits || !hasRight(call.caller.role, "decide") ? null : await restFor(call);
  return { sheet, rest };
}

/** What else waits for the member, and which of it expires first. */
async function restFor(call: Call): Promise<Rest> {
  const { snapshot, caller } = await call.transact({
    plan: ({ snapshot }, caller) => ({ snapshot, caller }),
  });
  const mine = (await readWaiting(call.services, caller, snapshot))
    .flatMap(({ mine, facts }) => mine ? [facts] : []);
  const [next] = mine.toSorted((a, b) => a.expires_at - b.expires_at || (a.id < b.id ? -1 : 1));
  return { left: mine.length, next: next?.id ?? null };
}

/** The request as the member sees it. @throws {Refusal} not_found */
export async function lookAt(call: Call): Promise<ApprovalSheet> {
  return await approvalSheet(
    call.services,
    await call.transact(lookAtSheet(call.params.id), "see_requests"),
  );
}

function titleOf({ requester, tool_name, resource, tenant, method }: ApprovalSheet): string {
  const facts = { requester, tool: tool_name, resource, tenant, method };
  return sentenceText(requestSentence(facts));
}
