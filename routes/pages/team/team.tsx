import { z } from "zod";
import { Badge, RoleBadge, Tags } from "../../../components/badges.tsx";
import { ButtonLink } from "../../../components/button.tsx";
import { Disclosure, EmptyState, Notice, Section, Tabs } from "../../../components/layout.tsx";
import {
  DeciderGaps,
  groupWords,
  MemberState,
  Person,
  RoleRights,
} from "../../../components/member.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, RowLink, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { listInvitations, type PendingInvitation } from "../../../lib/people/invitations.ts";
import { hasRight, mayGrant } from "../../../lib/policy/rights.ts";
import { deciderGaps } from "../../../lib/sheet/decider_gaps.ts";
import type { MemberRecord } from "../../../lib/store/records/identity.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { memberPage } from "../../dashboard/page.ts";
import { pageByName, pageQuery } from "../../fields/paging.ts";
import { INVITATION_ACTIONS, InvitationButtons, InviteForm } from "./invitation.tsx";

const query = z.object({ ...pageQuery, view: z.enum(["invitations"]).optional() });

type Call = MemberCall<undefined, z.output<typeof query>>;

/** A member in the list. */
interface Row {
  readonly member: MemberRecord;
  readonly invitation: PendingInvitation | null;
}

/** Who is in the organization, what they may do, and who is invited. */
export const teamPage = memberPage({
  path: "/team",
  title: "Team",
  section: "team",
  needs: "read",
  query,
  load: async (call: Call) => {
    const { services, caller, query } = call;
    const snapshot = await call.transact({ plan: (transaction) => transaction.snapshot });
    const invitations = await listInvitations(services, snapshot);
    const members = [...snapshot.members.values()].sort((a, b) => a.email < b.email ? -1 : 1);
    const names = namesOf(snapshot);
    const view = query.view ?? "members";
    const page = view === "members"
      ? pageByName(members, ({ email }) => email, query)
      : { items: [], next_cursor: null };
    const open = view === "invitations"
      ? pageByName(invitations, ({ email }) => email, query)
      : { items: [], next_cursor: null };
    return {
      view,
      rows: page.items.map((member): Row => ({
        member,
        invitation: invitations.find(({ email }) => email === member.email) ?? null,
      })),
      open: open.items.map((one) => ({ ...one, inviter: names.of(one.invited_by) })),
      next_cursor: page.next_cursor ?? open.next_cursor,
      isFirst: query.cursor === undefined,
      counts: { members: members.length, invitations: invitations.length },
      gaps: deciderGaps(snapshot),
      own: caller,
      mayManage: hasRight(caller.role, "manage_members"),
      mailConfigured: services.deps.mail.configured,
    };
  },
  view: ({ data, attempt, now }) => {
    const { view, counts, own, mayManage } = data;
    const pageOf = (cursor: string | null) =>
      pagePath("/team", { view: view === "members" ? null : view, cursor });
    const failed = ["resend", "withdraw"].includes(attempt?.do ?? "") ? attempt : null;
    return (
      <>
        <PageHeader
          title="Team"
          description="The people of this organization: who decides, who configures, who looks on."
          actions={mayManage &&
            <ButtonLink href="#invite" icon="mail">Invite somebody</ButtonLink>}
        />
        {failed !== null && <Notice tone="danger">{failed.message}</Notice>}
        <DeciderGaps gaps={data.gaps} />
        <Tabs
          label="Members and invitations"
          tabs={[
            {
              label: "Members",
              href: "/team",
              current: view === "members",
              count: counts.members,
            },
            {
              label: "Open invitations",
              href: "/team?view=invitations",
              current: view === "invitations",
              count: counts.invitations,
            },
          ]}
        />
        {view === "members"
          ? <Members rows={data.rows} own={own.id} now={now} />
          : <Invitations rows={data.open} own={own} now={now} />}
        <Pagination
          newer={data.isFirst ? null : pageOf(null)}
          older={data.next_cursor === null ? null : pageOf(data.next_cursor)}
          newerLabel="First page"
          olderLabel="More"
        />
        <Disclosure summary="What each role may do">
          <RoleRights />
        </Disclosure>
        {mayManage && (
          <Section
            title="Invite somebody"
            id="invite"
            description="They come in by a link that counts once and for a week, and make a passkey
              of their own."
          >
            <InviteForm
              form={attempted(attempt, "invite")}
              own={own.role}
              mailConfigured={data.mailConfigured}
            />
          </Section>
        )}
      </>
    );
  },
  actions: INVITATION_ACTIONS,
});

function Members({ rows, own, now }: {
  readonly rows: readonly Row[];
  /** The id of whoever looks. */
  readonly own: string;
  readonly now: number;
}) {
  return (
    <Table<Row>
      caption="Members"
      rows={rows}
      rowKey={({ member }) => member.id}
      columns={[
        {
          key: "member",
          label: "Member",
          kind: "title",
          cell: ({ member }) => (
            <span class="row">
              <RowLink href={pagePath("/team/:email", { email: member.email })}>
                <Person member={member} />
              </RowLink>
              {member.id === own && <Badge>You</Badge>}
            </span>
          ),
        },
        {
          key: "role",
          label: "Role",
          kind: "badge",
          cell: ({ member }) => <RoleBadge role={member.role} />,
        },
        {
          key: "groups",
          label: "Groups",
          cell: ({ member }) => <Tags tags={groupWords(member.groups)} />,
        },
        {
          key: "state",
          label: "Sign-in",
          cell: ({ member, invitation }) => (
            <MemberState member={member} invitation={invitation} now={now} />
          ),
        },
        {
          key: "since",
          label: "Since",
          cell: ({ member }) => <Time at={member.created_at} now={now} show="relative" />,
        },
      ]}
      empty={
        <EmptyState icon="team" title="No members here">
          Only keys rule this organization so far. Its operator makes the first owner by the set-up
          link that the server prints when it starts.
        </EmptyState>
      }
    />
  );
}

function Invitations({ rows, own, now }: {
  readonly rows: readonly (PendingInvitation & { readonly inviter: string | null })[];
  readonly own: Call["caller"];
  readonly now: number;
}) {
  return (
    <Table
      caption="Open invitations"
      rows={rows}
      rowKey={({ id }) => id}
      columns={[
        {
          key: "email",
          label: "E-mail address",
          kind: "title",
          cell: (one) => (
            <RowLink href={pagePath("/team/:email", { email: one.email })}>
              <UntrustedText text={one.email} />
            </RowLink>
          ),
        },
        {
          key: "role",
          label: "Role",
          kind: "badge",
          cell: ({ role }) => <RoleBadge role={role} />,
        },
        {
          key: "by",
          label: "Invited by",
          cell: ({ inviter }) =>
            inviter === null
              ? <span class="quiet">Somebody who left</span>
              : <UntrustedText text={inviter} />,
        },
        {
          key: "expires",
          label: "Link",
          cell: ({ expired, stands, expires_at }) =>
            stands
              ? (
                <span>
                  {expired ? "Expired " : "Ends "}
                  <Time at={expires_at} now={now} show="relative" />
                </span>
              )
              : "Void: send a new one",
        },
        {
          key: "actions",
          label: "Actions",
          kind: "actions",
          cell: ({ email, role }) =>
            mayGrant(own.role, role) && <InvitationButtons email={email} />,
        },
      ]}
      empty={
        <EmptyState icon="mail" title="No open invitations">
          Everybody who was invited has come in, or was never invited.
        </EmptyState>
      }
    />
  );
}
