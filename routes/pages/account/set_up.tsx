import { z } from "zod";
import { Bare } from "../../../components/bare.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { SESSION_LIFE_MS } from "../../../lib/identity/sessions.ts";
import { type EnrolmentStep, linkStep } from "../../../lib/people/enrolment_step.ts";
import { seeSetUpLink, type SetUp } from "../../../lib/people/links.ts";
import { accountEmail } from "../../../lib/people/sessions.ts";
import {
  acceptSetUp,
  confirmSetUpCode,
  finishSetUp,
  sendSetUpCode,
} from "../../../lib/people/set_up.ts";
import { Refusal } from "../../../lib/refusal.ts";
import { attempted } from "../../dashboard/attempted.ts";
import { type BrowserCall, signedInEmail } from "../../dashboard/browser_call.ts";
import { optional } from "../../dashboard/form.ts";
import { action, type Attempt, publicPage } from "../../dashboard/page.ts";
import {
  ceremonyQuery,
  CodeForm,
  codeForm,
  CodeWhereabouts,
  passkeyForm,
  PasskeyStep,
  Progress,
  RecoveryCodesPage,
  Refused,
  storedForm,
} from "./enrolment_parts.tsx";

const byLink = z.object({ link: z.string().max(128) });

type Call = BrowserCall<z.output<typeof byLink>, z.output<typeof ceremonyQuery>>;

const address = z.strictObject({
  organization: optional(z.string()),
  email: optional(z.string()),
});

const orgOnly = z.strictObject({ organization: optional(z.string()) });

/** What the page shows; null once the link has done its work for whoever is signed in. */
type Seen = { readonly setUp: SetUp; readonly step: EnrolmentStep; readonly link: string } | null;

interface Data {
  readonly seen: Seen;
  /** Of whoever is signed in. */
  readonly email: string | null;
}

export const setUpPage = publicPage({
  path: "/set-up/:link",
  params: byLink,
  query: ceremonyQuery,
  title: "Set up Countersign",
  load: async (call: Call): Promise<Data> => ({
    seen: await see(call),
    email: await signedInEmail(call),
  }),
  view: ({ data: { seen, email }, attempt }) =>
    seen === null
      ? <Done />
      : email !== null
      ? <AcceptStep setUp={seen.setUp} email={email} attempt={attempt} link={seen.link} />
      : seen.step.at === "passkey"
      ? (
        <PasskeyStep
          attempt={attempt}
          step={seen.step}
          progress={<Progress step={3} of={SET_UP_STEPS} />}
          again={setUpPath(seen.link)}
        />
      )
      : seen.step.at === "code"
      ? <CodeStep sent={seen.step.sent} attempt={attempt} link={seen.link} />
      : <AddressStep setUp={seen.setUp} attempt={attempt} link={seen.link} />,
  actions: {
    send_code: action(address, async (call: Call, { organization, email }) => {
      const { params: { link }, flow } = call;
      await sendSetUpCode(call.services, { link, flow, organization, email }, call.client);
      return { to: setUpPath(link) };
    }),
    confirm_code: action(codeForm, async (call: Call, { code }) => {
      const { params: { link }, flow } = call;
      const { nonce } = await confirmSetUpCode(call.services, { link, flow, code }, call.client);
      return { to: `${setUpPath(link)}?passkey=${nonce}` };
    }),
    finish: action(passkeyForm, async (call: Call, { nonce, response }) => {
      const { params: { link }, flow, services } = call;
      const given = { link, flow, nonce, response };
      const entered = await finishSetUp(services, given, call.client);
      call.signIn(entered.secret, SESSION_LIFE_MS / 1000);
      return {
        title: "Store your recovery codes",
        show: (
          <RecoveryCodesPage
            codes={entered.recovery_codes}
            email={await accountEmail(services, entered.session.account)}
            origin={services.settings.url.origin}
            progress={<Progress step={4} of={SET_UP_STEPS} />}
            next={{ label: "Send yourself a request", action: AFTER_SET_UP, do: "sample" }}
          />
        ),
      };
    }),
    stored: action(storedForm, () => Promise.resolve({ to: AFTER_SET_UP })),
    accept: action(orgOnly, async (call: Call, { organization }) => {
      const { params: { link }, session, services } = call;
      if (session === null) throw new Refusal("session_ended", { why: "none" });
      await acceptSetUp(services, session, { link, organization }, call.client);
      return { to: AFTER_SET_UP, notice: "You are an owner of this organization." };
    }),
  },
});

async function see(call: Call): Promise<Seen> {
  const { services, flow, params: { link }, query: { passkey: nonce = null, again } } = call;
  try {
    const setUp = await seeSetUpLink(services, link);
    const { email } = setUp;
    const step: EnrolmentStep = again === "1"
      ? { at: "start" }
      : await linkStep(services, { link, flow, nonce, email });
    return { setUp, step, link };
  } catch (error) {
    const used = error instanceof Refusal && error.code === "link_not_valid";
    if (used && call.session !== null) return null;
    throw error;
  }
}

/** Where a new owner goes on. */
export const AFTER_SET_UP = "/quickstart";

export const SET_UP_STEPS = 4;

/** The page of a set-up link. */
export function setUpPath(link: string): string {
  return `/set-up/${encodeURIComponent(link)}`;
}

/** Asks for what the link leaves open. */
export function AddressStep({ setUp, attempt, link }: {
  readonly setUp: SetUp;
  readonly attempt: Attempt | null;
  readonly link: string;
}) {
  const form = attempted(attempt, "send_code");
  return (
    <Bare
      title="Set up Countersign"
      lead={<WhatIsMade setUp={setUp} />}
      notice={<Progress step={1} of={SET_UP_STEPS} />}
      foot={
        <>
          You have a passkey here already?{" "}
          <a href={`/sign-in?to=${encodeURIComponent(setUpPath(link))}`}>Sign in first</a>
        </>
      }
    >
      <Refused attempt={attempt} shown="send_code" />
      <Form do="send_code" layout="stack" action={setUpPath(link)}>
        <FieldErrors errors={form.errors} />
        {setUp.organization === null && (
          <OrganizationField
            value={form.value("organization")}
            error={form.error("organization")}
          />
        )}
        {setUp.email === null && (
          <TextField
            name="email"
            label="Your e-mail address"
            type="email"
            autoComplete="email"
            hint="It gets a code now, and your alerts later."
            value={form.value("email")}
            error={form.error("email")}
            required
          />
        )}
        <FormActions>
          <Button variant="primary" size="large" icon="mail">Send me the code</Button>
        </FormActions>
      </Form>
    </Bare>
  );
}

function OrganizationField({ value, error }: {
  readonly value: string;
  readonly error: string | undefined;
}) {
  return (
    <TextField
      name="organization"
      label="Organization"
      hint="The application or project whose agents you want to check. It can be renamed."
      autoComplete="organization"
      maxLength={100}
      value={value}
      error={error}
      required
    />
  );
}

/** Asks for the code. */
export function CodeStep({ sent, attempt, link }: {
  readonly sent: Extract<EnrolmentStep, { at: "code" }>["sent"];
  readonly attempt: Attempt | null;
  readonly link: string;
}) {
  return (
    <Bare
      title="Enter the code"
      lead={<CodeWhereabouts sent={sent} />}
      notice={<Progress step={2} of={SET_UP_STEPS} />}
    >
      <Refused attempt={attempt} shown="confirm_code" />
      <CodeForm form={attempted(attempt, "confirm_code")} again={`${setUpPath(link)}?again=1`} />
    </Bare>
  );
}

/** For somebody with an account: their passkey has shown who they are. */
export function AcceptStep({ setUp, email, attempt, link }: {
  readonly setUp: SetUp;
  readonly email: string;
  readonly attempt: Attempt | null;
  readonly link: string;
}) {
  const form = attempted(attempt, "accept");
  return (
    <Bare
      title="Set up Countersign"
      lead={
        <>
          <WhatIsMade setUp={setUp} /> You are signed in as{" "}
          <strong>
            <UntrustedText text={email} />
          </strong>.
        </>
      }
    >
      <Refused attempt={attempt} shown="accept" />
      {setUp.email !== null && setUp.email !== email
        ? <p>Sign out first: the link is for another address.</p>
        : (
          <Form do="accept" layout="stack" action={setUpPath(link)}>
            <FieldErrors errors={form.errors} />
            {setUp.organization === null && (
              <OrganizationField
                value={form.value("organization")}
                error={form.error("organization")}
              />
            )}
            <FormActions>
              <Button variant="primary" size="large">Become its owner</Button>
            </FormActions>
          </Form>
        )}
      <Form do="sign_out" action="/sign-out" hidden={{ to: setUpPath(link) }}>
        <Button variant="quiet">Sign out, and use another address</Button>
      </Form>
    </Bare>
  );
}

/** What the link makes of whoever follows it. */
function WhatIsMade({ setUp: { organization, email } }: { readonly setUp: SetUp }) {
  const who = email === null ? "you" : <UntrustedText text={email} />;
  return organization === null
    ? <>This makes an organization, and {who} its owner. It takes about a minute.</>
    : (
      <>
        This makes {who} an owner of{" "}
        <strong>
          <UntrustedText text={organization} />
        </strong>. It takes about a minute.
      </>
    );
}

/** For whoever opens a link again that has done its work. */
export function Done() {
  return (
    <Bare
      title="You are signed in"
      lead="This link has done its work, or has ended. Did you not store your recovery codes? Make new
        ones under Security."
    >
      <ButtonLink href={AFTER_SET_UP} variant="primary">Go to the Quickstart</ButtonLink>
      <ButtonLink href="/security">Security</ButtonLink>
    </Bare>
  );
}
