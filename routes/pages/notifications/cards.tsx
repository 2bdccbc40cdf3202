import { z } from "zod";
import { CodeBlock } from "../../../components/code.tsx";
import { Disclosure, Section, Tabs } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { UntrustedText, Words } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { type ChannelLook, channelLooks } from "../../../lib/channels/kinds.ts";
import type { ChannelKind } from "../../../lib/store/records/channel.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { memberPage } from "../../dashboard/page.ts";

const SHOWN = {
  requested: "Waits",
  escalated: "Level 2",
  approved: "Approved",
  denied: "Denied",
  expired: "Expired",
  cancelled: "Cancelled",
  revoked: "Revoked",
  test: "Test",
} as const;

type Shown = keyof typeof SHOWN;

const NEWS = Object.keys(SHOWN) as Shown[];

const query = z.strictObject({ news: z.enum(NEWS).default("requested") });

/** How a request looks in each provider, before anything is sent there. */
export const cardsPage = memberPage({
  path: "/notifications/channels/cards",
  title: "Cards",
  section: "notifications",
  needs: "configure",
  query,
  load: ({ query: { news }, services }: MemberCall<undefined, z.output<typeof query>>) =>
    Promise.resolve({ news, looks: channelLooks(news, services.settings.url.origin) }),
  view: ({ data: { news, looks } }) => (
    <>
      <PageHeader
        title="Cards"
        breadcrumb={[{ label: "Channels", href: "/notifications/channels" }]}
        description="What each provider is sent, and about how it shows it. Of a request it is these
          words alone, never an argument; what an agent wrote can mention nobody and link nowhere."
      />
      <Tabs
        label="What happened"
        tabs={NEWS.map((one) => ({
          label: SHOWN[one],
          href: pagePath("/notifications/channels/cards", { news: one }),
          current: one === news,
        }))}
      />
      <div class="grid-2">
        {looks.map((look) => (
          <Section key={look.kind} title={look.name}>
            {isSilent(look.kind, news) ? <p class="quiet">Resolves its incident.</p> : (
              <>
                <Card look={look} />
                <Disclosure summary="What is sent">
                  <CodeBlock code={JSON.stringify(look.body, null, 2)} label="JSON" wrap />
                </Disclosure>
              </>
            )}
          </Section>
        ))}
      </div>
    </>
  ),
});

/** How providers lay out what they are sent. */
const LAYOUTS: Readonly<Record<ChannelKind, "blocks" | "bar" | "flat">> = {
  slack: "blocks",
  teams: "blocks",
  discord: "bar",
  mattermost: "bar",
  pagerduty: "flat",
  pagerduty_events: "flat",
  ntfy: "flat",
  gotify: "flat",
  telegram: "flat",
};

/** Whether a provider of incidents has nothing new to show: what was opened is closed. */
function isSilent(kind: ChannelKind, news: Shown): boolean {
  return kind.startsWith("pagerduty") &&
    !["requested", "escalated", "expired", "test"].includes(news);
}

function Card({ look: { kind, title, lines, link } }: { readonly look: ChannelLook }) {
  return (
    <div class={`card card-${LAYOUTS[kind]}`}>
      <p class="card-title">
        <Words text={title} />
      </p>
      <dl class="card-lines">
        {lines.filter(({ label }) => label !== "").map(({ label, text, theirs }) => (
          <div key={label} class={theirs ? "card-line card-theirs" : "card-line"}>
            <dt>{label}</dt>
            <dd>
              {theirs ? <UntrustedText text={text} mono /> : <Words text={text} />}
            </dd>
          </div>
        ))}
      </dl>
      {lines.filter(({ label }) => label === "").map(({ text }) => <p key={text}>{text}</p>)}
      <p class="card-link">{link.label}</p>
    </div>
  );
}
