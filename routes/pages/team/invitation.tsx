import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { CodeBlock } from "../../../components/code.tsx";
import CopyButton from "../../../components/copy_button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Notice } from "../../../components/layout.tsx";
import { MemberFields } from "../../../components/member.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import {
  invite,
  type Invited,
  resendInvitation,
  withdrawInvitation,
} from "../../../lib/people/invitations.ts";
import type { Role } from "../../../lib/policy/rights.ts";
import { ROLES } from "../../../lib/store/records/identity.ts";
import type { AttemptedForm } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { several, text } from "../../dashboard/form.ts";
import { action, type Outcome } from "../../dashboard/page.ts";

const group = z.enum(["1", "2"], "must be 1 or 2").transform((value) =>
  value === "1" ? 1 as const : 2 as const
);

/** Role and groups of a member as a form sends them. */
export const memberFormFields = {
  role: text(z.enum(ROLES, "must be one of the roles")),
  groups: several(group).transform((groups) => [...new Set(groups)]),
};

/** The address of a member in the path of their page; in lower case, as it is stored. */
export const emailInPath = z.string().max(254).transform((email) => email.toLowerCase());

type Call = MemberCall<unknown, unknown>;

const email = text(z.string().min(1, "must be an e-mail address").max(254));

const invitation = z.strictObject({ email, ...memberFormFields });

const named = z.strictObject({ email });

/** What makes invitations and takes them back, on every page that offers it. */
export const INVITATION_ACTIONS = {
  invite: action(invitation, async (call: Call, fields) => {
    const { services, session, client } = call;
    return shown(await invite(services, session, fields, client), call.now);
  }, "manage_members"),
  resend: action(named, async (call: Call, fields) => {
    const { services, session, client } = call;
    const address = fields.email.toLowerCase();
    return shown(await resendInvitation(services, session, address, client), call.now);
  }, "manage_members"),
  withdraw: action(named, async (call: Call, fields) => {
    const { services, session, client } = call;
    await withdrawInvitation(services, session, fields.email.toLowerCase(), client);
    return { to: "/team?view=invitations", notice: `The link to ${fields.email} is void.` };
  }, "manage_members"),
};

function shown(invited: Invited, now: number): Outcome {
  return { show: <InvitationLink invited={invited} now={now} />, title: "Invitation" };
}

/** The link of a new invitation, this once. */
function InvitationLink({ invited, now }: { readonly invited: Invited; readonly now: number }) {
  const { link, email, expires_at, mailed } = invited;
  return (
    <>
      <PageHeader
        title={
          <>
            Invitation of <UntrustedText text={email} />
          </>
        }
        breadcrumb={[{ label: "Team", href: "/team" }]}
      />
      {mailed === "yes"
        ? (
          <Notice tone="success">
            The link is on its way by mail. You may hand it over as well.
          </Notice>
        )
        : (
          <Notice tone="warning" title="Hand the link over yourself">
            {mailed === "failed"
              ? "The mail server didn't take the mail, so it didn't go out."
              : "This deployment has no mail server, so nothing was mailed."}
          </Notice>
        )}
      <div class="stack">
        <CodeBlock
          label="Their link"
          code={link}
          copy={<CopyButton text={link} label="Copy" />}
        />
        <p>
          It counts once, for <UntrustedText text={email} /> alone, until{" "}
          <Time at={expires_at} now={now} />. You won't see it again; a new one makes it void.
        </p>
        <p>
          <ButtonLink href="/team" variant="primary">Back to the team</ButtonLink>
        </p>
      </div>
    </>
  );
}

/** The form that invites somebody. */
export function InviteForm({ form, own, mailConfigured }: {
  readonly form: AttemptedForm;
  /** The role of whoever invites. */
  readonly own: Role;
  readonly mailConfigured: boolean;
}) {
  return (
    <Form do="invite" layout="stack">
      <FieldErrors errors={form.errors} />
      <TextField
        name="email"
        label="E-mail address"
        type="email"
        hint={mailConfigured
          ? "The link goes there by mail, and you can copy it too."
          : "No mail server is set up: you get the link to hand over."}
        value={form.value("email")}
        error={form.error("email")}
        autoComplete="off"
        required
      />
      <MemberFields
        own={own}
        role={form.value("role", "approver")}
        groups={form.values("groups")}
        error={form.error}
      />
      <p class="quiet small">Inviting somebody asks for your passkey.</p>
      <FormActions>
        <Button variant="primary" icon="mail">Invite</Button>
      </FormActions>
    </Form>
  );
}

/** A new link for an open invitation, or none at all. */
export function InvitationButtons({ email }: { readonly email: string }) {
  return (
    <div class="row">
      <Form do="resend" hidden={{ email }}>
        <Button size="small">New link</Button>
      </Form>
      <Form do="withdraw" hidden={{ email }}>
        <Button size="small" variant="danger">Withdraw</Button>
      </Form>
    </div>
  );
}
