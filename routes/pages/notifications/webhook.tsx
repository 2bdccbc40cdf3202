import { z } from "zod";
import { Button } from "../../../components/button.tsx";
import { CheckboxField } from "../../../components/choices.tsx";
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
import { deliveryId } from "../../../lib/endpoints/delivery.ts";
import type { WebhookRecord } from "../../../lib/store/records/endpoint.ts";
import { sendTest, WEBHOOKS } from "../../../lib/webhooks/sending.ts";
import {
  changeWebhook,
  removeWebhook,
  rotateWebhook,
  seeWebhook,
  testableWebhook,
} from "../../../lib/webhooks/webhooks.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { checkbox } from "../../dashboard/form.ts";
import { action, type Attempt, memberPage, type View } from "../../dashboard/page.ts";
import {
  BrokenNotice,
  DeliveriesSection,
  EndpointState,
  PowerSection,
  type Tested,
  TestOutcome,
  TestSection,
} from "./endpoint_parts.tsx";
import { againActions, deliveriesQuery, deliveriesShown, writeOf } from "./endpoint_calls.ts";
import { hostOf, newSecret, WebhookForm, webhookForm } from "./webhook_parts.tsx";

const byId = z.object({ id: z.string().max(64) });

type Call = MemberCall<z.output<typeof byId>, z.output<typeof deliveriesQuery>>;

const nothing = z.strictObject({});

const LIST = { label: "Webhooks", href: "/notifications/webhooks" } as const;

async function load(call: Call) {
  const webhook = await call.transact(seeWebhook(call.params.id));
  return { webhook, ...await deliveriesShown(call) };
}

type Shown = View<Awaited<ReturnType<typeof load>>> & { readonly tested?: Tested };

/** One webhook: what is wrong with it, what was sent to it, and all that can be done with it. */
export const webhookPage = memberPage({
  path: "/notifications/webhooks/:id",
  section: "notifications",
  needs: "configure",
  params: byId,
  query: deliveriesQuery,
  load,
  title: ({ webhook }) => `Webhook ${hostOf(webhook)}`,
  view: (shown) => <WebhookView {...shown} />,
  actions: {
    change: action(z.strictObject(webhookForm), async (call: Call, fields) => {
      await call.transact(changeWebhook(call.params.id, fields, writeOf(call)));
      return { to: pathOf(call), notice: "Saved." };
    }),
    on: action(nothing, async (call: Call) => {
      await call.transact(changeWebhook(call.params.id, { status: "active" }, writeOf(call)));
      return { to: pathOf(call), notice: "It is on again. Send what it missed under Deliveries." };
    }),
    off: action(nothing, async (call: Call) => {
      await call.transact(changeWebhook(call.params.id, { status: "disabled" }, writeOf(call)));
      return { to: pathOf(call), notice: "It is off: nothing is sent to it." };
    }),
    test: action(nothing, async (call: Call) => {
      const webhook = await call.transact(testableWebhook(call.params.id));
      const tested = await sendTest(call.services, call.org, webhook);
      const data = await load(call);
      return {
        show: <WebhookView data={data} attempt={null} now={call.now} tested={tested} />,
        title: `Webhook ${hostOf(webhook)}`,
      };
    }),
    rotate: action(z.strictObject({ force: checkbox }), async (call: Call, { force }) =>
      newSecret(
        await call.transact(rotateWebhook(call.params.id, { force, request_id: call.id })),
      )),
    ...againActions(WEBHOOKS, "/notifications/webhooks/:id"),
    remove: action(nothing, async (call: Call) => {
      const webhook = await call.transact(removeWebhook(call.params.id, call.id));
      return { to: LIST.href, notice: `The webhook to ${hostOf(webhook)} is removed.` };
    }),
  },
});

function pathOf({ params: { id } }: Call): string {
  return pagePath("/notifications/webhooks/:id", { id });
}

function WebhookView({ data, attempt, now, tested }: Shown) {
  const { webhook, lastFailed } = data;
  return (
    <>
      <PageHeader
        title={<UntrustedText text={hostOf(webhook)} />}
        breadcrumb={[LIST]}
        badges={<EndpointState endpoint={webhook} now={now} />}
      />
      <TestOutcome tested={tested ?? null} />
      <BrokenNotice
        endpoint={webhook}
        last={lastFailed}
        now={now}
        gone={
          <>
            It answered 410. Remove the webhook if that is so, or change the address and turn it on
            again.
          </>
        }
        mend={
          <>
            See that the receiver is up, takes a POST at this address, and answers with 2xx within
            15 seconds. Then press Test.
          </>
        }
      />
      <Section title="Details">
        <Definitions items={facts(webhook, now)} />
      </Section>
      <TestSection attempt={attempt}>
        Sends <code>webhook.test</code>, signed, and shows what comes back.
      </TestSection>
      <DeliveriesSection
        {...data}
        attempt={attempt}
        now={now}
        pathOf={(query) => pagePath("/notifications/webhooks/:id", { id: webhook.id, ...query })}
        deliveryPath={(delivery) =>
          pagePath("/notifications/webhooks/:id/deliveries/:delivery", {
            id: webhook.id,
            delivery: deliveryId(delivery),
          })}
      />
      <Section title="Change it">
        <WebhookForm form={attempted(attempt, "change")} webhook={webhook} />
      </Section>
      <PowerSection endpoint={webhook} attempt={attempt} what="webhook" />
      <RotateSection webhook={webhook} attempt={attempt} now={now} />
      <DangerSection
        id="remove"
        title="Remove this webhook"
        open={attempt?.do === "remove"}
        description="Nothing is sent to it any more, what waits to be sent included. What was sent is
          forgotten."
      >
        <FieldErrors errors={attempted(attempt, "remove").errors} />
        <Form do="remove">
          <SheetActions>
            <Button variant="danger" icon="trash">Remove webhook</Button>
          </SheetActions>
        </Form>
      </DangerSection>
    </>
  );
}

function facts(webhook: WebhookRecord, now: number): Definition[] {
  const { id, url, description, events, rotating_until, last_success_at, created_at } = webhook;
  return [
    { term: "Address", value: <UntrustedText text={url} mono /> },
    ...(description === "" ? [] : [{ term: "For", value: <UntrustedText text={description} /> }]),
    { term: "Events", value: events.join(", "), mono: true },
    {
      term: "Last arrived",
      value: last_success_at === null
        ? <span class="quiet">Never</span>
        : <Time at={last_success_at} now={now} />,
    },
    {
      term: "Signed by",
      value: rotating_until !== null && now < rotating_until
        ? (
          <>
            Two secrets, until <Time at={rotating_until} now={now} />
          </>
        )
        : "One secret",
    },
    { term: "Made", value: <Time at={created_at} now={now} /> },
    { term: "Id", value: id, mono: true },
  ];
}

function RotateSection({ webhook: { rotating_until }, attempt, now }: {
  readonly webhook: WebhookRecord;
  readonly attempt: Attempt | null;
  readonly now: number;
}) {
  const form = attempted(attempt, "rotate");
  const isRotating = rotating_until !== null && now < rotating_until;
  return (
    <DangerSection
      id="rotate"
      title="Rotate the secret"
      open={attempt?.do === "rotate"}
      description="You get a new secret, this once, and for 24 hours the one before signs as well. It
        asks for your passkey."
    >
      <FieldErrors errors={form.errors} />
      <Form do="rotate" layout="stack">
        {isRotating && (
          <CheckboxField
            name="force"
            label="End the oldest secret now"
            hint="Two secrets sign at the moment. A receiver that knows only the oldest refuses what
              comes."
            checked={form.checked("force")}
            required
          />
        )}
        <SheetActions>
          <Button variant="danger" icon="refresh">Rotate secret</Button>
        </SheetActions>
      </Form>
    </DangerSection>
  );
}
