import { z } from "zod";
import { Bare } from "../../../components/bare.tsx";
import { Button } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { type FieldError, FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Notice } from "../../../components/layout.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { openCode } from "../../../lib/people/email_codes.ts";
import { type EnrolmentStep, passkeyStep } from "../../../lib/people/enrolment.ts";
import {
  redeemRecoveryCode,
  redeemRecoveryLink,
  seeRecoveryLink,
  sendRecoveryCode,
} from "../../../lib/people/recover.ts";
import { finishRecovery, recoveringEmail } from "../../../lib/people/recovery.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { BrowserCall } from "../../dashboard/browser_call.ts";
import { optional, text } from "../../dashboard/form.ts";
import { action, type Attempt, publicPage } from "../../dashboard/page.ts";
import {
  ceremonyQuery,
  CodeField,
  codeForm,
  enter,
  passkeyForm,
  PasskeyStep,
  Progress,
  Refused,
  storedForm,
} from "./enrolment_parts.tsx";
import { SECURITY_PATH } from "./security_tables.tsx";

const PATH = "/recover";

const STEPS = 4;

type Call = BrowserCall<unknown, z.output<typeof ceremonyQuery>>;

const bothCodes = codeForm.extend({
  recovery_code: text(z.string().min(1, "must not be empty").max(200)),
});

/** For somebody who lost their passkeys. Says to nobody whether there is an account. */
export const recoverPage = publicPage({
  path: PATH,
  query: ceremonyQuery,
  title: "Recover your account",
  load: see,
  view: ({ data: step, attempt }) =>
    step.at === "passkey"
      ? (
        <PasskeyStep
          attempt={attempt}
          step={step}
          progress={<Progress step={3} of={STEPS} />}
          again={PATH}
        />
      )
      : step.at === "code"
      ? <CodesStep sent={step.sent} attempt={attempt} />
      : <AddressStep attempt={attempt} />,
  actions: {
    send_code: action(
      z.strictObject({ email: optional(z.string()) }),
      async ({ services, flow, client }: Call, { email }) => {
        await sendRecoveryCode(services, { email, flow }, client);
        return { to: PATH };
      },
    ),
    confirm_code: action(bothCodes, async ({ services, flow, client }: Call, codes) => {
      const { nonce } = await redeemRecoveryCode(services, { flow, ...codes }, client);
      return { to: pagePath(PATH, { passkey: nonce }) };
    }),
    finish: action(passkeyForm, async (call: Call, { nonce, response }) => {
      const { services, flow, client } = call;
      const entered = await finishRecovery(services, { flow, nonce, response }, client);
      return await enter(call, entered, { progress: <Progress step={4} of={STEPS} /> });
    }),
    stored: action(storedForm, () => Promise.resolve({ to: SECURITY_PATH })),
  },
});

const byLink = z.object({ account: z.string().max(64), link: z.string().max(128) });

type LinkCall = BrowserCall<z.output<typeof byLink>>;

/** For somebody whom the operator handed a link: the last resort. */
export const recoverByLinkPage = publicPage({
  path: "/recover/:account/:link",
  params: byLink,
  title: "Recover your account",
  load: ({ services, params }) => seeRecoveryLink(services, params),
  view: ({ data: { email }, attempt }) => (
    <Bare
      title="Recover your account"
      lead={
        <>
          This is for{" "}
          <strong>
            <UntrustedText text={email} />
          </strong>.
        </>
      }
    >
      <Refused attempt={attempt} shown="" />
      <WhatEnds />
      <Form do="begin">
        <Button variant="danger" size="large">End them, and create a passkey</Button>
      </Form>
    </Bare>
  ),
  actions: {
    begin: action(z.strictObject({}), async ({ services, params, flow, client }: LinkCall) => {
      const { nonce } = await redeemRecoveryLink(services, { ...params, flow }, client);
      return { to: pagePath(PATH, { passkey: nonce }) };
    }),
  },
});

async function see(
  { services, flow, query: { passkey: nonce, again } }: Call,
): Promise<EnrolmentStep> {
  const passkey = nonce === undefined
    ? null
    : await passkeyStep(services, { flow, nonce }, recoveringEmail);
  if (passkey !== null) return passkey;
  const asked = { purpose: "recovery", flow } as const;
  const sent = again === "1" ? null : await openCode(services, asked, () => true);
  return sent === null ? { at: "start" } : { at: "code", sent };
}

function AddressStep({ attempt }: { readonly attempt: Attempt | null }) {
  const form = attempted(attempt, "send_code");
  return (
    <Bare
      title="Recover your account"
      lead="For when you have lost every passkey. You need your mailbox and one of your recovery codes."
      notice={<Progress step={1} of={STEPS} />}
      foot={
        <>
          No recovery code left? Whoever runs this server can let you in.{" "}
          <a href="/sign-in">Back to signing in</a>
        </>
      }
    >
      <Refused attempt={attempt} shown="send_code" />
      <Form do="send_code" layout="stack" action={PATH}>
        <FieldErrors errors={form.errors} />
        <TextField
          name="email"
          label="Your e-mail address"
          type="email"
          autoComplete="email"
          value={form.value("email")}
          error={form.error("email")}
          required
        />
        <FormActions>
          <Button variant="primary" size="large" icon="mail">Send me the code</Button>
        </FormActions>
      </Form>
    </Bare>
  );
}

function CodesStep({ sent: { to, mailed }, attempt }: {
  readonly sent: Extract<EnrolmentStep, { at: "code" }>["sent"];
  readonly attempt: Attempt | null;
}) {
  const form = attempted(attempt, "confirm_code");
  return (
    <Bare
      title="Enter both codes"
      lead={
        <>
          If there is an account for{" "}
          <strong>
            <UntrustedText text={to} />
          </strong>, a code is{" "}
          {mailed ? "on its way" : "on the console of the server"}. It counts for five minutes, in
          this browser.
        </>
      }
      notice={<Progress step={2} of={STEPS} />}
    >
      <Refused attempt={attempt} shown="confirm_code" />
      <Form do="confirm_code" layout="stack">
        <FieldErrors errors={form.errors.map(namingBoth)} />
        <CodeField error={form.error("code")} />
        <TextField
          name="recovery_code"
          label="Recovery code"
          hint="26 letters and digits, one of the ten that you stored. Capitals and dashes don't matter."
          error={form.error("recovery_code")}
          autoComplete="off"
          spellcheck={false}
          maxLength={60}
          mono
          required
        />
        <WhatEnds />
        <FormActions>
          <Button variant="danger" size="large">End them, and go on</Button>
        </FormActions>
      </Form>
      <p class="small">
        <a href={pagePath(PATH, { again: 1 })}>Ask for another code</a>
      </p>
    </Bare>
  );
}

/** Which of two codes is wrong is not said, so the words must not sound as if it was the first. */
function namingBoth({ name, message }: FieldError): FieldError {
  return name === null
    ? { name, message: `One of the two wasn't accepted; check both. ${message}` }
    : { name, message };
}

function WhatEnds() {
  return (
    <Notice tone="warning" live={false} title="What this ends">
      All passkeys and sessions of the account end at once. Owners are told, and for a time, mostly
      a day, you can't decide requests, see their arguments or change anything, unless another owner
      confirms that it was you.
    </Notice>
  );
}
