import { z } from "zod";
import { Bare } from "../../../components/bare.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import {
  acceptSetUp,
  confirmSetUpCode,
  finishSetUp,
  seeSetUpLink,
  sendSetUpCode,
  type SetUp,
} from "../../../lib/people/set_up.ts";
import { Refusal } from "../../../lib/refusal.ts";
import { attempted } from "../../dashboard/attempted.ts";
import { signedInEmail } from "../../dashboard/browser_call.ts";
import { optional } from "../../dashboard/form.ts";
import { action, type Attempt, publicPage } from "../../dashboard/page.ts";
import {
  byLink,
  ceremonyQuery,
  codeForm,
  CodeStep,
  enter,
  follow,
  type Followed,
  type LinkCall,
  passkeyForm,
  PasskeyStep,
  Progress,
  Refused,
  storedForm,
} from "./enrolment_parts.tsx";

const address = z.strictObject({
  organization: optional(z.string()),
  email: optional(z.string()),
});

const orgOnly = z.strictObject({ organization: optional(z.string()) });

interface Data {
  readonly followed: Followed<SetUp>;
  /** Of whoever is signed in. */
  readonly email: string | null;
}

export const setUpPage = publicPage({
  path: "/set-up/:link",
  params: byLink,
  query: ceremonyQuery,
  title: "Set up Countersign",
  load: async (call: LinkCall): Promise<Data> => ({
    followed: await follow(call, "set_up", seeSetUpLink),
    email: await signedInEmail(call),
  }),
  view: ({ data: { followed, email }, attempt }) => {
    if (followed === null) return <Done />;
    const { seen: setUp, step, link } = followed;
    if (email !== null) {
      return <AcceptStep setUp={setUp} email={email} attempt={attempt} link={link} />;
    }
    if (step.at === "passkey") {
      const progress = <Progress step={3} of={SET_UP_STEPS} />;
      return (
        <PasskeyStep
          attempt={attempt}
          step={step}
          progress={progress}
          again={pagePath("/set-up/:link", { link })}
        />
      );
    }
    if (step.at === "code") {
      const progress = <Progress step={2} of={SET_UP_STEPS} />;
      const again = pagePath("/set-up/:link", { link, again: 1 });
      return <CodeStep sent={step.sent} attempt={attempt} progress={progress} again={again} />;
    }
    return <AddressStep setUp={setUp} attempt={attempt} link={link} />;
  },
  actions: {
    send_code: action(address, async (call: LinkCall, { organization, email }) => {
      const { params: { link }, flow } = call;
      await sendSetUpCode(call.services, { link, flow, organization, email }, call.client);
      return { to: pagePath("/set-up/:link", { link }) };
    }),
    confirm_code: action(codeForm, async (call: LinkCall, { code }) => {
      const { params: { link }, flow } = call;
      const { nonce } = await confirmSetUpCode(call.services, { link, flow, code }, call.client);
      return { to: pagePath("/set-up/:link", { link, passkey: nonce }) };
    }),
    finish: action(passkeyForm, async (call: LinkCall, { nonce, response }) => {
      const { params: { link }, flow, services } = call;
      const given = { link, flow, nonce, response };
      const entered = await finishSetUp(services, given, call.client);
      return await enter(call, entered, {
        progress: <Progress step={4} of={SET_UP_STEPS} />,
        next: { label: "Send yourself a request", action: AFTER_SET_UP, do: "sample" },
      });
    }),
    stored: action(storedForm, () => Promise.resolve({ to: AFTER_SET_UP })),
    accept: action(orgOnly, async (call: LinkCall, { organization }) => {
      const { params: { link }, session, services } = call;
      if (session === null) throw new Refusal("session_ended", { why: "none" });
      await acceptSetUp(services, session, { link, organization }, call.client);
      return { to: AFTER_SET_UP, notice: "You are an owner of this organization." };
    }),
  },
});

/** Where a new owner goes on. */
const AFTER_SET_UP = "/quickstart";

const SET_UP_STEPS = 4;

/** Asks for what the link leaves open. */
function AddressStep({ setUp, attempt, link }: {
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
          <a href={pagePath("/sign-in", { to: pagePath("/set-up/:link", { link }) })}>
            Sign in first
          </a>
        </>
      }
    >
      <Refused attempt={attempt} shown="send_code" />
      <Form do="send_code" layout="stack" action={pagePath("/set-up/:link", { link })}>
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

/** For somebody with an account: their passkey has shown who they are. */
function AcceptStep({ setUp, email, attempt, link }: {
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
          <Form do="accept" layout="stack" action={pagePath("/set-up/:link", { link })}>
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
      <Form do="sign_out" action="/sign-out" hidden={{ to: pagePath("/set-up/:link", { link }) }}>
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
function Done() {
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
