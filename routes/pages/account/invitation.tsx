import { z } from "zod";
import { RoleBadge } from "../../../components/badges.tsx";
import { Bare } from "../../../components/bare.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { Form } from "../../../components/form.tsx";
import { Definitions } from "../../../components/layout.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { SESSION_LIFE_MS } from "../../../lib/identity/sessions.ts";
import {
  acceptInvitation,
  confirmInvitationCode,
  finishInvitation,
  seeInvitation,
  type SeenInvitation,
  sendInvitationCode,
} from "../../../lib/people/accept_invitation.ts";
import { type EnrolmentStep, linkStep } from "../../../lib/people/enrolment_step.ts";
import { accountEmail } from "../../../lib/people/sessions.ts";
import { Refusal } from "../../../lib/refusal.ts";
import { attempted } from "../../dashboard/attempted.ts";
import { type BrowserCall, signedInEmail } from "../../dashboard/browser_call.ts";
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

const NEXT = "/";

const STEPS = 4;

const nothing = z.strictObject({});

/** What the page shows; null once the link has done its work for whoever is signed in. */
type Seen = {
  readonly invitation: SeenInvitation;
  readonly step: EnrolmentStep;
  readonly link: string;
} | null;

export const invitationPage = publicPage({
  path: "/invitation/:link",
  params: byLink,
  query: ceremonyQuery,
  title: "Invitation",
  load: async (call: Call): Promise<{ seen: Seen; email: string | null }> => ({
    seen: await see(call),
    email: await signedInEmail(call),
  }),
  view: ({ data: { seen, email }, attempt, now }) =>
    seen === null
      ? <Done />
      : email !== null
      ? <AcceptStep {...seen} email={email} attempt={attempt} now={now} />
      : seen.step.at === "passkey"
      ? (
        <PasskeyStep
          attempt={attempt}
          step={seen.step}
          progress={<Progress step={3} of={STEPS} />}
          again={invitationPath(seen.link)}
        />
      )
      : seen.step.at === "code"
      ? <CodeStep sent={seen.step.sent} attempt={attempt} link={seen.link} />
      : <StartStep {...seen} attempt={attempt} now={now} />,
  actions: {
    send_code: action(nothing, async ({ services, params: { link }, flow, client }: Call) => {
      await sendInvitationCode(services, { link, flow }, client);
      return { to: invitationPath(link) };
    }),
    confirm_code: action(codeForm, async (call: Call, { code }) => {
      const { services, params: { link }, flow, client } = call;
      const { nonce } = await confirmInvitationCode(services, { link, flow, code }, client);
      return { to: `${invitationPath(link)}?passkey=${nonce}` };
    }),
    finish: action(passkeyForm, async (call: Call, { nonce, response }) => {
      const { services, params: { link }, flow, client } = call;
      const entered = await finishInvitation(services, { link, flow, nonce, response }, client);
      call.signIn(entered.secret, SESSION_LIFE_MS / 1000);
      return {
        title: "Store your recovery codes",
        show: (
          <RecoveryCodesPage
            codes={entered.recovery_codes}
            email={await accountEmail(services, entered.session.account)}
            origin={services.settings.url.origin}
            progress={<Progress step={4} of={STEPS} />}
          />
        ),
      };
    }),
    stored: action(storedForm, () => Promise.resolve({ to: NEXT })),
    accept: action(nothing, async ({ services, session, params: { link }, client }: Call) => {
      if (session === null) throw new Refusal("session_ended", { why: "none" });
      await acceptInvitation(services, session, link, client);
      return { to: NEXT, notice: "You are a member of this organization." };
    }),
  },
});

async function see(call: Call): Promise<Seen> {
  const { services, flow, params: { link }, query: { passkey: nonce = null, again } } = call;
  try {
    const invitation = await seeInvitation(services, link);
    const { email } = invitation;
    const step: EnrolmentStep = again === "1"
      ? { at: "start" }
      : await linkStep(services, { link, flow, nonce, email });
    return { invitation, step, link };
  } catch (error) {
    const used = error instanceof Refusal && error.code === "link_not_valid";
    if (used && call.session !== null) return null;
    throw error;
  }
}

function invitationPath(link: string): string {
  return `/invitation/${encodeURIComponent(link)}`;
}

interface StepProps {
  readonly invitation: SeenInvitation;
  readonly link: string;
  readonly attempt: Attempt | null;
  readonly now: number;
}

function StartStep({ invitation, link, attempt, now }: StepProps) {
  return (
    <Bare
      title="You are invited"
      lead="A code goes to your mailbox, to show that the address is yours; then you create your
        passkey."
      notice={<Progress step={1} of={STEPS} />}
      foot={
        <>
          You have a passkey here already?{" "}
          <a href={`/sign-in?to=${encodeURIComponent(invitationPath(link))}`}>Sign in first</a>
        </>
      }
    >
      <Refused attempt={attempt} shown="" />
      <Invitation invitation={invitation} now={now} />
      <Form do="send_code" action={invitationPath(link)}>
        <Button variant="primary" size="large" icon="mail">Send me the code</Button>
      </Form>
    </Bare>
  );
}

function CodeStep({ sent, attempt, link }: {
  readonly sent: Extract<EnrolmentStep, { at: "code" }>["sent"];
  readonly attempt: Attempt | null;
  readonly link: string;
}) {
  return (
    <Bare
      title="Enter the code"
      lead={<CodeWhereabouts sent={sent} />}
      notice={<Progress step={2} of={STEPS} />}
    >
      <Refused attempt={attempt} shown="confirm_code" />
      <CodeForm
        form={attempted(attempt, "confirm_code")}
        again={`${invitationPath(link)}?again=1`}
      />
    </Bare>
  );
}

/** For somebody with an account: their passkey has shown who they are. */
function AcceptStep({ invitation, link, attempt, now, email }: StepProps & {
  readonly email: string;
}) {
  const own = invitation.email === email;
  return (
    <Bare
      title="You are invited"
      lead={
        <>
          You are signed in as <UntrustedText text={email} />.
        </>
      }
    >
      <Refused attempt={attempt} shown="" />
      <Invitation invitation={invitation} now={now} />
      {own
        ? (
          <Form do="accept" action={invitationPath(link)}>
            <Button variant="primary" size="large">Accept</Button>
          </Form>
        )
        : (
          <p>
            The invitation is for another address than yours. Sign out to accept it as that one.
          </p>
        )}
      <Form do="sign_out" action="/sign-out" hidden={{ to: invitationPath(link) }}>
        <Button variant={own ? "quiet" : "primary"}>Sign out</Button>
      </Form>
    </Bare>
  );
}

function Invitation({ invitation, now }: Pick<StepProps, "invitation" | "now">) {
  const { organization, email, role, invited_by, expires_at } = invitation;
  return (
    <Definitions
      items={[
        { term: "To", value: <UntrustedText text={organization} /> },
        { term: "For", value: <UntrustedText text={email} /> },
        { term: "As", value: <RoleBadge role={role} /> },
        {
          term: "From",
          value: invited_by === null
            ? "Somebody who has left since"
            : <UntrustedText text={invited_by} />,
        },
        { term: "Until", value: <Time at={expires_at} now={now} /> },
      ]}
    />
  );
}

function Done() {
  return (
    <Bare
      title="You are signed in"
      lead="This invitation has done its work, or has ended. Did you not store your recovery codes?
        Make new ones under Security."
    >
      <ButtonLink href={NEXT} variant="primary">Go to the overview</ButtonLink>
      <ButtonLink href="/security">Security</ButtonLink>
    </Bare>
  );
}
