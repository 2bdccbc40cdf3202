import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { Form } from "../../../components/form.tsx";
import { JsonView } from "../../../components/json_view.tsx";
import { DangerSection, Definitions, Section, SheetActions } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { changeTenant, readTenant, removeTenant } from "../../../lib/catalog/tenants.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional, optionalJson } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { tenantId } from "../../fields/action.ts";
import { displayName, metadataField } from "../../fields/catalog.ts";
import { TenantForm } from "./tenants.tsx";

const byId = z.object({ id: tenantId });

type Call = MemberCall<z.output<typeof byId>>;

const change = z.strictObject({
  name: optional(displayName.unwrap()),
  metadata: optionalJson(metadataField),
});

export const tenantPage = memberPage({
  path: "/tenants/:id",
  section: "tenants",
  needs: "read",
  params: byId,
  load: async (call) => ({
    tenant: await call.transact(readTenant(call.params.id)),
    mayConfigure: hasRight(call.caller.role, "configure"),
  }),
  title: ({ tenant }) => `Tenant ${tenant.id}`,
  view: ({ data: { tenant, mayConfigure }, attempt, now }) => (
    <>
      <PageHeader
        title={<UntrustedText text={tenant.name ?? tenant.id} />}
        breadcrumb={[{ label: "Tenants", href: "/tenants" }]}
        actions={
          <ButtonLink href={pagePath("/rules", { tenant_id: tenant.id })} icon="rules">
            Rules of this tenant
          </ButtonLink>
        }
      />
      <Section title="Details">
        <Definitions
          items={[
            { term: "External id", value: <UntrustedText text={tenant.id} mono /> },
            { term: "Registered", value: <Time at={tenant.created_at} now={now} /> },
          ]}
        />
        {mayConfigure
          ? <TenantForm form={attempted(attempt, "change")} tenant={tenant} />
          : <JsonView value={tenant.metadata} />}
      </Section>
      {mayConfigure && (
        <DangerSection
          id="remove"
          title="Remove this tenant"
          open={attempt?.do === "remove"}
          description="Its rules go with it. Actions that name it then need approval, as long as
            there are rules of other tenants."
        >
          <Form do="remove">
            <SheetActions>
              <Button variant="danger">Remove tenant and its rules</Button>
            </SheetActions>
          </Form>
        </DangerSection>
      )}
    </>
  ),
  actions: {
    change: action(change, async (call: Call, { name, metadata }) => {
      const { id } = call.params;
      const fields = { name, metadata: metadata ?? {} };
      await call.transact(changeTenant(id, fields, call.id), "configure");
      return { to: pagePath("/tenants/:id", { id }), notice: "Saved." };
    }, "configure"),
    remove: action(z.strictObject({}), async (call: Call) => {
      const { id } = call.params;
      const { rules_removed } = await removeTenant(
        (operation) => call.transact(operation, "configure"),
        id,
        call.id,
      );
      const rules = rules_removed === 1 ? "1 rule" : `${rules_removed} rules`;
      return { to: "/tenants", notice: `Tenant ${id} is removed, with ${rules}.` };
    }, "configure"),
  },
});
