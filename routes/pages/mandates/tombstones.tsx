import { z } from "zod";
import { EmptyState } from "../../../components/layout.tsx";
import { GrantedBy } from "../../../components/mandate.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { listTombstones } from "../../../lib/mandates/tombstones.ts";
import type { TombstoneRecord } from "../../../lib/store/records/mandate.ts";
import { memberPage } from "../../dashboard/page.ts";
import { pageById, pageQuery } from "../../fields/paging.ts";

const PATH = "/tombstones";

interface Row extends TombstoneRecord {
  /** Of who closed it; null for who is gone. */
  readonly byName: string | null;
}

/** The resources that nothing under a mandate may touch, whatever it says. */
export const tombstonesPage = memberPage({
  path: PATH,
  title: "Closed resources",
  section: "mandates",
  needs: "read",
  query: z.strictObject(pageQuery),
  load: async (call) => {
    const { items, next_cursor } = await pageById(
      (span) =>
        call.transact({
          load: (reader) => listTombstones(reader, span),
          plan({ snapshot }, _caller, found) {
            const names = namesOf(snapshot);
            return found.map((record) => {
              const row: Row = { ...record, byName: names.of(record.by.id) };
              return { id: record.resource, row };
            });
          },
        }),
      call.query,
    );
    return {
      rows: items.map(({ row }) => row),
      next_cursor,
      isFirst: call.query.cursor === undefined,
    };
  },
  view: ({ data: { rows, next_cursor, isFirst }, now }) => (
    <>
      <PageHeader
        title="Closed resources"
        description="Nothing under a mandate may touch these, whatever it says. What is asked
          without a mandate goes by the rules alone."
        breadcrumb={[{ label: "Mandates", href: "/mandates" }]}
      />
      <Table<Row>
        caption="Closed resources"
        rows={rows}
        rowKey={({ resource }) => resource}
        columns={[
          {
            key: "resource",
            label: "Resource",
            kind: "title",
            cell: ({ resource }) => <UntrustedText text={resource} mono />,
          },
          {
            key: "by",
            label: "Closed by",
            cell: ({ by, byName }) => <GrantedBy by={by} name={byName} />,
          },
          {
            key: "at",
            label: "Closed",
            cell: ({ created_at }) => <Time at={created_at} now={now} show="relative" />,
          },
        ]}
        empty={
          <EmptyState
            icon="resource"
            title={isFirst ? "No closed resources" : "No more closed resources"}
          >
            A management key closes one with <code>PUT /v1/tombstones/</code>{" "}
            and its external id, and opens it again with <code>DELETE</code>.
          </EmptyState>
        }
      />
      <Pagination
        newer={isFirst ? null : PATH}
        older={next_cursor === null ? null : pagePath(PATH, { cursor: next_cursor })}
        newerLabel="First page"
        olderLabel="More"
      />
    </>
  ),
});
