import { z } from "zod";
import { Button } from "../../../components/button.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import {
  DangerSection,
  type Definition,
  Definitions,
  Section,
  SheetActions,
} from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import {
  changeChannel,
  readChannel,
  removeChannel,
  testChannel,
} from "../../../lib/channels/channels.ts";
import { providerOf } from "../../../lib/channels/kinds.ts";
import { CHANNELS } from "../../../lib/channels/sending.ts";
import { deliveryId } from "../../../lib/endpoints/delivery.ts";
import type { ChannelRecord } from "../../../lib/store/records/channel.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { action, memberPage, type View } from "../../dashboard/page.ts";
import { ChannelForm, channelForm, FIELD_WORDS, KIND_WORDS, scopeWords } from "./channel_parts.tsx";
import {
  BrokenNotice,
  DeliveriesSection,
  EndpointState,
  PowerSection,
  type Tested,
  TestOutcome,
  TestSection,
} from "./endpoint_parts.tsx";
import {
  againActions,
  deliveriesQuery,
  deliveriesShown,
  mayReach,
  writeOf,
} from "./endpoint_calls.ts";
import { EVENT_WORDS } from "./event_words.tsx";

const byId = z.object({ id: z.string().max(64) });

type Call = MemberCall<z.output<typeof byId>, z.output<typeof deliveriesQuery>>;

const nothing = z.strictObject({});

const LIST = { label: "Channels", href: "/notifications/channels" } as const;

async function load(call: Call) {
  const channel = await call.transact(readChannel(call.params.id));
  return { channel, ...await deliveriesShown(call) };
}

type Shown = View<Awaited<ReturnType<typeof load>>> & { readonly tested?: Tested };

/** One channel: what is wrong with it, what it was told, and all that can be done with it. */
export const channelPage = memberPage({
  path: "/notifications/channels/:id",
  section: "notifications",
  needs: "configure",
  params: byId,
  query: deliveriesQuery,
  load,
  title: ({ channel }) => `Channel ${channel.name}`,
  view: (shown) => <ChannelView {...shown} />,
  actions: {
    change: action(
      z.strictObject(channelForm),
      async (call: Call, { name, secret, scope, events, ...fields }) => {
        const change = { name, scope, events, fields, ...(secret === "" ? {} : { secret }) };
        await call.transact(changeChannel(call.params.id, change, writeOf(call)));
        return { to: pathOf(call), notice: "Saved. Send a test to see that it arrives." };
      },
    ),
    on: action(nothing, async (call: Call) => {
      await call.transact(changeChannel(call.params.id, { status: "active" }, writeOf(call)));
      return {
        to: pathOf(call),
        notice: "It is on again. Send what it missed under Deliveries.",
      };
    }),
    off: action(nothing, async (call: Call) => {
      await call.transact(changeChannel(call.params.id, { status: "disabled" }, writeOf(call)));
      return { to: pathOf(call), notice: "It is off: it is told nothing." };
    }),
    test: action(nothing, async (call: Call) => {
      await mayReach(call);
      const { id } = call.params;
      const channel = await call.transact(readChannel(id));
      const { answer: error, ...rest } = await testChannel(call.services, call.org, channel);
      const tested = { ...rest, error, answer: null };
      const data = await load(call);
      return {
        show: <ChannelView data={data} attempt={null} now={call.now} tested={tested} />,
        title: `Channel ${data.channel.name}`,
      };
    }),
    ...againActions(CHANNELS, "/notifications/channels/:id"),
    remove: action(nothing, async (call: Call) => {
      const { name } = await call.transact(removeChannel(call.params.id, call.id));
      return { to: LIST.href, notice: `The channel ${name} is removed.` };
    }),
  },
});

function pathOf({ params: { id } }: Call): string {
  return pagePath("/notifications/channels/:id", { id });
}

function ChannelView({ data, attempt, now, tested }: Shown) {
  const { channel, lastFailed } = data;
  const { id, name, settings: { kind } } = channel;
  const provider = providerOf(kind).name;
  return (
    <>
      <PageHeader
        title={<UntrustedText text={name} />}
        breadcrumb={[LIST]}
        badges={<EndpointState endpoint={channel} now={now} />}
      />
      <TestOutcome tested={tested ?? null} />
      <BrokenNotice
        endpoint={channel}
        last={lastFailed}
        now={now}
        gone={`${KIND_WORDS[kind].gone} Then turn it on again.`}
        mend={`See what ${provider} says, and whether what is set below is still right. Then press Test.`}
      />
      <Section title="Details">
        <Definitions items={facts(channel, provider, now)} />
      </Section>
      <TestSection attempt={attempt}>
        Sends a message to {provider} that says it is a test, and shows what comes back.
      </TestSection>
      <DeliveriesSection
        {...data}
        attempt={attempt}
        now={now}
        pathOf={(query) => pagePath("/notifications/channels/:id", { id, ...query })}
        deliveryPath={(delivery) =>
          pagePath("/notifications/channels/:id/deliveries/:delivery", {
            id,
            delivery: deliveryId(delivery),
          })}
      />
      <Section title="Change it">
        <ChannelForm form={attempted(attempt, "change")} kind={kind} channel={channel} />
      </Section>
      <PowerSection endpoint={channel} attempt={attempt} what="channel" />
      <DangerSection
        id="remove"
        title="Remove this channel"
        open={attempt?.do === "remove"}
        description="It is told nothing any more, and its secret is forgotten."
      >
        <FieldErrors errors={attempted(attempt, "remove").errors} />
        <Form do="remove">
          <SheetActions>
            <Button variant="danger" icon="trash">Remove channel</Button>
          </SheetActions>
        </Form>
      </DangerSection>
    </>
  );
}

function facts(channel: ChannelRecord, provider: string, now: number): Definition[] {
  const { id, settings, events, scope, last_success_at, created_at } = channel;
  const { kind: _kind, ...fields } = settings;
  return [
    { term: "At", value: provider },
    ...Object.entries(fields).map(([field, value]) => ({
      term: FIELD_WORDS[field as keyof typeof FIELD_WORDS].label,
      value: <UntrustedText text={value} mono />,
    })),
    { term: "Hears of", value: scopeWords(scope) },
    { term: "Events", value: events.map((type) => EVENT_WORDS[type]).join(" · ") },
    {
      term: "Last arrived",
      value: last_success_at === null
        ? <span class="quiet">Never</span>
        : <Time at={last_success_at} now={now} />,
    },
    { term: "Made", value: <Time at={created_at} now={now} /> },
    { term: "Id", value: id, mono: true },
  ];
}
