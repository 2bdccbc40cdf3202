import { z } from "zod";
import { EmptyState, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, RowLink, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { listResources, putResource } from "../../../lib/catalog/resources.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { ResourceRecord } from "../../../lib/store/records/policy.ts";
import { asShown, attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { text } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { registeredResourceId } from "../../fields/action.ts";
import { pageById, pageQuery } from "../../fields/paging.ts";
import { resourceFields, ResourceForm } from "./resource.tsx";

const PATH = "/resources";

const registration = z.strictObject({ id: text(registeredResourceId), ...resourceFields });

/** What actions are done to, as far as it is registered. */
export const resourcesPage = memberPage({
  path: PATH,
  title: "Resources",
  section: "resources",
  needs: "read",
  query: z.strictObject(pageQuery),
  load: async (call) => {
    const { services, org, query, caller } = call;
    return {
      ...await pageById((span) => listResources(services.deps.kv, org, span), query),
      isFirst: query.cursor === undefined,
      mayConfigure: hasRight(caller.role, "configure"),
    };
  },
  view: ({ data: { items, next_cursor, isFirst, mayConfigure }, attempt, now }) => (
    <>
      <PageHeader
        title="Resources"
        description="What actions are done to: servers, accounts, invoices. A rule may name one
          that isn't registered; registering gives it a name that people know."
      />
      <Table<ResourceRecord>
        caption="Registered resources"
        rows={items}
        rowKey={({ id }) => id}
        columns={[
          {
            key: "id",
            label: "External id",
            kind: "title",
            cell: ({ id }) => (
              <RowLink href={pagePath("/resources/:id", { id })}>
                <UntrustedText text={id} mono />
              </RowLink>
            ),
          },
          { key: "name", label: "Name", cell: ({ name }) => <UntrustedText text={name ?? "–"} /> },
          { key: "type", label: "Type", cell: ({ type }) => <UntrustedText text={type ?? "–"} /> },
          {
            key: "created",
            label: "Registered",
            cell: ({ created_at }) => <Time at={created_at} now={now} show="relative" />,
          },
        ]}
        empty={
          <EmptyState icon="resource" title={isFirst ? "No resources yet" : "No more resources"}>
            You need none to begin with: rules and requests name resources by their external ids.
            Register the ones whose ids say nothing to your approvers.
          </EmptyState>
        }
      />
      <Pagination
        newer={isFirst ? null : PATH}
        older={next_cursor === null ? null : pagePath(PATH, { cursor: next_cursor })}
        newerLabel="First page"
        olderLabel="More"
      />
      {mayConfigure && (
        <Section title="Register a resource">
          <ResourceForm form={attempted(attempt, "register")} resource={null} />
        </Section>
      )}
    </>
  ),
  actions: {
    register: action(registration, async (call: MemberCall, { id, metadata, ...fields }) => {
      const put = asShown(
        putResource(id, { ...fields, metadata: metadata ?? {} }, call.id),
        (_, there) =>
          there === null
            ? null
            : { path: "/id", message: "is registered already; change it on its own page" },
      );
      await call.transact(put, "configure");
      return { to: pagePath("/resources/:id", { id }), notice: `Resource ${id} is registered.` };
    }, "configure"),
  },
});
