import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { CodeBlock } from "../../../components/code.tsx";
import CopyButton from "../../../components/copy_button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Disclosure, Notice, Section, Steps } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import FirstCheck from "../../../islands/first_check.tsx";
import type { JsonValue } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { createApiKey, DEFAULT_RATE_LIMIT } from "../../../lib/catalog/api_keys.ts";
import { runSample, sendSample, type Transact } from "../../../lib/onboarding/sample.ts";
import { connectSnippets, FIRST_TOOL } from "../../../lib/onboarding/snippets.ts";
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
              content: <FirstCheck start={{ check }} stream="/quickstart/live" now={now} />,
            },
          ]}
        />
      </>
    );
  },
  actions: {
    sample: action(sending, async (call: MemberCall) => {
      const { record } = await sendSample(transactOf(call), call.client);
      return { to: pagePath("/approvals/:id", { id: record.id }) };
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

/** The second step: a key, and a program that asks with it. */
function ConnectStep({ data, attempt }: {
  readonly data: QuickstartData;
  readonly attempt: Attempt | null;
}) {
  const { mayConfigure, askWhom, origin, isConnected } = data;
  const form = attempted(attempt, "key");
  return (
    <>
      <p>
        Your agent asks with a key of its own. Keep the key in the environment variable{" "}
        <code class="mono">COUNTERSIGN_KEY</code>, never in the program.
      </p>
      {mayConfigure
        ? (
          <Form do="key" layout="stack">
            <FieldErrors errors={form.errors} />
            <TextField
              name="name"
              label="Name of the key"
              hint="People see it on every request that comes with it."
              value={form.value("name", "My first agent")}
              error={form.error("name")}
              maxLength={100}
              required
            />
            <FormActions>
              <Button variant={isConnected ? "secondary" : "primary"} icon="key">
                {isConnected ? "Make another key" : "Make a key"}
              </Button>
              {isConnected && <ButtonLink href="/api-keys" variant="quiet">API keys</ButtonLink>}
            </FormActions>
          </Form>
        )
        : (
          <Notice tone="info" live={false}>
            Your role does not make keys. {askWhom.length > 0 && (
              <>
                Ask <AnyOf people={askWhom} /> for one.
              </>
            )}
          </Notice>
        )}
      <Programs origin={origin} />
      <p>
        Does your agent read instructions, like Claude Code, Cursor or VS Code?{" "}
        <a href="/quickstart/skill">Teach it to ask</a> by a skill and a prompt.
      </p>
    </>
  );
}

/** The programs to copy, one language each; the first is open where they are what comes next. */
function Programs({ origin, open = false }: {
  readonly origin: string;
  readonly open?: boolean;
}) {
  return (
    <>
      <p>
        Each of these asks for <code class="mono">{FIRST_TOOL}</code>{" "}
        and runs it only when the answer is yes. Nobody has registered that tool, so it becomes a
        draft, and the request waits for a human: decide it within the minute and see it run.
      </p>
      {connectSnippets(origin).map(({ language, file, command, text }, i) => (
        <Disclosure key={file} summary={language} open={open && i === 0}>
          <div class="stack">
            <CodeBlock
              code={text}
              label={file}
              copy={<CopyButton text={text} label={`Copy ${file}`} />}
              wrap={false}
            />
            <p>
              Run it: <code class="mono">{command}</code>
            </p>
          </div>
        </Disclosure>
      ))}
    </>
  );
}

/** A new key, shown this once, and what to do with it. */
function KeyPage({ id, name, secret, origin, now }: {
  readonly id: string;
  readonly name: string;
  readonly secret: string;
  readonly origin: string;
  readonly now: number;
}) {
  const command = `export COUNTERSIGN_KEY='${secret}'`;
  return (
    <>
      <PageHeader
        title="Connect your own agent"
        description={
          <>
            The key <UntrustedText text={name} /> is made.
          </>
        }
        breadcrumb={[{ label: "Quickstart", href: "/quickstart" }]}
      />
      <Section title="1. Keep the key">
        <Notice tone="warning" live={false}>
          It is shown only now, and stored nowhere. Whoever has it can ask in its name.
        </Notice>
        <CodeBlock
          code={command}
          label="In the terminal where your agent runs"
          copy={<CopyButton text={command} label="Copy" />}
        />
      </Section>
      <Section title="2. Ask before you act">
        <Programs origin={origin} open />
      </Section>
      <Section title="3. Watch for its first check">
        <FirstCheck
          start={{ check: null }}
          stream={pagePath("/quickstart/live", { actor: id })}
          now={now}
        />
        <ButtonLink href="/quickstart">Back to the Quickstart</ButtonLink>
      </Section>
    </>
  );
}
