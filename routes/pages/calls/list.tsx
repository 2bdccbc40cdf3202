import { z } from "zod";
import { TextField } from "../../../components/fields.tsx";
import { Filters } from "../../../components/filters.tsx";
import { EmptyState } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination } from "../../../components/table.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { memberPage } from "../../dashboard/page.ts";
import { decodeCursor, encodeCursor } from "../../fields/paging.ts";
import { callRows, CallTable } from "./parts.tsx";

const PATH = "/calls";

const ROWS = 50;

const text = z.string().trim().max(256).transform((value) => value || null).default(null);

const query = z.object({
  upstream: text,
  tool_name: text,
  actor: text,
  cursor: z.string().max(2048).optional(),
});

type Call = MemberCall<undefined, z.output<typeof query>>;

const afterId = z.tuple([z.string()]);

/** Calls that ran through here, or wait to, the newest first. */
export const callsPage = memberPage({
  path: PATH,
  title: "Calls",
  section: "upstreams",
  needs: "see_requests",
  query,
  load: async (call: Call) => {
    const { upstream, tool_name: tool, actor: said, cursor } = call.query;
    const { actor, upstreams } = await call.transact({
      plan: ({ snapshot }) => ({
        actor: said === null ? null : namesOf(snapshot).idOf(said) ?? said,
        upstreams: [...snapshot.upstreams.keys()].sort(),
      }),
    });
    const after = cursor === undefined ? null : decodeCursor(cursor, afterId)[0];
    const { rows, next } = await callRows(call, { upstream, tool, actor }, { limit: ROWS, after });
    return {
      rows,
      upstreams,
      given: { upstream, tool_name: tool, actor: said },
      next: next === null ? null : encodeCursor([next]),
      isFirst: after === null,
    };
  },
  view: ({ data: { rows, upstreams, given, next, isFirst }, now }) => {
    const isNarrowed = Object.values(given).some((value) => value !== null);
    const field = (name: "tool_name" | "actor", label: string, placeholder?: string) => ({
      name,
      label,
      field: (
        <TextField
          name={name}
          label={label}
          value={given[name] ?? ""}
          mono={name === "tool_name"}
          {...(placeholder === undefined ? {} : { placeholder })}
        />
      ),
    });
    return (
      <>
        <PageHeader
          title="Calls"
          breadcrumb={[{ label: "Upstreams", href: "/upstreams" }]}
          description="What agents had run through Countersign, the newest first. A call is known for
            8 days; its entries in the log stay."
        />
        <Filters
          path={PATH}
          query={given}
          filters={[
            {
              name: "upstream",
              label: "Upstream",
              choices: upstreams.map((value) => ({ value, label: value })),
            },
            field("tool_name", "Tool"),
            field("actor", "Who", "Name or id"),
          ]}
        />
        {rows.length > 0
          ? <CallTable rows={rows} now={now} />
          : <Nothing isNarrowed={isNarrowed} more={next !== null} />}
        <Pagination
          newer={isFirst ? null : pagePath(PATH, given)}
          older={next === null ? null : pagePath(PATH, { ...given, cursor: next })}
          newerLabel="Newest"
        />
      </>
    );
  },
});

function Nothing({ isNarrowed, more }: { readonly isNarrowed: boolean; readonly more: boolean }) {
  if (more) {
    return (
      <EmptyState icon="search" title="Nothing found so far">
        None of the calls looked at fits. Go on with “Older” below.
      </EmptyState>
    );
  }
  return isNarrowed
    ? (
      <EmptyState icon="search" title="No call matches">
        <a href={PATH}>Clear filters</a>
      </EmptyState>
    )
    : (
      <EmptyState icon="bolt" title="No calls yet">
        What an agent has run through here comes here. <a href="/connect">Connect a host</a>
      </EmptyState>
    );
}
