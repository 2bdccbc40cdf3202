import { CallBadge, tookWords } from "../../../components/call.tsx";
import type { NamedParty } from "../../../components/call_sheet.ts";
import { Time } from "../../../components/time.tsx";
import { RowLink, Table } from "../../../components/table.tsx";
import { MachineName, UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import {
  type CallFilter,
  type CallPage,
  newestCalls,
  statusesOf,
} from "../../../lib/calls/call_story.ts";
import type { CallStatus } from "../../../lib/calls/read_call.ts";
import type { Snapshot } from "../../../lib/policy/snapshot.ts";
import type { CallRecord } from "../../../lib/store/records/call.ts";
import type { Party } from "../../../lib/store/records/identity.ts";
import type { UpstreamRecord } from "../../../lib/store/records/upstream.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";

/** What pages say of calls: where one stands, who made it, and some of them as a list. */

/** A call in a list. */
export interface CallRow {
  readonly call: CallRecord;
  readonly status: CallStatus;
  readonly who: NamedParty;
}

/** The name of a machine now. */
export function namedParty(
  { agents, apiKeys, grants }: Snapshot,
  { type, id }: Party,
): NamedParty {
  const name = type === "agent"
    ? agents.get(id)?.name
    : type === "api_key"
    ? apiKeys.get(id)?.name
    : grants.get(id)?.client_name;
  return { type, id, name: name ?? id, known: name !== undefined };
}

/** The newest calls that fit, as rows. */
export async function callRows(
  call: MemberCall<unknown, unknown>,
  filter: CallFilter,
  range: { readonly limit: number; readonly after: string | null },
): Promise<{ readonly rows: readonly CallRow[]; readonly next: CallPage["next"] }> {
  const { services, org } = call;
  const { calls, next } = await newestCalls(services.deps.kv, org, filter, range);
  const looking = statusesOf(calls);
  return await call.transact({
    ...looking,
    plan(transaction, caller, loaded) {
      const statuses = looking.plan(transaction, caller, loaded);
      const rows = calls.map((one): CallRow => ({
        call: one,
        status: statuses.get(one.id) ?? one.status,
        who: namedParty(transaction.snapshot, one.requester),
      }));
      return { rows, next };
    },
  }, "see_requests");
}

/** Calls one a line, each leading to its page. */
export function CallTable({ rows, now }: {
  readonly rows: readonly CallRow[];
  readonly now: number;
}) {
  return (
    <Table<CallRow>
      caption="Calls"
      rows={rows}
      rowKey={({ call }) => call.id}
      empty={null}
      columns={[
        {
          key: "tool",
          label: "Tool",
          kind: "title",
          cell: ({ call }) => (
            <RowLink href={pagePath("/calls/:id", { id: call.id })}>
              <UntrustedText text={call.tool} mono />
            </RowLink>
          ),
        },
        {
          key: "state",
          label: "State",
          kind: "badge",
          cell: (row) => <CallBadge {...row} isRefused={isRefused(row.call)} />,
        },
        {
          key: "who",
          label: "Who asked",
          cell: ({ who }) =>
            who.known ? <MachineName {...who} /> : <UntrustedText text={who.id} mono />,
        },
        {
          key: "took",
          label: "Took",
          kind: "number",
          cell: ({ call }) => call.status === "completed" ? tookWords(call.duration_ms) : "",
        },
        {
          key: "at",
          label: "Asked",
          kind: "number",
          cell: ({ call }) => <Time at={call.created_at} now={now} show="relative" />,
        },
      ]}
    />
  );
}

/** Whether a call was told something in place of a result. */
export function isRefused(call: CallRecord): boolean {
  return call.status === "completed" && call.refusal !== null;
}

/** Where an upstream runs, in a word. */
export function placeOf({ kind, url }: Pick<UpstreamRecord, "kind" | "url">): string {
  return kind === "mcp_stdio" ? "a program of this host" : new URL(url).host;
}
