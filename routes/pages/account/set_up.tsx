import { Bare } from "../../../components/bare.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { FieldErrors } from "../../../components/field_errors.tsx";
import { TextField } from "../../../components/fields.tsx";
import { Form, FormActions } from "../../../components/form.tsx";
import { UntrustedText } from "../../../components/untrusted_text.tsx";
import type { EnrolmentStep } from "../../../lib/people/enrolment_step.ts";
import type { SetUp } from "../../../lib/people/links.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { Attempt } from "../../dashboard/page.ts";
import { CodeForm, CodeWhereabouts, Progress, Refused } from "./enrolment_parts.tsx";

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
