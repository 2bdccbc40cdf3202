import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { CodeBlock } from "../../../components/code.tsx";
import CopyButton from "../../../components/copy_button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Disclosure, Notice, Steps } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { MachineName } from "../../../components/untrusted.tsx";
import Connect from "../../../islands/connect.tsx";
import FirstCheck from "../../../islands/first_check.tsx";
import type { JsonValue } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { createAgent, type TokenedAgent } from "../../../lib/catalog/agents.ts";
import { DEFAULT_RATE_LIMIT } from "../../../lib/catalog/api_keys.ts";
import { TOKEN_VARIABLE } from "../../../lib/onboarding/programs.ts";
import { runSample, sendSample, type Transact } from "../../../lib/onboarding/sample.ts";
import { WAY_KEYS, type WayKey, waysToConnect } from "../../../lib/onboarding/ways.ts";
import { requesterWords } from "../../../lib/sheet/sentence.ts";
import { logHeadKey } from "../../../lib/store/keys.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { type Endpoint, memberEndpoint } from "../../dashboard/endpoint.ts";
import { checkbox, text } from "../../dashboard/form.ts";
import { liveStream } from "../../dashboard/live.ts";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import { newMachineFields } from "../../fields/machine.ts";
import { firstCheckOf, firstCheckWatch, type QuickstartData, quickstartData } from "./data.ts";
import { SampleStep } from "./sample.tsx";
import { AnyOf } from "./skill.tsx";

const PATH = "/quickstart";

const nothing = z.strictObject({});

/** Sent from the Quickstart, or by who has just stored their recovery codes. */
const sending = z.strictObject({ stored: checkbox });

const query = z.object({ with: z.enum(WAY_KEYS).default("curl").catch("curl") });

type Call = MemberCall<undefined, z.output<typeof query>>;

/** From nothing to an agent of one's own: a sample request, an agent, a way in, the first call. */
export const quickstartPage = memberPage({
  path: PATH,
  title: "Quickstart",
  section: "quickstart",
  needs: "read",
  query,
  load: pageData,
  view: ({ data, attempt, now }) => (
    <Quickstart data={data} attempt={attempt} now={now} made={null} />
  ),
  actions: {
    sample: action(sending, async (call: Call) => {
      const { record } = await sendSample(transactOf(call), call.client);
      return { to: pagePath("/approvals/:id", { id: record.id }) };
    }, "configure"),
    run: action(nothing, async (call: Call) => {
      await runSample(transactOf(call), call.services.deps.sealer, call.client);
      return { to: PATH, notice: "The sample ran: its token counted once, and counts no more." };
    }, "configure"),
    agent: action(
      z.strictObject({ name: text(newMachineFields.name) }),
      async (call: Call, { name }) => {
        const made = await call.transact(
          createAgent({
            name,
            trust_tier: 0,
            tenant_ids: null,
            expires_at: null,
            rate_limit_per_minute: DEFAULT_RATE_LIMIT,
            kill_switch: { active: false, reason: null },
          }, call.id),
          "configure",
        );
        const data = await pageData(call);
        return {
          title: "Quickstart",
          show: <Quickstart data={data} attempt={null} now={call.now} made={made} />,
        };
      },
      "configure",
    ),
  },
});

interface PageData extends QuickstartData {
  readonly way: WayKey;
}

async function pageData(call: Call): Promise<PageData> {
  return { ...await quickstartData(call), way: call.query.with };
}

/** The page, with the token of the agent that was just made, this once. */
function Quickstart({ data, attempt, now, made }: {
  readonly data: PageData;
  readonly attempt: Attempt | null;
  readonly now: number;
  readonly made: TokenedAgent | null;
}) {
  const { isSampled, isConnected, origin, way } = data;
  // What asked before the new agent was made is not what is waited for.
  const check = made === null ? data.check : null;
  const agent = made?.record ?? data.agent;
  const current = made !== null ? 2 : !isSampled ? 0 : !isConnected ? 1 : 2;
  const state = (step: number, isDone: boolean) =>
    isDone ? "done" as const : step === current ? "current" as const : "later" as const;
  return (
    <>
      <PageHeader
        title="Quickstart"
        actions={<ButtonLink href="/docs" variant="quiet">API reference</ButtonLink>}
      />
      <Steps
        steps={[
          {
            title: "Send yourself a request",
            state: state(0, isSampled),
            content: <SampleStep data={data} attempt={attempt} now={now} />,
          },
          {
            title: "Make an agent",
            state: state(1, isConnected),
            content: <AgentStep data={data} attempt={attempt} made={made} />,
          },
          {
            title: "Connect it",
            state: state(2, check !== null),
            content: (
              <>
                <Connect ways={waysToConnect(origin)} start={way} />
                <p>
                  An agent that reads instructions has to be told when to ask:{" "}
                  <a href="/quickstart/skill">teach it</a> by a skill and a prompt.
                </p>
              </>
            ),
          },
          {
            title: "Watch for its first call",
            state: state(3, check !== null),
            content: (
              <FirstCheck
                start={{ check }}
                who={agent === null ? null : requesterWords({ type: "agent", ...agent })}
                stream={pagePath("/quickstart/live", { actor: made?.record.id })}
                now={now}
              />
            ),
          },
        ]}
      />
    </>
  );
}

export const quickstartEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "get",
    path: "/quickstart/live",
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

/** The second step: an agent, whose token is in the environment of the programs below. */
function AgentStep({ data, attempt, made }: {
  readonly data: QuickstartData;
  readonly attempt: Attempt | null;
  readonly made: TokenedAgent | null;
}) {
  const { mayConfigure, askWhom, agent } = data;
  if (made !== null) return <NewToken {...made} />;
  if (!mayConfigure) {
    return (
      <Notice tone="info" live={false}>
        Your role doesn't make agents. {askWhom.length > 0 && (
          <>
            Ask <AnyOf people={askWhom} /> for the token of one.
          </>
        )}
      </Notice>
    );
  }
  if (agent === null) return <AgentForm attempt={attempt} />;
  return (
    <>
      <p>
        <a href={pagePath("/agents/:id", { id: agent.id })}>
          <MachineName type="agent" id={agent.id} name={agent.name} />
        </a>{" "}
        has one token, which was shown once. Lost it? Rotate it there.
      </p>
      <Disclosure summary="Make another agent" open={attempt?.do === "agent"}>
        <AgentForm attempt={attempt} />
      </Disclosure>
    </>
  );
}

function AgentForm({ attempt }: { readonly attempt: Attempt | null }) {
  const form = attempted(attempt, "agent");
  return (
    <Form do="agent" layout="stack">
      <FieldErrors errors={form.errors} />
      <TextField
        name="name"
        label="Name"
        hint="Approvers read it on each request. It asks, and never decides."
        value={form.value("name", "my-first-agent")}
        error={form.error("name")}
        maxLength={100}
        required
      />
      <FormActions>
        <Button icon="agent">Make the agent</Button>
      </FormActions>
    </Form>
  );
}

/** The token of a new agent, as the programs and hosts of the next step look for it. */
function NewToken({ record, secret }: TokenedAgent) {
  const command = `export ${TOKEN_VARIABLE}='${secret}'`;
  return (
    <>
      <p>
        <MachineName type="agent" id={record.id} name={record.name} />{" "}
        is made. Copy its token now: you won't see it again. Anyone who has it can ask as this
        agent.
      </p>
      <CodeBlock
        code={command}
        label="In the terminal where your agent will run"
        copy={<CopyButton text={command} label="Copy" />}
      />
    </>
  );
}
