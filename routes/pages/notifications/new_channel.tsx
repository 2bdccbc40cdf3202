import { z } from "zod";
import { ButtonLink } from "../../../components/button.tsx";
import { Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { RowLink, Table } from "../../../components/table.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { createChannel } from "../../../lib/channels/channels.ts";
import { CHANNEL_KINDS, providerOf } from "../../../lib/channels/kinds.ts";
import type { ChannelKind } from "../../../lib/store/records/channel.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { text } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { ChannelForm, channelForm, KIND_WORDS } from "./channel_parts.tsx";
import { writeOf } from "./endpoint_calls.ts";

const kind = z.enum(CHANNEL_KINDS, "must be one of the kinds");

const query = z.strictObject({ kind: kind.optional() });

type Call = MemberCall<undefined, z.output<typeof query>>;

const CRUMBS = [{ label: "Channels", href: "/notifications/channels" }] as const;

/** Adds a channel: first where it is, then what is needed there. */
export const newChannelPage = memberPage({
  path: "/notifications/channels/new",
  title: "New channel",
  section: "notifications",
  needs: "configure",
  query,
  load: ({ query, services }: Call) =>
    Promise.resolve({
      kind: query.kind ?? null,
      asksSlack: query.kind === "slack" && services.settings.channels.slack_app !== null,
    }),
  view: ({ data: { kind, asksSlack }, attempt }) =>
    kind === null ? <Kinds /> : (
      <>
        <PageHeader
          title={`New channel: ${providerOf(kind).name}`}
          breadcrumb={[{ label: "New channel", href: "/notifications/channels/new" }]}
        />
        {asksSlack && (
          <Section
            title="Choose it at Slack"
            description="Slack asks you for a channel, and for no more than posting there. It hears of
              every request, which you can change afterwards."
          >
            <p>
              <ButtonLink href="/channels/slack/connect" icon="external">Add to Slack</ButtonLink>
            </p>
          </Section>
        )}
        <Section title={asksSlack ? "Or paste an address" : "What it takes"}>
          <ChannelForm form={attempted(attempt, "create")} kind={kind} channel={null} />
        </Section>
      </>
    ),
  actions: {
    create: action(
      z.strictObject({ ...channelForm, kind: text(kind) }),
      async (call: Call, { name, kind, secret, scope, events, ...fields }) => {
        const channel = await call.transact(
          createChannel({ name, kind, secret, scope, events, fields }, writeOf(call)),
        );
        return {
          to: pagePath("/notifications/channels/:id", { id: channel.id }),
          notice: "The channel is added. Send a test to see that it arrives.",
        };
      },
    ),
  },
});

function Kinds() {
  return (
    <>
      <PageHeader title="New channel" breadcrumb={CRUMBS} />
      <Table<ChannelKind>
        caption="Where a channel can be"
        rows={CHANNEL_KINDS}
        rowKey={(kind) => kind}
        columns={[
          {
            key: "name",
            label: "Where",
            kind: "title",
            cell: (kind) => (
              <RowLink href={pagePath("/notifications/channels/new", { kind })}>
                {providerOf(kind).name}
              </RowLink>
            ),
          },
          { key: "needs", label: "You need", cell: (kind) => KIND_WORDS[kind].secret.label },
        ]}
        empty={null}
      />
    </>
  );
}
