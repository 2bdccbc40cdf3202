import { z } from "zod";
import { PageHeader } from "../../../components/layout.tsx";
import { Steps } from "../../../components/steps.tsx";
import FirstCheck from "../../../islands/first_check.tsx";
import { createApiKey } from "../../../lib/catalog/api_keys.ts";
import { DEFAULT_RATE_LIMIT } from "../../../lib/identity/machine_fields.ts";
import type { JsonValue } from "../../../lib/json/json_value.ts";
import { sendSample, type Transact } from "../../../lib/onboarding/sample.ts";
import { runSample } from "../../../lib/quickstart/run_sample.ts";
import { logHeadKey } from "../../../lib/store/keys.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { checkbox, text } from "../../dashboard/form.ts";
import { liveStream } from "../../dashboard/live.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { type Endpoint, memberEndpoint } from "../../endpoint.ts";
import { newMachineFields } from "../../fields/machine.ts";
import { ConnectStep } from "../quickstart_connect.tsx";
import { KeyPage } from "../quickstart_key.tsx";
import { firstCheckOf, firstCheckWatch, quickstartData } from "./data.ts";
import { SampleStep } from "./sample.tsx";

const PATH = "/quickstart";

const nothing = z.strictObject({});

/** Sent from the Quickstart, or by who has just stored their recovery codes. */
const sending = z.strictObject({ stored: checkbox });

/** From nothing to an agent of one's own: a sample request, a key, the first check. */
export const quickstartPage = memberPage({
  path: PATH,
  title: "Quickstart",
  section: "quickstart",
  needs: "read",
  load: quickstartData,
  view: ({ data, attempt, now }) => {
    const { isSampled, isConnected, check } = data;
    const current = !isSampled ? 0 : !isConnected ? 1 : 2;
    const state = (step: number, isDone: boolean) =>
      isDone ? "done" as const : step === current ? "current" as const : "later" as const;
    return (
      <>
        <PageHeader
          title="Quickstart"
          description="See one request through, then connect an agent of your own."
        />
        <Steps
          steps={[
            {
              title: "Send yourself a request",
              state: state(0, isSampled),
              content: <SampleStep data={data} attempt={attempt} now={now} />,
            },
            {
              title: "Connect your own agent",
              state: state(1, isConnected),
              content: <ConnectStep data={data} attempt={attempt} />,
            },
            {
              title: "Watch for its first check",
              state: state(2, check !== null),
              content: <FirstCheck start={{ check }} stream={`${PATH}/live`} now={now} />,
            },
          ]}
        />
      </>
    );
  },
  actions: {
    sample: action(sending, async (call: MemberCall) => {
      const { record } = await sendSample(transactOf(call), call.client);
      return { to: `/approvals/${record.id}` };
    }, "configure"),
    run: action(nothing, async (call: MemberCall) => {
      await runSample(transactOf(call), call.services.deps.sealer, call.client);
      return { to: PATH, notice: "The sample ran: its token counted once, and counts no more." };
    }, "configure"),
    key: action(
      z.strictObject({ name: text(newMachineFields.name) }),
      async (call: MemberCall, { name }) => {
        const { record, secret } = await call.transact(
          createApiKey({
            name,
            tier: "standard",
            trust_tier: 0,
            tenant_ids: null,
            expires_at: null,
            rate_limit_per_minute: DEFAULT_RATE_LIMIT,
            audit_private: false,
          }, call.id),
          "configure",
        );
        const { origin } = call.services.settings.url;
        return {
          title: "Your key",
          show: (
            <KeyPage
              name={record.name}
              secret={secret}
              origin={origin}
              now={call.now}
              id={record.id}
            />
          ),
        };
      },
      "configure",
    ),
  },
});

export const quickstartEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "get",
    path: `${PATH}/live`,
    isWatch: true,
    needs: "read",
    query: z.strictObject({ actor: z.string().max(64).optional() }),
    handle: (call) => {
      const watch = firstCheckWatch(call.query.actor ?? null);
      const look = async () => {
        const check = await firstCheckOf(call, watch);
        return { check } as unknown as JsonValue;
      };
      return Promise.resolve(liveStream(call, { rows: [logHeadKey(call.org)] }, look));
    },
  }),
];

/** What the member does here is theirs to do with the right that making things takes. */
function transactOf(call: MemberCall): Transact {
  return (operation) => call.transact(operation, "configure");
}
