import { Button } from "../../../components/button.tsx";
import { FieldErrors } from "../../../components/field_errors.tsx";
import { Form, FormActions } from "../../../components/form.tsx";
import { MemberFields } from "../../../components/member_fields.tsx";
import { isHeld } from "../../../components/member_state.tsx";
import { Notice } from "../../../components/notice.tsx";
import { Section } from "../../../components/section.tsx";
import { Time } from "../../../components/time.tsx";
import { hasRight } from "../../../lib/policy/rights.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { View } from "../../dashboard/page.ts";
import { shownState } from "../../shown_state.ts";
import { type MemberData, memberState } from "../member_data.ts";
import { InvitationButtons } from "./invitation.tsx";

type Shown = View<MemberData>;

/** That a recovery keeps a member from ruling others, and how that ends early. */
export function HoldNotice({ data: { member, isOwn, mayConfirm }, now }: Shown) {
  if (!isHeld(member, now)) return null;
  return (
    <Notice
      tone="warning"
      live={false}
      title="On hold after a recovery"
      actions={mayConfirm && (
        <Form do="confirm">
          <Button>Confirm that it was them</Button>
        </Form>
      )}
    >
      <p>
        {isOwn ? "You" : "They"} came back in with a recovery code. Until{" "}
        <Time at={member.held_until ?? now} now={now} /> {isOwn ? "you" : "they"}{" "}
        can look and throw kill switches, and neither see arguments, decide, nor change anything
        else.
      </p>
      <p>
        {mayConfirm
          ? "Confirm it only after you have spoken to them: a thief of their codes looks the same. " +
            "It asks for your passkey."
          : isOwn
          ? "Another owner can end it earlier."
          : "An owner can end it earlier, once they are sure that it was them."}
      </p>
    </Notice>
  );
}

/** How somebody who has not come in yet comes in. */
export function InvitationSection({ data: { member, invitation, mayRule }, now }: Shown) {
  if (member.account !== null) return null;
  if (invitation === null) {
    return (
      <Section
        title="Not invited yet"
        description="They are a member by configuration, and cannot sign in without an invitation."
      >
        {mayRule && (
          <Form
            do="invite"
            hidden={{
              email: member.email,
              role: member.role,
              groups: member.groups.map(String),
            }}
          >
            <Button variant="primary" icon="mail">Invite them</Button>
          </Form>
        )}
      </Section>
    );
  }
  const { expired, stands, expires_at } = invitation;
  return (
    <Section
      title="Invitation"
      description="They have not accepted it yet. A new link makes the one before void. Withdrawing
        it ends the membership as well, unless that was there before."
    >
      <p>
        {stands
          ? (
            <>
              The link {expired ? "expired" : "ends"} <Time at={expires_at} now={now} />.
            </>
          )
          : "The link is void: whoever sent it may not invite them any more, or has recovered " +
            "their account since."}
      </p>
      {mayRule && <InvitationButtons email={member.email} />}
    </Section>
  );
}

/** Another role, other groups. */
export function ChangeSection({ data, attempt }: Shown) {
  const { member, own, mayRule, isLastOwner } = data;
  if (!mayRule) {
    return hasRight(own, "manage_members")
      ? (
        <p class="quiet">
          Your role is below theirs: only an owner can change this membership.
        </p>
      )
      : null;
  }
  const form = attempted(attempt, "change");
  return (
    <Section title="Role and groups" description="A change asks for your passkey.">
      <Form do="change" hidden={{ shown: shownState(memberState(member)) }} layout="stack">
        <FieldErrors errors={form.errors} />
        <MemberFields
          own={own}
          role={form.value("role", member.role)}
          groups={form.values("groups", member.groups.map(String))}
          error={form.error}
          locked={isLastOwner ? LAST_OWNER : undefined}
        />
        <FormActions>
          <Button variant="primary">Save</Button>
        </FormActions>
      </Form>
    </Section>
  );
}

const LAST_OWNER = "The only owner who can sign in: make another member with a passkey an owner " +
  "first, else nobody could ever rule this organization again.";

/** The end of a membership. */
export function RemoveSection({ data: { isOwn, mayRule, isLastOwner } }: Shown) {
  if (!mayRule) return null;
  return (
    <Section
      title={isOwn ? "Leave this organization" : "Remove from the team"}
      look={isLastOwner ? "card" : "danger"}
      description={isLastOwner
        ? LAST_OWNER
        : isOwn
        ? "From your next click on you are refused here. Agents and keys that you made stay."
        : "From their next click on they are refused here, and what MCP clients do for them ends. " +
          "Agents and keys that they made stay: look at those under “Answers for” as well."}
    >
      {!isLastOwner && (
        <Form do="remove">
          <Button variant="danger" icon="trash">{isOwn ? "Leave" : "Remove member"}</Button>
        </Form>
      )}
    </Section>
  );
}
