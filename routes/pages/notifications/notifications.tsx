import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { CheckboxGroup } from "../../../components/choices.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Notice, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import PushSwitch from "../../../islands/push_switch.tsx";
import type { PushBrowserRow } from "../../../islands/push_switch.tsx";
import { listDeliveries, readPreference, setPreference } from "../../../lib/alerts/preferences.ts";
import { sendTest } from "../../../lib/alerts/send.ts";
import {
  listSubscriptions,
  publicPushKey,
  pushSubscriptionFields,
  subscribePush,
  unsubscribePush,
} from "../../../lib/alerts/subscriptions.ts";
import { listChannels } from "../../../lib/channels/channels.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import {
  ALERT_KINDS,
  type AlertKind,
  type AlertPreference,
  type Channel,
  CHANNELS,
} from "../../../lib/store/records/alert.ts";
import { listWebhooks } from "../../../lib/webhooks/webhooks.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { type Endpoint, memberEndpoint } from "../../dashboard/endpoint.ts";
import { several, text } from "../../dashboard/form.ts";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import { browserWords } from "../account/security_tables.tsx";
import { isBroken } from "./endpoint_parts.tsx";
import { NotificationTabs } from "./tabs.tsx";
import { FAILED_SHOWN, FailedDeliveries, type FailedRow, TestResult } from "./deliveries.tsx";

const PATH = "/notifications";

type Call = MemberCall<unknown, unknown>;

const kinds = several(z.enum(ALERT_KINDS, "must be one of the alerts"));

const preferenceForm = z.strictObject({ mail: kinds, push: kinds });

const subscriptionId = z.string().regex(/^[0-9a-f]{32}$/, "is no id of a browser");

/** How the member who looks is told about requests, and what did not arrive. */
export const notificationsPage = memberPage({
  path: PATH,
  title: "Notifications",
  section: "notifications",
  needs: "read",
  load: async (call: Call) => {
    const { services, caller, org } = call;
    const seesAll = hasRight(caller.role, "configure");
    const names = await call.transact({ plan: ({ snapshot }) => namesOf(snapshot) });
    const [webhooks, channels] = seesAll
      ? await Promise.all([
        listWebhooks(services.deps.kv, org),
        listChannels(services.deps.kv, org),
      ])
      : [[], []];
    const [preference, browsers, publicKey, failed] = await Promise.all([
      readPreference(services.deps.kv, org, caller.id),
      browsersOf(call),
      publicPushKey(services),
      listDeliveries(services, org, {
        failed: true,
        limit: FAILED_SHOWN,
        ...(seesAll ? {} : { member: caller.id }),
      }),
    ]);
    return {
      preference,
      browsers,
      publicKey,
      seesAll,
      broken: {
        webhooks: webhooks.filter(isBroken).length,
        channels: channels.filter(isBroken).length,
      },
      failed: failed.map((delivery): FailedRow => ({
        delivery,
        isOwn: delivery.member === caller.id,
        member: names.of(delivery.member),
      })),
      decides: hasRight(caller.role, "decide"),
      mailConfigured: services.deps.mail.configured,
    };
  },
  view: ({ data, attempt, now }) => (
    <>
      <PageHeader
        title="Notifications"
        description="How you are told about requests. Every member chooses for themself."
        tabs={<NotificationTabs current="mine" mayConfigure={data.seesAll} />}
      />
      <BrokenElsewhere {...data.broken} />
      {!data.mailConfigured && (
        <Notice tone="warning" live={false} title="No mail server is set up">
          Nobody gets mails from this deployment. Whoever runs it sets <code>SMTP_URL</code> and
          {" "}
          <code>MAIL_FROM</code>. Pushes work without.
        </Notice>
      )}
      <Section
        title="What you are told"
        description={data.decides
          ? "An alert says the risk, the tool, the reason and until when it waits, never the arguments."
          : "As a viewer you hear only how requests of agents and keys that you answer for were " +
            "decided."}
      >
        <PreferenceForm preference={data.preference} attempt={attempt} />
      </Section>
      <Section
        title="Pushes"
        description="A push comes at once, even while no page of ours is open."
      >
        <RemoveProblem attempt={attempt} />
        <PushSwitch publicKey={data.publicKey} browsers={data.browsers} now={now} />
        <noscript>
          <p>Turning pushes on needs JavaScript. Allow it for this page, then load it again.</p>
        </noscript>
      </Section>
      <Section
        title="Try it"
        description={data.mailConfigured
          ? "Sends you a mail, and a push to each browser in the list."
          : "Sends a push to each browser in the list."}
      >
        <Form do="test">
          <FieldErrors errors={attempted(attempt, "test").errors} />
          <Button icon="bell">Send me a test</Button>
        </Form>
      </Section>
      <Section
        title="What didn't arrive"
        description={data.seesAll
          ? "Alerts to anybody here that failed for good within the last 30 days."
          : "Alerts to you that failed for good within the last 30 days."}
      >
        <FailedDeliveries rows={data.failed} now={now} />
      </Section>
    </>
  ),
  actions: {
    prefer: action(preferenceForm, async (call: Call, ticked) => {
      const preference = { mail: switches(ticked.mail), push: switches(ticked.push) };
      await call.transact(setPreference(preference, call.id));
      return { to: PATH, notice: "Saved." };
    }),
    remove_browser: action(
      z.strictObject({ id: text(subscriptionId) }),
      async (call: Call, { id }) => {
        await call.transact(unsubscribePush(id, call.client));
        return { to: PATH, notice: "That browser takes no pushes any more." };
      },
    ),
    test: action(z.strictObject({}), async (call: Call) => {
      const { services, caller } = call;
      const deliveries = await sendTest(services, caller);
      for (const { to, outcome } of deliveries) {
        if (to.channel !== "push" || outcome.type !== "gone") continue;
        await call.transact(unsubscribePush(to.subscription.id, call.client));
      }
      const { configured } = services.deps.mail;
      return {
        show: <TestResult deliveries={deliveries} mailConfigured={configured} />,
        title: "Test",
      };
    }),
  },
});

/** What the switch of this browser asks for. */
export const notificationsEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "post",
    path: "/notifications/push",
    needs: "read",
    body: pushSubscriptionFields,
    handle: async (call) => {
      const { id } = await call.transact(subscribePush(call.body, call.client));
      return { id, browsers: await browsersOf(call) };
    },
  }),
  memberEndpoint({
    method: "post",
    path: "/notifications/push/remove",
    needs: "read",
    body: z.strictObject({ id: subscriptionId }),
    handle: async (call) => {
      await call.transact(unsubscribePush(call.body.id, call.client));
      return { browsers: await browsersOf(call) };
    },
  }),
];

const KIND_WORDS: Readonly<Record<AlertKind, { readonly label: string; readonly hint: string }>> = {
  new_request: { label: "A new request", hint: "that you may decide" },
  second_level: { label: "A second approval", hint: "Level 1 approved, Level 2 is yours" },
  nearing_expiry: { label: "Soon expired", hint: "a request that nobody has decided yet" },
  decided: {
    label: "Decided",
    hint: "by somebody else, or one of an agent or key that you answer for",
  },
};

const CHANNEL_WORDS: Readonly<Record<Channel, string>> = { mail: "By mail", push: "By push" };

function PreferenceForm({ preference, attempt }: {
  readonly preference: AlertPreference;
  readonly attempt: Attempt | null;
}) {
  const form = attempted(attempt, "prefer");
  return (
    <Form do="prefer" layout="stack">
      <FieldErrors errors={form.errors} />
      <div class="grid-2">
        {CHANNELS.map((channel) => (
          <CheckboxGroup
            key={channel}
            name={channel}
            label={CHANNEL_WORDS[channel]}
            error={form.error(channel)}
            values={form.values(channel, ALERT_KINDS.filter((kind) => preference[channel][kind]))}
            options={ALERT_KINDS.map((kind) => ({ value: kind, ...KIND_WORDS[kind] }))}
          />
        ))}
      </div>
      <FormActions>
        <Button variant="primary">Save</Button>
      </FormActions>
    </Form>
  );
}

/** That what is sent outside of the organization does not arrive, for who can mend it. */
function BrokenElsewhere({ webhooks, channels }: {
  readonly webhooks: number;
  readonly channels: number;
}) {
  if (webhooks + channels === 0) return null;
  return (
    <Notice
      tone="danger"
      live={false}
      title={`Broken: ${
        [counted(channels, "channel"), counted(webhooks, "webhook")].filter(Boolean).join(", ")
      }`}
      actions={
        <>
          {channels > 0 && (
            <ButtonLink href="/notifications/channels" size="small">Channels</ButtonLink>
          )}
          {webhooks > 0 && (
            <ButtonLink href="/notifications/webhooks" size="small">Webhooks</ButtonLink>
          )}
        </>
      }
    >
      What is sent there doesn't arrive. Each says why, and what to do.
    </Notice>
  );
}

/** A number of things; empty for none. */
function counted(count: number, noun: string): string {
  return count === 0 ? "" : `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function RemoveProblem({ attempt }: { readonly attempt: Attempt | null }) {
  if (attempt?.do !== "remove_browser") return null;
  return <Notice tone="danger">{attempt.message}</Notice>;
}

function switches(ticked: readonly AlertKind[]): AlertPreference["mail"] {
  const isOn = (kind: AlertKind) => ticked.includes(kind);
  return {
    new_request: isOn("new_request"),
    second_level: isOn("second_level"),
    nearing_expiry: isOn("nearing_expiry"),
    decided: isOn("decided"),
  };
}

/** The member's browsers as their list shows them. */
async function browsersOf({ services, account }: MemberCall<unknown, unknown, unknown>) {
  const browsers = await listSubscriptions(services.deps.kv, account);
  return browsers.map(({ id, user_agent, created_at }): PushBrowserRow & JsonRow => ({
    id,
    name: browserWords(user_agent),
    created_at,
  }));
}

/** Says that a row is JSON, as an endpoint answers it. */
type JsonRow = Record<string, string | number>;
