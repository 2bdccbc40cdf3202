import { z } from "zod";
import { ButtonLink } from "../../../components/button.tsx";
import { EmptyState, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { RowLink, Table } from "../../../components/table.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { WebhookRecord } from "../../../lib/store/records/endpoint.ts";
import { createWebhook, listWebhooks } from "../../../lib/webhooks/webhooks.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { writeOf } from "./endpoint_calls.ts";
import { brokenFirst, healthColumns } from "./endpoint_parts.tsx";
import { eventsWords } from "./event_words.tsx";
import { NotificationTabs } from "./tabs.tsx";
import { newSecret, WebhookForm, webhookForm } from "./webhook_parts.tsx";

/** The webhooks of the organization, those that are broken first, and a new one. */
export const webhooksPage = memberPage({
  path: "/notifications/webhooks",
  title: "Webhooks",
  section: "notifications",
  needs: "configure",
  load: async (call: MemberCall) => {
    const webhooks = await listWebhooks(call.services.deps.kv, call.org);
    return {
      rows: brokenFirst(webhooks),
      mayConfigure: hasRight(call.caller.role, "configure"),
    };
  },
  view: ({ data: { rows, mayConfigure }, attempt, now }) => (
    <>
      <PageHeader
        title="Notifications"
        description="Each event is posted to an address of yours, signed, and tried again for 27 hours."
        tabs={<NotificationTabs current="webhooks" mayConfigure={mayConfigure} />}
        actions={<ButtonLink href="#new" icon="plus">New webhook</ButtonLink>}
      />
      <Webhooks rows={rows} now={now} />
      <Section title="New webhook" id="new">
        <WebhookForm form={attempted(attempt, "create")} webhook={null} />
      </Section>
    </>
  ),
  actions: {
    create: action(z.strictObject(webhookForm), async (call: MemberCall, fields) => {
      const made = await call.transact(createWebhook(fields, writeOf(call)));
      return newSecret(made);
    }),
  },
});

function Webhooks({ rows, now }: {
  readonly rows: readonly WebhookRecord[];
  readonly now: number;
}) {
  return (
    <Table<WebhookRecord>
      caption="Webhooks"
      rows={rows}
      rowKey={({ id }) => id}
      columns={[
        {
          key: "url",
          label: "Address",
          kind: "title",
          cell: ({ id, url }) => (
            <RowLink href={pagePath("/notifications/webhooks/:id", { id })}>
              <UntrustedText text={url} />
            </RowLink>
          ),
        },
        healthColumns(now).state,
        { key: "events", label: "Events", cell: ({ events }) => eventsWords(events) },
        {
          key: "description",
          label: "For",
          cell: ({ description }) => <UntrustedText text={description} />,
        },
        healthColumns(now).arrived,
      ]}
      empty={
        <EmptyState icon="link" title="No webhooks">
          A webhook tells a system of yours what happens here. It never gets arguments, and nothing
          it answers decides anything.
        </EmptyState>
      }
    />
  );
}
