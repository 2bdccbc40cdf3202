import { z } from "zod";
import { RoleBadge, Tags } from "../../../components/badges.tsx";
import { Button } from "../../../components/button.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import {
  DangerSection,
  Definitions,
  Notice,
  Section,
  SheetActions,
} from "../../../components/layout.tsx";
import {
  groupWords,
  isHeld,
  MemberFields,
  MemberState,
  Person,
  roleWords,
} from "../../../components/member.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Time } from "../../../components/time.tsx";
import { idTail } from "../../../lib/base/confusables.ts";
import type { JsonObject } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { personWords } from "../../../lib/base/person.ts";
import { levelsOf } from "../../../lib/identity/deciders.ts";
import { listInvitations } from "../../../lib/people/invitations.ts";
import {
  assertOwnerStays,
  confirmRecovery,
  existingMember,
  putMember,
  removeMember,
} from "../../../lib/people/members.ts";
import { hasRight, mayGrant } from "../../../lib/policy/rights.ts";
import type { Snapshot } from "../../../lib/policy/snapshot.ts";
import { Refusal } from "../../../lib/refusal.ts";
import type { MemberRecord } from "../../../lib/store/records/identity.ts";
import {
  asShown,
  attempted,
  changedFrom,
  shownField,
  shownState,
} from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { action, memberPage, type View } from "../../dashboard/page.ts";
import {
  emailInPath,
  INVITATION_ACTIONS,
  InvitationButtons,
  memberFormFields,
} from "./invitation.tsx";

const byEmail = z.object({ email: emailInPath });

export type Call = MemberCall<z.output<typeof byEmail>>;

/** Names of machines that are listed; the rest is counted. */
const MACHINES_SHOWN = 20;

/** What the page of a member shows. */
type MemberData = Awaited<ReturnType<typeof loadMember>>;

/** Reads what the page of a member shows. @throws {Refusal} not_found */
async function loadMember(call: Call) {
  const { params: { email }, caller, services } = call;
  const { snapshot, member } = await call.transact({
    plan: (transaction) => ({
      snapshot: transaction.snapshot,
      member: existingMember(transaction, email),
    }),
  });
  const invitations = await listInvitations(services, snapshot);
  const isOwn = member.id === caller.id;
  return {
    member,
    isOwn,
    invitation: invitations.find((one) => one.email === email) ?? null,
    levels: levelsOf(member, snapshot.members),
    machines: machinesOf(snapshot, member),
    isLastOwner: isLastOwner(snapshot, member),
    own: caller.role,
    mayRule: mayGrant(caller.role, member.role),
    mayConfirm: hasRight(caller.role, "confirm_recovery") && !isOwn && caller.held_until === null,
  };
}

/** What a form that changes a member was made from. */
function memberState({ role, groups }: MemberRecord): JsonObject {
  return { role, groups: [...groups] };
}

function isLastOwner(snapshot: Snapshot, member: MemberRecord): boolean {
  try {
    assertOwnerStays(snapshot, member, null);
    return false;
  } catch (error) {
    if (error instanceof Refusal && error.code === "last_owner") return true;
    throw error;
  }
}

/** Names of the agents and keys that a member answers for. */
function machinesOf({ agents, apiKeys }: Snapshot, { id }: MemberRecord): string[] {
  const names = [...agents.values(), ...apiKeys.values()]
    .filter(({ members_behind }) => members_behind.includes(id))
    .map(({ id, name }) => `${name} ${idTail(id)}`);
  const more = names.length - MACHINES_SHOWN;
  return more > 0 ? [...names.slice(0, MACHINES_SHOWN), `and ${more} more`] : names;
}

const change = z.strictObject({ shown: shownField, ...memberFormFields });

const nothing = z.strictObject({});

/** One member: what they may do, what they answer for, and how that changes. */
export const memberRecordPage = memberPage({
  path: "/team/:email",
  section: "team",
  needs: "read",
  params: byEmail,
  load: loadMember,
  title: ({ member }) => personWords(member),
  view: (shown) => {
    const { data: { member, invitation, levels, machines, isOwn }, attempt, now } = shown;
    const failed = ["resend", "withdraw", "confirm", "remove", "invite"];
    return (
      <>
        <PageHeader
          title={<Person member={member} />}
          breadcrumb={[{ label: "Team", href: "/team" }]}
          badges={<RoleBadge role={member.role} />}
          description={isOwn ? "This is you." : undefined}
        />
        {failed.includes(attempt?.do ?? "") && <Notice tone="danger">{attempt?.message}</Notice>}
        <HoldNotice {...shown} />
        <Section title="Details">
          <Definitions
            items={[
              { term: "Role", value: roleWords(member.role).hint },
              {
                term: "Decides",
                value: levels.length === 0 ? "Nothing" : groupWords(levels).join(" and "),
              },
              { term: "Groups", value: <Tags tags={groupWords(member.groups)} /> },
              {
                term: "Sign-in",
                value: <MemberState member={member} invitation={invitation} now={now} />,
              },
              { term: "Member since", value: <Time at={member.created_at} now={now} /> },
              {
                term: "Answers for",
                value: <Tags tags={machines} none="No agent and no key" />,
              },
              { term: "Id", value: member.id, mono: true },
            ]}
          />
        </Section>
        <InvitationSection {...shown} />
        <ChangeSection {...shown} />
        <RemoveSection {...shown} />
      </>
    );
  },
  actions: {
    ...INVITATION_ACTIONS,
    change: action(change, async (call: Call, { shown, ...fields }) => {
      const { email } = call.params;
      const put = asShown(
        putMember(email, fields, call.id),
        (transaction) => changedFrom(memberState(existingMember(transaction, email)), shown),
      );
      const { record } = await call.transact(put, "manage_members");
      return {
        to: pagePath("/team/:email", { email: record.email }),
        notice: "Saved. It holds from their next click on.",
      };
    }, "manage_members"),
    confirm: action(nothing, async (call: Call) => {
      const { email } = call.params;
      const member = await call.transact({ plan: (tx) => existingMember(tx, email) });
      await call.transact(confirmRecovery(member.id, call.id), "confirm_recovery");
      return {
        to: pagePath("/team/:email", { email: member.email }),
        notice: `The hold of ${email} is over.`,
      };
    }, "confirm_recovery"),
    remove: action(nothing, async (call: Call) => {
      const { email } = call.params;
      await call.transact(removeMember(email, call.id), "manage_members");
      return { to: "/team", notice: `${email} is no member any more.` };
    }, "manage_members"),
  },
});

type Shown = View<MemberData>;

/** That a recovery keeps a member from ruling others, and how that ends early. */
function HoldNotice({ data: { member, isOwn, mayConfirm }, now }: Shown) {
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
function InvitationSection({ data: { member, invitation, mayRule }, now }: Shown) {
  if (member.account !== null) return null;
  if (invitation === null) {
    return (
      <Section
        title="Not invited yet"
        description="They are a member by configuration, and can't sign in without an invitation."
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
      description="They haven't accepted it yet. A new link makes the one before void. Withdrawing
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
function ChangeSection({ data, attempt }: Shown) {
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
function RemoveSection({ data: { isOwn, mayRule, isLastOwner } }: Shown) {
  if (!mayRule) return null;
  const title = isOwn ? "Leave this organization" : "Remove from the team";
  if (isLastOwner) return <Section title={title} description={LAST_OWNER}>{null}</Section>;
  return (
    <DangerSection
      id="remove"
      title={title}
      description={isOwn
        ? "From your next click on you are refused here. Agents and keys that you made stay."
        : "From their next click on they are refused here, and what MCP clients do for them ends. " +
          "Agents and keys that they made stay: look at those under “Answers for” as well."}
    >
      <Form do="remove">
        <SheetActions>
          <Button variant="danger" icon="trash">{isOwn ? "Leave" : "Remove member"}</Button>
        </SheetActions>
      </Form>
    </DangerSection>
  );
}
