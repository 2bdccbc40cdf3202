import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { TextAreaField, TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { JsonView } from "../../../components/json_view.tsx";
import { DangerSection, Definitions, Section, SheetActions } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { changeResource, readResource, removeResource } from "../../../lib/catalog/resources.ts";
import { readTombstone } from "../../../lib/mandates/tombstones.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { ResourceRecord } from "../../../lib/store/records/policy.ts";
import { attempted, type AttemptedForm } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional, optionalJson } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { resourceId } from "../../fields/action.ts";
import { displayName, metadataField, resourceType } from "../../fields/catalog.ts";

/** What is said of a resource, as a form sends it. */
export const resourceFields = {
  name: optional(displayName.unwrap()),
  type: optional(resourceType.unwrap()),
  metadata: optionalJson(metadataField),
};

const byId = z.object({ id: resourceId });

type Call = MemberCall<z.output<typeof byId>>;

const change = z.strictObject(resourceFields);

/** One resource: what is said of it. */
export const resourcePage = memberPage({
  path: "/resources/:id",
  section: "resources",
  needs: "read",
  params: byId,
  load: async (call: Call) => ({
    resource: await call.transact(readResource(call.params.id)),
    tombstone: await call.transact({
      load: (reader) => readTombstone(reader, call.params.id),
      plan: (_transaction, _caller, found) => found,
    }),
    mayConfigure: hasRight(call.caller.role, "configure"),
  }),
  title: ({ resource }) => `Resource ${resource.id}`,
  view: ({ data: { resource, tombstone, mayConfigure }, attempt, now }) => (
    <>
      <PageHeader
        title={<UntrustedText text={resource.name ?? resource.id} />}
        breadcrumb={[{ label: "Resources", href: "/resources" }]}
        actions={
          <ButtonLink
            href={`${pagePath("/rules", { resource_id: resource.id })}#all`}
            icon="rules"
          >
            Rules that name it
          </ButtonLink>
        }
      />
      <Section title="Details">
        <Definitions
          items={[
            { term: "External id", value: <UntrustedText text={resource.id} mono /> },
            {
              term: "Type",
              value: resource.type === null
                ? <span class="quiet">None</span>
                : <UntrustedText text={resource.type} />,
            },
            { term: "Registered", value: <Time at={resource.created_at} now={now} /> },
            {
              term: "Mandates",
              value: tombstone === null ? "May reach it where they name it" : (
                <>
                  <a href="/tombstones">Closed to all of them</a>,{" "}
                  <Time at={tombstone.created_at} now={now} show="relative" />
                </>
              ),
            },
          ]}
        />
        {!mayConfigure && Object.keys(resource.metadata).length > 0 && (
          <JsonView value={resource.metadata} />
        )}
      </Section>
      {mayConfigure && (
        <>
          <Section title="Change what is said of it">
            <ResourceForm form={attempted(attempt, "change")} resource={resource} />
          </Section>
          <DangerSection
            id="remove"
            title="Remove this resource"
            open={attempt?.do === "remove"}
            description="What is said of it goes. Rules that name it stay, and actions on it are
              decided as before."
          >
            <FieldErrors errors={attempted(attempt, "remove").errors} />
            <Form do="remove">
              <SheetActions>
                <Button variant="danger">Remove resource</Button>
              </SheetActions>
            </Form>
          </DangerSection>
        </>
      )}
    </>
  ),
  actions: {
    change: action(change, async (call: Call, { metadata, ...fields }) => {
      const { id } = call.params;
      const said = { ...fields, metadata: metadata ?? {} };
      await call.transact(changeResource(id, said, call.id), "configure");
      return { to: pagePath("/resources/:id", { id }), notice: "Saved." };
    }, "configure"),
    remove: action(z.strictObject({}), async (call: Call) => {
      const { id } = call.params;
      await call.transact(removeResource(id, call.id), "configure");
      return { to: "/resources", notice: `Resource ${id} is removed.` };
    }, "configure"),
  },
});

/** The form that registers a resource, or changes what is said of `resource`. */
export function ResourceForm({ form, resource }: {
  readonly form: AttemptedForm;
  readonly resource: ResourceRecord | null;
}) {
  const metadata = resource === null || Object.keys(resource.metadata).length === 0
    ? ""
    : JSON.stringify(resource.metadata, null, 2);
  return (
    <Form do={resource === null ? "register" : "change"} layout="stack">
      <FieldErrors errors={form.errors} />
      {resource === null && (
        <TextField
          name="id"
          label="External id"
          hint="As agents name it in their calls, such as server-prod-01. Not personal: it stays in
            the log."
          value={form.value("id")}
          error={form.error("id")}
          maxLength={128}
          autoComplete="off"
          mono
          required
        />
      )}
      <div class="grid-2">
        <TextField
          name="name"
          label="Name"
          hint="What people call it."
          value={form.value("name", resource?.name)}
          error={form.error("name")}
          maxLength={200}
          optional
        />
        <TextField
          name="type"
          label="Type"
          hint="What kind of thing it is, such as server or invoice."
          value={form.value("type", resource?.type)}
          error={form.error("type")}
          maxLength={64}
          optional
        />
      </div>
      <TextAreaField
        name="metadata"
        label="Metadata"
        hint="A JSON object for your own use. It decides nothing."
        value={form.value("metadata", metadata)}
        error={form.error("metadata")}
        rows={metadata === "" ? 3 : 8}
        spellcheck={false}
        mono
        optional
      />
      <FormActions>
        <Button variant="primary">{resource === null ? "Register resource" : "Save"}</Button>
      </FormActions>
    </Form>
  );
}
