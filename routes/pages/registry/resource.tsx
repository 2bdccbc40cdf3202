import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { Definitions } from "../../../components/definitions.tsx";
import { FieldErrors } from "../../../components/field_errors.tsx";
import { Form } from "../../../components/form.tsx";
import { JsonView } from "../../../components/json_view.tsx";
import { PageHeader } from "../../../components/layout.tsx";
import { Section } from "../../../components/section.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted_text.tsx";
import { changeResource, readResource, removeResource } from "../../../lib/catalog/resources.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { resourceId } from "../../fields/action.ts";
import { withQuery } from "../../page_query.ts";
import { resourceFields, resourcePath } from "../resource_fields.ts";
import { ResourceForm } from "../resource_form.tsx";

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
    mayConfigure: hasRight(call.caller.role, "configure"),
  }),
  title: ({ resource }) => `Resource ${resource.id}`,
  view: ({ data: { resource, mayConfigure }, attempt, now }) => (
    <>
      <PageHeader
        title={<UntrustedText text={resource.name ?? resource.id} />}
        breadcrumb={[{ label: "Resources", href: "/resources" }]}
        actions={
          <ButtonLink
            href={`${withQuery("/rules", { resource_id: resource.id })}#all`}
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
          <Section
            title="Remove this resource"
            look="danger"
            description="What is said of it goes. Rules that name it stay, and actions on it are
              decided as before."
          >
            <FieldErrors errors={attempted(attempt, "remove").errors} />
            <Form do="remove">
              <Button variant="danger">Remove resource</Button>
            </Form>
          </Section>
        </>
      )}
    </>
  ),
  actions: {
    change: action(change, async (call: Call, { metadata, ...fields }) => {
      const { id } = call.params;
      const said = { ...fields, metadata: metadata ?? {} };
      await call.transact(changeResource(id, said, call.id), "configure");
      return { to: resourcePath(id), notice: "Saved." };
    }, "configure"),
    remove: action(z.strictObject({}), async (call: Call) => {
      const { id } = call.params;
      await call.transact(removeResource(id, call.id), "configure");
      return { to: "/resources", notice: `Resource ${id} is removed.` };
    }, "configure"),
  },
});
