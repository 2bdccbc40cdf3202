import { z } from "zod";
import { Button } from "../../../components/button.tsx";
import { TextAreaField, TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { EmptyState, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, RowLink, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { listTenants, putTenant } from "../../../lib/catalog/tenants.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { TenantRecord } from "../../../lib/store/records/policy.ts";
import { asShown, attempted, type AttemptedForm } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional, optionalJson, text } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { registeredTenantId } from "../../fields/action.ts";
import { displayName, metadataField } from "../../fields/catalog.ts";
import { pageById, pageQuery } from "../../fields/paging.ts";

const registration = z.strictObject({
  id: text(registeredTenantId),
  name: optional(displayName.unwrap()),
  metadata: optionalJson(metadataField),
});

export const tenantsPage = memberPage({
  path: "/tenants",
  title: "Tenants",
  section: "tenants",
  needs: "read",
  query: z.strictObject(pageQuery),
  load: async ({ services, org, query, caller }) => ({
    ...await pageById((span) => listTenants(services.deps.kv, org, span), query),
    isFirst: query.cursor === undefined,
    mayConfigure: hasRight(caller.role, "configure"),
  }),
  view: ({ data: { items, next_cursor, isFirst, mayConfigure }, attempt, now }) => (
    <>
      <PageHeader
        title="Tenants"
        description="Your customers or end users. A rule can hold for one of them alone."
      />
      <Table
        caption="Registered tenants"
        rows={items}
        rowKey={({ id }) => id}
        columns={[
          {
            key: "id",
            label: "External id",
            kind: "title",
            cell: ({ id }) => (
              <RowLink href={pagePath("/tenants/:id", { id })}>
                <UntrustedText text={id} mono />
              </RowLink>
            ),
          },
          { key: "name", label: "Name", cell: ({ name }) => <UntrustedText text={name ?? "–"} /> },
          {
            key: "created",
            label: "Registered",
            cell: ({ created_at }) => <Time at={created_at} now={now} show="relative" />,
          },
        ]}
        empty={
          <EmptyState icon="building" title={isFirst ? "No tenants yet" : "No more tenants"}>
            Without tenants every rule holds for the whole organization. Register one as soon as a
            customer needs rules of their own.
          </EmptyState>
        }
      />
      <Pagination
        newer={isFirst ? null : "/tenants"}
        older={next_cursor === null ? null : pagePath("/tenants", { cursor: next_cursor })}
        newerLabel="First page"
        olderLabel="More"
      />
      {mayConfigure && (
        <Section title="Register a tenant">
          <TenantForm form={attempted(attempt, "register")} tenant={null} />
        </Section>
      )}
    </>
  ),
  actions: {
    register: action(registration, async (call: MemberCall, { id, name, metadata }) => {
      const put = asShown(
        putTenant(id, { name, metadata: metadata ?? {} }, call.id),
        (_, there) =>
          there === null
            ? null
            : { path: "/id", message: "is registered already; change it on its own page" },
      );
      await call.transact(put, "configure");
      return { to: pagePath("/tenants/:id", { id }), notice: `Tenant ${id} is registered.` };
    }, "configure"),
  },
});

/** The form that registers a tenant, or changes what is said of `tenant`. */
export function TenantForm({ form, tenant }: {
  readonly form: AttemptedForm;
  readonly tenant: TenantRecord | null;
}) {
  const metadata = tenant === null || Object.keys(tenant.metadata).length === 0
    ? ""
    : JSON.stringify(tenant.metadata, null, 2);
  return (
    <Form do={tenant === null ? "register" : "change"} layout="stack">
      <FieldErrors errors={form.errors} />
      {tenant === null && (
        <TextField
          name="id"
          label="External id"
          hint="As your systems name the customer. Not personal: it stays in the log."
          value={form.value("id")}
          error={form.error("id")}
          mono
          required
        />
      )}
      <TextField
        name="name"
        label="Name"
        value={form.value("name", tenant?.name)}
        error={form.error("name")}
        optional
      />
      <TextAreaField
        name="metadata"
        label="Metadata"
        hint="A JSON object for your own use"
        value={form.value("metadata", metadata)}
        error={form.error("metadata")}
        mono
        optional
      />
      <FormActions>
        <Button variant="primary">{tenant === null ? "Register tenant" : "Save"}</Button>
      </FormActions>
    </Form>
  );
}
