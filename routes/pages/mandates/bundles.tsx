import { z } from "zod";
import { Badge } from "../../../components/badges.tsx";
import { Button } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { EmptyState, Section } from "../../../components/layout.tsx";
import { MandateAgent } from "../../../components/mandate.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, RowLink, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { listBundles, publishBundle, type ReadBundle } from "../../../lib/mandates/bundle.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { text } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { bundleId } from "../../fields/mandate.ts";
import { pageById, pageQuery } from "../../fields/paging.ts";
import { asDefinition, DefinitionField, definitionField, EXAMPLE } from "./definition.tsx";

const creation = z.strictObject({ id: text(bundleId), definition: definitionField });

interface Row extends ReadBundle {
  readonly agentName: string | null;
}

/** What mandates are made of: each bundle with its newest edition. */
export const bundlesPage = memberPage({
  path: "/bundles",
  title: "Bundles",
  section: "bundles",
  needs: "read",
  query: z.strictObject(pageQuery),
  load: async (call) => {
    const { query, caller } = call;
    const { items, next_cursor } = await pageById(
      (span) =>
        call.transact({
          load: (reader) => listBundles(reader, span),
          plan: ({ snapshot }, _caller, read) => {
            const names = namesOf(snapshot);
            return read.map((one) => {
              const agentName = names.of(one.edition.definition.agent);
              const row: Row = { ...one, agentName };
              return { id: one.bundle.id, row };
            });
          },
        }),
      query,
    );
    return {
      rows: items.map(({ row }) => row),
      next_cursor,
      isFirst: query.cursor === undefined,
      mayConfigure: hasRight(caller.role, "configure"),
    };
  },
  view: ({ data: { rows, next_cursor, isFirst, mayConfigure }, attempt, now }) => {
    const form = attempted(attempt, "publish");
    return (
      <>
        <PageHeader
          title="Bundles"
          description="What an app offers its users to let an agent do. A user's yes to one of its
            editions is a mandate, and an edition never changes."
        />
        <Table<Row>
          caption="Bundles"
          rows={rows}
          rowKey={({ bundle }) => bundle.id}
          columns={[
            {
              key: "id",
              label: "Bundle",
              kind: "title",
              cell: ({ bundle: { id } }) => (
                <RowLink href={pagePath("/bundles/:id", { id })}>
                  <UntrustedText text={id} mono />
                </RowLink>
              ),
            },
            {
              key: "edition",
              label: "Edition",
              cell: ({ bundle }) =>
                bundle.archived_at === null
                  ? bundle.edition
                  : <Badge icon="archive">Archived</Badge>,
            },
            {
              key: "agent",
              label: "Agent",
              cell: ({ edition, agentName }) => (
                <MandateAgent agent={edition.definition.agent} name={agentName} />
              ),
            },
            {
              key: "scopes",
              label: "Scopes",
              cell: ({ edition }) => edition.definition.scopes.length,
            },
            {
              key: "published",
              label: "Published",
              cell: ({ edition }) => <Time at={edition.created_at} now={now} show="relative" />,
            },
          ]}
          empty={
            <EmptyState icon="bundle" title={isFirst ? "No bundles yet" : "No more bundles"}>
              An app publishes one with <code>PUT /v1/bundles/:id</code>
              {mayConfigure ? ", or you do below." : "."}
            </EmptyState>
          }
        />
        <Pagination
          newer={isFirst ? null : "/bundles"}
          older={next_cursor === null ? null : pagePath("/bundles", { cursor: next_cursor })}
          newerLabel="First page"
          olderLabel="More"
        />
        {mayConfigure && (
          <Section title="New bundle">
            <Form do="publish" layout="stack">
              <FieldErrors errors={form.errors} />
              <TextField
                name="id"
                label="Name"
                hint="1 to 64 small letters, digits, _ and -"
                value={form.value("id")}
                error={form.error("id")}
                mono
                required
              />
              <DefinitionField form={form} value={EXAMPLE} />
              <FormActions>
                <Button variant="primary">Publish bundle</Button>
              </FormActions>
            </Form>
          </Section>
        )}
      </>
    );
  },
  actions: {
    publish: action(
      creation,
      async (call: MemberCall<unknown, unknown>, { id, definition }) => {
        // Edition 0: a bundle that there is already gets its editions on its own page.
        const publishing = publishBundle(id, definition, 0, call.id);
        await asDefinition(call.transact(publishing, "configure"));
        return { to: pagePath("/bundles/:id", { id }), notice: `Bundle ${id} is published.` };
      },
      "configure",
    ),
  },
});
