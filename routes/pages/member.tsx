import { z } from "zod";
import { Definitions } from "../../components/definitions.tsx";
import { PageHeader } from "../../components/layout.tsx";
import { roleWords } from "../../components/member.tsx";
import { groupWords } from "../../components/member_fields.tsx";
import { MemberState } from "../../components/member_state.tsx";
import { Notice } from "../../components/notice.tsx";
import { RoleBadge } from "../../components/role_badge.tsx";
import { Section } from "../../components/section.tsx";
import { Tags } from "../../components/tags.tsx";
import { Time } from "../../components/time.tsx";
import { UntrustedText } from "../../components/untrusted_text.tsx";
import {
  confirmRecovery,
  existingMember,
  putMember,
  removeMember,
} from "../../lib/people/members.ts";
import { asShown } from "../as_shown.ts";
import { action, memberPage } from "../dashboard/page.ts";
import { changedFrom, shownField } from "../shown_state.ts";
import { byEmail, type Call, loadMember, memberState } from "./member_data.ts";
import { INVITATION_ACTIONS } from "./team/invitation.tsx";
import { ChangeSection, HoldNotice, InvitationSection, RemoveSection } from "./team/member.tsx";
import { memberFormFields, memberPath } from "./team_fields.ts";

const change = z.strictObject({ shown: shownField, ...memberFormFields });

const nothing = z.strictObject({});

/** One member: what they may do, what they answer for, and how that changes. */
export const memberRecordPage = memberPage({
  path: "/team/:email",
  section: "team",
  needs: "read",
  params: byEmail,
  load: loadMember,
  title: ({ member }) => member.email,
  view: (shown) => {
    const { data: { member, invitation, levels, machines, isOwn }, attempt, now } = shown;
    const failed = ["resend", "withdraw", "confirm", "remove", "invite"];
    return (
      <>
        <PageHeader
          title={<UntrustedText text={member.email} />}
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
      return { to: memberPath(record), notice: "Saved. It holds from their next click on." };
    }, "manage_members"),
    confirm: action(nothing, async (call: Call) => {
      const { email } = call.params;
      const member = await call.transact({ plan: (tx) => existingMember(tx, email) });
      await call.transact(confirmRecovery(member.id, call.id), "confirm_recovery");
      return { to: memberPath(member), notice: `The hold of ${email} is over.` };
    }, "confirm_recovery"),
    remove: action(nothing, async (call: Call) => {
      const { email } = call.params;
      await call.transact(removeMember(email, call.id), "manage_members");
      return { to: "/team", notice: `${email} is no member any more.` };
    }, "manage_members"),
  },
});
