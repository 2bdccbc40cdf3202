import { z } from "zod";
import { RoleBadge } from "../../../components/badges.tsx";
import { Bare } from "../../../components/bare.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { Form } from "../../../components/form.tsx";
import { Definitions } from "../../../components/layout.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import {
  acceptInvitation,
  confirmInvitationCode,
  finishInvitation,
  seeInvitation,
  type SeenInvitation,
  sendInvitationCode,
} from "../../../lib/people/accept_invitation.ts";
import { Refusal } from "../../../lib/refusal.ts";
import { signedInEmail } from "../../dashboard/browser_call.ts";
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

const NEXT = "/";

const STEPS = 4;

const nothing = z.strictObject({});

interface Data {
  readonly followed: Followed<SeenInvitation>;
  /** Of whoever is signed in. */
  readonly email: string | null;
}

export const invitationPage = publicPage({
  path: "/invitation/:link",
  params: byLink,
  query: ceremonyQuery,
  title: "Invitation",
  load: async (call: LinkCall): Promise<Data> => ({
    followed: await follow(call, "invitation", seeInvitation),
    email: await signedInEmail(call),
  }),
  view: ({ data: { followed, email }, attempt, now }) => {
    if (followed === null) return <Done />;
    const { seen: invitation, step, link } = followed;
    const shown = { invitation, link, attempt, now };
    if (email !== null) return <AcceptStep {...shown} email={email} />;
    if (step.at === "passkey") {
      const again = pagePath("/invitation/:link", { link });
      const progress = <Progress step={3} of={STEPS} />;
      return <PasskeyStep attempt={attempt} step={step} progress={progress} again={again} />;
    }
    if (step.at === "code") {
      const again = pagePath("/invitation/:link", { link, again: 1 });
      const progress = <Progress step={2} of={STEPS} />;
      return <CodeStep sent={step.sent} attempt={attempt} progress={progress} again={again} />;
    }
    return <StartStep {...shown} />;
  },
  actions: {
    send_code: action(nothing, async ({ services, params: { link }, flow, client }: LinkCall) => {
      await sendInvitationCode(services, { link, flow }, client);
      return { to: pagePath("/invitation/:link", { link }) };
    }),
    confirm_code: action(codeForm, async (call: LinkCall, { code }) => {
      const { services, params: { link }, flow, client } = call;
      const { nonce } = await confirmInvitationCode(services, { link, flow, code }, client);
      return { to: pagePath("/invitation/:link", { link, passkey: nonce }) };
    }),
    finish: action(passkeyForm, async (call: LinkCall, { nonce, response }) => {
      const { services, params: { link }, flow, client } = call;
      const entered = await finishInvitation(services, { link, flow, nonce, response }, client);
      return await enter(call, entered, { progress: <Progress step={4} of={STEPS} /> });
    }),
    stored: action(storedForm, () => Promise.resolve({ to: NEXT })),
    accept: action(nothing, async ({ services, session, params: { link }, client }: LinkCall) => {
      if (session === null) throw new Refusal("session_ended", { why: "none" });
      await acceptInvitation(services, session, link, client);
      return { to: NEXT, notice: "You are a member of this organization." };
    }),
  },
});

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
          <a href={pagePath("/sign-in", { to: pagePath("/invitation/:link", { link }) })}>
            Sign in first
          </a>
        </>
      }
    >
      <Refused attempt={attempt} shown="" />
      <Invitation invitation={invitation} now={now} />
      <Form do="send_code" action={pagePath("/invitation/:link", { link })}>
        <Button variant="primary" size="large" icon="mail">Send me the code</Button>
      </Form>
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
          <Form do="accept" action={pagePath("/invitation/:link", { link })}>
            <Button variant="primary" size="large">Accept</Button>
          </Form>
        )
        : (
          <p>
            The invitation is for another address than yours. Sign out to accept it as that one.
          </p>
        )}
      <Form
        do="sign_out"
        action="/sign-out"
        hidden={{ to: pagePath("/invitation/:link", { link }) }}
      >
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
