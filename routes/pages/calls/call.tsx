import { z } from "zod";
import { CallView } from "../../../components/call.tsx";
import { type CallSheet, isOpen } from "../../../components/call_sheet.ts";
import LiveCall from "../../../islands/call.tsx";
import { personWords } from "../../../lib/base/person.ts";
import type { Snapshot } from "../../../lib/policy/snapshot.ts";
import { ownerOf } from "../../../lib/vault/acting.ts";
import { isJsonObject, type JsonValue } from "../../../lib/base/json.ts";
import { callTopic } from "../../../lib/calls/call_record.ts";
import { callEntries, type CallStory, lookAtCall } from "../../../lib/calls/call_story.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { approvalTopic } from "../../../lib/ledger/commit.ts";
import { approvalKey, type StoreKey } from "../../../lib/store/keys.ts";
import { callKey } from "../../../lib/store/gateway_keys.ts";
import type { ApprovalRecord } from "../../../lib/store/records/approval.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { type Endpoint, memberEndpoint } from "../../dashboard/endpoint.ts";
import { liveStream } from "../../dashboard/live.ts";
import { memberPage } from "../../dashboard/page.ts";
import { toolPath } from "../tools/form.tsx";
import { isRefused, namedParty, placeOf } from "./parts.tsx";

const byId = z.object({ id: z.string().max(64) });

type Call = MemberCall<z.output<typeof byId>>;

/** One call: asked, decided, sent, answered, and what is to be done about it. */
export const callPage = memberPage({
  path: "/calls/:id",
  section: "upstreams",
  needs: "see_requests",
  params: byId,
  load: sheetOf,
  title: (sheet) => `Call of ${sheet.tool}`,
  view: ({ data: sheet, now }) =>
    isOpen(sheet)
      ? <LiveCall start={sheet} now={now} />
      : <CallView sheet={sheet} now={now} live={null} />,
});

export const callEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "get",
    path: "/calls/:id/live",
    isWatch: true,
    needs: "see_requests",
    params: byId,
    handle: async (call) => {
      let sheet = await sheetOf(call);
      const { id, approval } = sheet;
      const look = async () => {
        sheet = await sheetOf(call);
        return sheet as unknown as JsonValue;
      };
      const rows: StoreKey[] = [callKey(call.org, id)];
      if (approval !== null) rows.push(approvalKey(call.org, approval.id));
      return liveStream(call, {
        topics: [
          callTopic(call.org, id),
          ...approval === null ? [] : [approvalTopic(call.org, approval.id)],
        ],
        rows,
        due: () => isOpen(sheet) ? sheet.due_at ?? sheet.approval?.until ?? null : null,
      }, look);
    },
  }),
];

async function sheetOf(call: Call): Promise<CallSheet> {
  const { services, org, params: { id } } = call;
  const looking = lookAtCall(id);
  const { story, who, steps, place, acts_as } = await call.transact({
    ...looking,
    plan(transaction, caller, loaded) {
      const story = looking.plan(transaction, caller, loaded);
      const { snapshot } = transaction;
      const names = namesOf(snapshot);
      const upstream = snapshot.upstreams.get(story.call.upstream);
      return {
        story,
        who: namedParty(snapshot, story.call.requester),
        steps: story.steps.map((step) => ({
          ...step,
          name: "member" in step ? names.of(step.member) ?? "a former member" : "",
        })),
        place: upstream === undefined ? null : placeOf(upstream),
        acts_as: actingIn(snapshot, story.call.credential_id ?? null),
      };
    },
  }, "see_requests");
  const { call: record, status, approval, execution } = story;
  const { waited_ms, ran_ms, due_at, moved } = story;
  return {
    id: record.id,
    tool: record.tool,
    tool_page: toolPath(record.tool),
    status,
    is_refused: isRefused(record),
    told: "refusal" in record ? record.refusal?.code ?? null : null,
    said: story.inside ? foreignWords(story) : null,
    resolved_from: record.resolved_from,
    mandate_id: record.mandate_id,
    who,
    upstream: record.upstream,
    place,
    acts_as,
    moved,
    approval: approval === null ? null : askedIn(approval),
    steps,
    result: execution?.result ?? null,
    cost_micros: execution?.cost_micros ?? null,
    ...{ waited_ms, ran_ms, due_at },
    findings: record.findings ?? [],
    redactions: "redactions" in record ? record.redactions ?? [] : [],
    withheld: "withheld" in record ? record.withheld?.guard ?? null : null,
    entries: await callEntries(services.deps.kv, org, story),
  };
}

/** Whose account a call acts by. */
function actingIn(snapshot: Snapshot, id: string | null): CallSheet["acts_as"] {
  if (id === null) return null;
  const record = snapshot.vault.get(id);
  if (record === undefined) return { id, name: null, owner: null };
  const owner = ownerOf(snapshot, record);
  return { id, name: record.name, owner: owner === null ? null : personWords(owner) };
}

function askedIn({ id, reference, progress, expires_at }: ApprovalRecord) {
  const { state } = progress;
  return { id, reference, state, until: state === "approved" ? progress.use_before : expires_at };
}

/** What the server said, where that is kept. */
function foreignWords({ call }: CallStory): string | null {
  const data = "refusal" in call ? call.refusal?.data : undefined;
  const says = isJsonObject(data) ? data.says : undefined;
  return typeof says === "string" && says !== "" ? says : null;
}
