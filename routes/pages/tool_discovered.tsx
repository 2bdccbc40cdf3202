import { z } from "zod";
import { ButtonLink } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty_state.tsx";
import { PageHeader } from "../../components/layout.tsx";
import { Pagination } from "../../components/pagination.tsx";
import { memberPage } from "../dashboard/page.ts";
import { decodeCursor, encodeCursor } from "../fields/paging.ts";
import { withQuery } from "../page_query.ts";
import { discovered, discoveredDrafts, triageAction, TriageList } from "./tools/triage.tsx";

const PATH = "/tools/discovered";

const ROWS = 10;

const query = z.object({ cursor: z.string().max(2048).optional() });

const afterId = z.tuple([z.string()]);

/** All drafts that wait to be looked at, some at a time. */
export const discoveredPage = memberPage({
  path: PATH,
  title: "Recently discovered",
  section: "tools",
  needs: "configure",
  query,
  load: async (call) => {
    const { cursor } = call.query;
    const after = cursor === undefined ? null : decodeCursor(cursor, afterId)[0];
    const { snapshot, all } = await call.transact({
      plan: ({ snapshot }) => ({ snapshot, all: discoveredDrafts(snapshot) }),
    });
    const rest = all.filter(({ id }) => after === null || id < after);
    const drafts = rest.slice(0, ROWS);
    const last = rest.length > ROWS ? drafts.at(-1) : undefined;
    return {
      found: await discovered(call, snapshot, drafts),
      total: all.length,
      isFirst: after === null,
      next: last === undefined ? null : encodeCursor([last.id]),
    };
  },
  view: ({ data: { found, total, isFirst, next }, attempt, now }) => (
    <>
      <PageHeader
        title="Recently discovered"
        description={total === 0
          ? "Tools that agents asked about and that nobody has described."
          : `${total} ${
            total === 1 ? "tool" : "tools"
          } that agents asked about and that nobody has described.`}
        breadcrumb={[{ label: "Tools", href: "/tools" }]}
      />
      {found.drafts.length === 0 && (
        <EmptyState
          icon="check_circle"
          title="Nothing waits"
          action={<ButtonLink href="/tools">All tools</ButtonLink>}
        >
          A tool that an agent asks about and that is not in the catalog comes here first.
        </EmptyState>
      )}
      <TriageList found={found} attempt={attempt} now={now} />
      <Pagination
        newer={isFirst ? null : PATH}
        older={next === null ? null : withQuery(PATH, { cursor: next })}
        newerLabel="Newest"
      />
    </>
  ),
  actions: { triage: triageAction(() => PATH) },
});
