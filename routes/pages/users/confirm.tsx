import type { VNode } from "preact";
import { z } from "zod";
import { Badge } from "../../../components/badges.tsx";
import { Bare } from "../../../components/bare.tsx";
import { Button } from "../../../components/button.tsx";
import { Form, FormActions } from "../../../components/form.tsx";
import { JsonView } from "../../../components/json_view.tsx";
import { Definitions, Notice } from "../../../components/layout.tsx";
import { RequestArguments } from "../../../components/request.tsx";
import { Deadline, Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import Confirm from "../../../islands/confirm.tsx";
import EndMandate from "../../../islands/end_mandate.tsx";
import { isJsonObject, type JsonObject, type JsonValue } from "../../../lib/base/json.ts";
import { denyQuestion } from "../../../lib/confirming/answer.ts";
import { findQuestion, lookAtQuestion, type Question } from "../../../lib/confirming/question.ts";
import { requestOptions } from "../../../lib/passkeys/challenge.ts";
import { Refusal } from "../../../lib/refusal.ts";
import type { BrowserCall } from "../../dashboard/browser_call.ts";
import { action, publicPage } from "../../dashboard/page.ts";

const byNonce = z.object({ nonce: z.string().max(64) });

type Call = BrowserCall<z.output<typeof byNonce>>;

interface Data {
  /** Null for what is answered, over, or none. */
  readonly question: Question | null;
  /** The host of this page, whose passkeys can be shown here. */
  readonly host: string;
}

/** What an agent wants to do for a user, for the user: no at once, yes by a passkey of theirs. */
export const confirmPage = publicPage({
  path: "/confirm/:nonce",
  params: byNonce,
  title: ({ question }: Data) => question === null ? "Not open any more" : "Do you want this?",
  load: async ({ services, params }: Call): Promise<Data> => {
    const host = services.settings.url.hostname;
    try {
      const asked = await findQuestion(services, params.nonce);
      const looking = lookAtQuestion(services.settings, asked);
      return { question: await services.ledgers.transact(asked.org, looking), host };
    } catch (error) {
      if (error instanceof Refusal && error.code === "confirmation_gone") {
        return { question: null, host };
      }
      throw error;
    }
  },
  view: ({ data: { question, host }, attempt, now }) =>
    question === null ? <Gone /> : (
      <Bare
        title="Do you want this?"
        lead={<Lead question={question} />}
        foot="Only you should see this page. Whoever has its address can say no in your place."
      >
        {attempt !== null && <Notice tone="danger">{attempt.message}</Notice>}
        <Facts question={question} now={now} />
        <RequestArguments
          args={objectOf(question.view.arguments)}
          schema={objectOrNull(objectOf(question.view.tool).parameters)}
          comparison={null}
        />
        <Words question={question} now={now} />
        <Answers question={question} host={host} now={now} />
      </Bare>
    ),
  actions: {
    deny: action(z.strictObject({}), async ({ services, params, client }: Call) => {
      const asked = await findQuestion(services, params.nonce);
      await services.ledgers.transact(asked.org, denyQuestion(asked, client));
      return { title: "You said no", show: <Denied /> };
    }),
  },
});

function Lead({ question: { view, org_name } }: { readonly question: Question }) {
  const { agent } = objectOf(view.mandate);
  return (
    <>
      <strong>
        <UntrustedText text={textOf(agent)} />
      </strong>{" "}
      asks to do this for you at{" "}
      <strong>
        <UntrustedText text={org_name} />
      </strong>. It happens once, and only as it stands here.
    </>
  );
}

/** What, on what, how much, and until when. */
function Facts({ question: { view, facts }, now }: {
  readonly question: Question;
  readonly now: number;
}) {
  const tool = objectOf(view.tool);
  const { destructive, open_world } = objectOf(tool.annotations);
  const cost = facts.estimated_cost_micros;
  const items = [
    {
      term: "What",
      value: (
        <>
          <UntrustedText text={textOf(tool.name)} mono />
          {(destructive === true || open_world === true) && (
            <p class="badges">
              {destructive === true && (
                <Badge tone="danger" icon="warning">May not be undone</Badge>
              )}
              {open_world === true && (
                <Badge tone="warning" icon="external">Leaves these systems</Badge>
              )}
            </p>
          )}
          {textOf(tool.description) !== "" && (
            <p class="quiet">
              <UntrustedText text={textOf(tool.description)} />
            </p>
          )}
        </>
      ),
    },
    ...factOf("On", view.resource_id),
    ...factOf("How", view.method),
    ...factOf("For", view.tenant_id),
    ...(cost === null ? [] : [{ term: "Costs at most", value: amountWords(cost) }]),
    {
      term: "Answer until",
      value: <Deadline until={Date.parse(facts.expires_at)} now={now} />,
    },
    { term: "You are", value: <UntrustedText text={facts.user} mono /> },
  ];
  return <Definitions items={items} />;
}

/** What the agent says of it, below what would be done: nobody pushes that off the screen by talking. */
function Words({ question: { view, asked_again }, now }: {
  readonly question: Question;
  readonly now: number;
}) {
  return (
    <section class="unverified" aria-labelledby="unverified-title">
      <h2 id="unverified-title">Why, as the agent says (not verified)</h2>
      <Asking
        reason={textOf(view.reason)}
        reference={textOf(view.reference_id)}
        context={objectOrNull(view.context)}
      />
      {asked_again.map(({ at, reason, reference_id, context }) => (
        <div key={at} class="asked-again">
          <p class="quiet">
            Asked again <Time at={at} now={now} />
          </p>
          <Asking reason={reason} reference={reference_id ?? ""} context={context} />
        </div>
      ))}
    </section>
  );
}

function Asking({ reason, reference, context }: {
  readonly reason: string;
  readonly reference: string;
  readonly context: JsonObject | null;
}) {
  return (
    <>
      <blockquote>
        <UntrustedText text={reason} />
      </blockquote>
      {reference !== "" && (
        <p class="quiet">
          Its reference: <UntrustedText text={reference} mono />
        </p>
      )}
      {context !== null && <JsonView value={context} />}
    </>
  );
}

function factOf(term: string, value: JsonValue | undefined) {
  return typeof value === "string" ? [{ term, value: <UntrustedText text={value} mono /> }] : [];
}

/** Millionths of a currency that only the application knows. */
function amountWords(micros: number): string {
  const whole = Math.floor(micros / 1_000_000);
  const part = String(micros % 1_000_000).padStart(6, "0").replace(/0{1,4}$/, "");
  return `${whole}.${part}`;
}

function Answers({ question, host, now }: {
  readonly question: Question;
  readonly host: string;
  readonly now: number;
}) {
  const { facts, view, passkeys } = question;
  const here = passkeys.filter(({ rp_id }) => rp_id === host);
  const { org, mandate, user } = facts;
  const options = requestOptions({
    rpId: host,
    challenge: "",
    passkeys: here.map(({ credential_id }) => ({ credential_id, transports: [] })),
  }) as unknown as JsonObject;
  return (
    <div class="answers">
      {here.length === 0 ? <WhyNot question={question} now={now} /> : (
        <>
          <Confirm
            facts={facts}
            view={view}
            options={options}
          />
          <noscript>Passkeys need JavaScript. Allow it for this page, then load it again.</noscript>
        </>
      )}
      <Form do="deny">
        <FormActions>
          <Button size="large">No</Button>
        </FormActions>
      </Form>
      {here.length > 0 && <EndMandate facts={{ org, mandate, user }} options={options} now={now} />}
      <Registered question={question} now={now} />
    </div>
  );
}

/** Why nobody can say yes here. */
function WhyNot({ question: { passkeys, confirm_by, held_until, registered }, now }: {
  readonly question: Question;
  readonly now: number;
}) {
  if (held_until !== null && held_until > now && passkeys.length === 0) {
    return (
      <Notice tone="warning" title="A passkey of yours was just replaced" live={false}>
        For a day after that nothing newer says yes for you. If it wasn't you, say no, and tell
        whoever runs this application.
      </Notice>
    );
  }
  if (passkeys.length > 0) {
    return (
      <Notice tone="info" title="Say yes in the application" live={false}>
        Your passkey is of the application's own site. Go back there to say yes.
      </Notice>
    );
  }
  if (registered.count > 0) {
    return (
      <Notice tone="warning" title="Your passkey came after this question" live={false}>
        It answers what is asked later. Say no here, and have the agent ask again.
      </Notice>
    );
  }
  return confirm_by === "app"
    ? (
      <Notice tone="info" title="Say yes in the application" live={false}>
        You have no passkey here. Go back to the application to say yes.
      </Notice>
    )
    : (
      <Notice tone="info" title="You have no passkey yet" live={false}>
        Yes takes a passkey that you made before you were asked. The application can send you a link
        to make one.
      </Notice>
    );
}

/** That the keys of the user are theirs, only they can tell: how many there are, and since when. */
function Registered({ question: { registered: { count, newest_at } }, now }: {
  readonly question: Question;
  readonly now: number;
}) {
  if (newest_at === null) return null;
  return (
    <p class="quiet small">
      {count === 1 ? "One passkey speaks" : `${count} passkeys speak`}{" "}
      for you here, the newest since <Time at={newest_at} now={now} show="absolute" />.
    </p>
  );
}

function Gone(): VNode {
  return (
    <Bare
      title="Not open any more"
      lead="This was answered, or its time is over. Nothing happens by it now."
    >
      <p>If it is still wanted, have the agent ask again.</p>
    </Bare>
  );
}

function Denied(): VNode {
  return (
    <Bare
      title="You said no"
      lead="It won't be done. The agent was told, and can't ask the same for a while."
    >
      <p>You can close this page.</p>
    </Bare>
  );
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function objectOrNull(value: JsonValue | undefined): JsonObject | null {
  return isJsonObject(value) ? value : null;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}
