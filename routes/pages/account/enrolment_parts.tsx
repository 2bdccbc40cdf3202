import type { ComponentChildren } from "preact";
import { z } from "zod";
import { Bare } from "../../../components/bare.tsx";
import { Button } from "../../../components/button.tsx";
import { CheckboxField } from "../../../components/choices.tsx";
import { groupedCode } from "../../../components/code.tsx";
import { TextField } from "../../../components/fields.tsx";
import { Form, FormActions } from "../../../components/form.tsx";
import { Notice } from "../../../components/layout.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import Enrol from "../../../islands/enrol.tsx";
import RecoveryCodes from "../../../islands/recovery_codes.tsx";
import type { JsonObject } from "../../../lib/base/json.ts";
import { SESSION_LIFE_MS } from "../../../lib/identity/sessions.ts";
import { parseRegistrationResponse } from "../../../lib/passkeys/responses.ts";
import type { CodeSent } from "../../../lib/people/email_codes.ts";
import type { EnrolmentStep, FirstEntered } from "../../../lib/people/enrolment.ts";
import { linkStep } from "../../../lib/people/links.ts";
import type { AcceptedBy } from "../../../lib/people/membership.ts";
import { accountEmail } from "../../../lib/people/sessions.ts";
import { Refusal } from "../../../lib/refusal.ts";
import type { Services } from "../../../lib/services.ts";
import { attempted, type AttemptedForm } from "../../dashboard/attempted.ts";
import type { BrowserCall } from "../../dashboard/browser_call.ts";
import { text, verbatim } from "../../dashboard/form.ts";
import type { Attempt, Outcome } from "../../dashboard/page.ts";

/**
 * The steps by which somebody comes to their first passkey, or to one in place of those they lost, as
 * the pages of a set-up link, of an invitation and of a recovery show them.
 */

/** Of the form that takes a code. */
export const codeForm = z.strictObject({ code: text(z.string().min(1, "must not be empty")) });

const response = verbatim(
  z.string().transform((value, context) => {
    const parsed = parseRegistrationResponse(value);
    if (parsed !== null) return parsed;
    context.addIssue({ code: "custom", message: "isn't what a device answers" });
    return z.NEVER;
  }),
);

/** Of the form that brings a new passkey. */
export const passkeyForm = z.strictObject({ nonce: text(z.string()), response });

/** Of the page with recovery codes, once they are stored. */
export const storedForm = z.strictObject({ stored: z.array(z.string()).default(() => []) });

/** Names a ceremony in the address of a page, so that loading the page again goes on with it. */
export const ceremonyQuery = z.strictObject({
  passkey: z.string().max(64).optional(),
  /** Set where the form that asks for a code is wanted though there is a code. */
  again: z.literal("1").optional(),
});

/** The path of a page that a link leads to. */
export const byLink = z.object({ link: z.string().max(128) });

/** A request of such a page. */
export type LinkCall = BrowserCall<z.output<typeof byLink>, z.output<typeof ceremonyQuery>>;

/** What the page of a link shows; null once it has done its work for whoever is signed in. */
export type Followed<S> = {
  /** What the link is to. */
  readonly seen: S;
  readonly step: EnrolmentStep;
  readonly link: string;
} | null;

/** Looks where a link leads, and how far this browser is. @throws {Refusal} link_not_valid */
export async function follow<S extends { readonly email: string | null }>(
  { services, session, flow, params: { link }, query: { passkey, again } }: LinkCall,
  by: AcceptedBy,
  see: (services: Services, link: string) => Promise<S>,
): Promise<Followed<S>> {
  try {
    const seen = await see(services, link);
    const { email } = seen;
    const step: EnrolmentStep = again === "1"
      ? { at: "start" }
      : await linkStep(services, by, { link, flow, nonce: passkey ?? null, email });
    return { seen, step, link };
  } catch (error) {
    const used = error instanceof Refusal && error.code === "link_not_valid";
    if (used && session !== null) return null;
    throw error;
  }
}

/** Where on the way a page is. */
export function Progress({ step, of }: { readonly step: number; readonly of: number }) {
  return <p class="quiet small">{`Step ${step} of ${of}`}</p>;
}

/** Why something was refused, where the form that it was sent by is not on the page any more. */
export function Refused({ attempt, shown }: {
  readonly attempt: Attempt | null;
  /** What the page's own form does: that one tells by itself. */
  readonly shown: string;
}) {
  if (attempt === null || attempt.do === shown) return null;
  return <Notice tone="danger">{attempt.message}</Notice>;
}

/** Says where a code is to be found. */
function CodeWhereabouts({ sent: { to, mailed } }: { readonly sent: CodeSent }) {
  const address = (
    <strong>
      <UntrustedText text={to} />
    </strong>
  );
  return mailed
    ? <>A code was sent to {address}. It counts for five minutes, in this browser.</>
    : (
      <>
        This server has no mail server, so the code for {address}{" "}
        is printed on its console: whoever started it reads it there. It counts for five minutes, in
        this browser.
      </>
    );
}

/** The field for the six digits. */
export function CodeField({ error }: { readonly error: string | undefined }) {
  return (
    <TextField
      name="code"
      label="Six-digit code"
      inputMode="numeric"
      autoComplete="one-time-code"
      autoFocus
      maxLength={16}
      error={error}
      mono
      required
    />
  );
}

/** Takes the six digits. */
function CodeForm({ form, again }: {
  readonly form: AttemptedForm;
  /** Where another code is asked for. */
  readonly again: string;
}) {
  return (
    <>
      <Form do="confirm_code" layout="stack">
        <CodeField error={form.errors[0]?.message} />
        <FormActions>
          <Button variant="primary" size="large">Go on</Button>
        </FormActions>
      </Form>
      <p class="small">
        <a href={again}>Ask for another code</a>
      </p>
    </>
  );
}

/** Asks for the code that a link had sent. */
export function CodeStep({ sent, attempt, progress, again }: {
  readonly sent: CodeSent;
  readonly attempt: Attempt | null;
  readonly progress: ComponentChildren;
  /** Where another code is asked for. */
  readonly again: string;
}) {
  return (
    <Bare title="Enter the code" lead={<CodeWhereabouts sent={sent} />} notice={progress}>
      <Refused attempt={attempt} shown="confirm_code" />
      <CodeForm form={attempted(attempt, "confirm_code")} again={again} />
    </Bare>
  );
}

/** Has the device make a passkey. */
export function PasskeyStep({ attempt, step, progress, again }: {
  readonly attempt: Attempt | null;
  readonly step: Extract<EnrolmentStep, { at: "passkey" }>;
  readonly progress: ComponentChildren;
  /** Where to begin once more when the time is over. */
  readonly again: string;
}) {
  const { email, handout: { nonce, options } } = step;
  return (
    <Bare
      title="Create your passkey"
      lead={
        <>
          You sign in with it as{" "}
          <UntrustedText text={email} />, and sign what you approve: by fingerprint, face or the PIN
          of this device. There is no password.
        </>
      }
      notice={progress}
      foot={
        <>
          This waits for five minutes. <a href={again}>Begin again</a>
        </>
      }
    >
      <Refused attempt={attempt} shown="" />
      <Enrol
        do="finish"
        nonce={nonce}
        options={options as unknown as JsonObject}
        label="Create passkey"
        named={false}
        // What was refused is read first.
        begins={attempt === null}
      />
      <noscript>Passkeys need JavaScript. Allow it for this page, then load it again.</noscript>
    </Bare>
  );
}

/** New recovery codes, shown this once. */
interface NewCodes {
  readonly codes: readonly string[];
  readonly email: string;
  readonly origin: string;
}

/** What can be done right after, in place of looking around: a form of another page. */
interface NextStep {
  readonly label: string;
  readonly action: string;
  readonly do: string;
}

/** Signs somebody in at the end of the way, and shows the recovery codes that they got. */
export async function enter(
  call: BrowserCall,
  { secret, session, recovery_codes }: Pick<FirstEntered, "secret" | "session" | "recovery_codes">,
  shown: { readonly progress: ComponentChildren; readonly next?: NextStep },
): Promise<Outcome> {
  const { services } = call;
  call.signIn(secret, SESSION_LIFE_MS / 1000);
  return {
    title: "Store your recovery codes",
    show: (
      <RecoveryCodesPage
        codes={recovery_codes}
        email={await accountEmail(services, session.account)}
        origin={services.settings.url.origin}
        {...shown}
      />
    ),
  };
}

/** A page with new recovery codes. */
function RecoveryCodesPage({ progress, next, ...codes }: NewCodes & {
  readonly progress: ComponentChildren;
  readonly next?: NextStep;
}) {
  return (
    <Bare
      title="Store your recovery codes"
      lead={<WhatCodesAreFor />}
      notice={progress}
    >
      <StoreCodes {...codes} {...(next === undefined ? {} : { next })} />
    </Bare>
  );
}

export function WhatCodesAreFor() {
  return (
    <>
      They are shown only now. Should you lose every passkey, one of them together with a code from
      your mailbox lets you back in. Keep them where your devices aren't.
    </>
  );
}

/** The codes, and the form that says that they are stored. */
export function StoreCodes({ codes, email, origin, next }: NewCodes & {
  readonly next?: NextStep;
}) {
  return (
    <>
      <RecoveryCodes codes={codes.map(groupedCode)} email={email} origin={origin} />
      <form method="post" class="form form-stack">
        <CheckboxField name="stored" label="I have stored them" required />
        <FormActions>
          {next !== undefined && (
            <Button
              variant="primary"
              size="large"
              icon="bolt"
              name="do"
              value={next.do}
              formAction={next.action}
            >
              {next.label}
            </Button>
          )}
          <Button
            variant={next === undefined ? "primary" : "secondary"}
            size="large"
            name="do"
            value="stored"
          >
            Go on
          </Button>
        </FormActions>
      </form>
    </>
  );
}
