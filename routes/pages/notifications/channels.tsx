import { ButtonLink } from "../../../components/button.tsx";
import { EmptyState } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { RowLink, Table } from "../../../components/table.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { listChannels } from "../../../lib/channels/channels.ts";
import { providerOf } from "../../../lib/channels/kinds.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { ChannelRecord } from "../../../lib/store/records/channel.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { memberPage } from "../../dashboard/page.ts";
import { scopeWords } from "./channel_parts.tsx";
import { brokenFirst, healthColumns } from "./endpoint_parts.tsx";
import { NotificationTabs } from "./tabs.tsx";

/** Where teams are told of requests, what is broken first. */
export const channelsPage = memberPage({
  path: "/notifications/channels",
  title: "Channels",
  section: "notifications",
  needs: "configure",
  load: async ({ services, org, caller }: MemberCall) => {
    const channels = await listChannels(services.deps.kv, org);
    return {
      rows: brokenFirst(channels),
      mayConfigure: hasRight(caller.role, "configure"),
    };
  },
  view: ({ data: { rows, mayConfigure }, now }) => (
    <>
      <PageHeader
        title="Notifications"
        tabs={<NotificationTabs current="channels" mayConfigure={mayConfigure} />}
        actions={
          <ButtonLink href="/notifications/channels/new" variant="primary" icon="plus">
            Add channel
          </ButtonLink>
        }
      />
      <Table<ChannelRecord>
        caption="Channels"
        rows={rows}
        rowKey={({ id }) => id}
        columns={[
          {
            key: "name",
            label: "Channel",
            kind: "title",
            cell: ({ id, name }) => (
              <RowLink href={pagePath("/notifications/channels/:id", { id })}>
                <UntrustedText text={name} />
              </RowLink>
            ),
          },
          healthColumns(now).state,
          { key: "kind", label: "At", cell: ({ settings }) => providerOf(settings.kind).name },
          { key: "scope", label: "Hears of", cell: ({ scope }) => scopeWords(scope) },
          healthColumns(now).arrived,
        ]}
        empty={
          <EmptyState icon="bell" title="No channels">
            A channel tells a team of requests in Slack, Microsoft Teams, PagerDuty and others. Its
            cards link here: nobody approves from a chat.
          </EmptyState>
        }
      />
      <p>
        <a href="/notifications/channels/cards">See how a request looks at each provider</a>
      </p>
    </>
  ),
});
