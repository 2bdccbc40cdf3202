import { z } from "zod";
import { Badge } from "../../../components/badges.tsx";
import { Button } from "../../../components/button.tsx";
import { Mono } from "../../../components/code.tsx";
import { Form } from "../../../components/form.tsx";
import { EmptyState, Tabs } from "../../../components/layout.tsx";
import { LastUsed } from "../../../components/machine.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { type Column, Pagination, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { MachineName, UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { revokeInOrg } from "../../../lib/identity/grant_entries.ts";
import {
  type MembersConnection,
  membersConnections,
  membersGrants,
  type OwnConnection,
  ownConnections,
  ownGrants,
} from "../../../lib/oauth/access.ts";
import { revokeOwnGrant } from "../../../lib/oauth/grants.ts";
import { upstreamOfResource } from "../../../lib/oauth/scopes.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { GrantRecord } from "../../../lib/store/records/oauth.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { text } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { pageByName, pageQuery } from "../../fields/paging.ts";
import { SCOPE_WORDS } from "../../fields/scopes.ts";
import { Refused } from "../account/enrolment_parts.tsx";

const PATH = "/connections";

const query = z.strictObject({ ...pageQuery, of: z.enum(["members"]).optional() });

type Call = MemberCall<undefined, z.output<typeof query>>;

const named = z.strictObject({ id: text(z.string().max(64)) });

type Listed =
  | { readonly of: "own"; readonly rows: readonly OwnConnection[] }
  | { readonly of: "members"; readonly rows: readonly MembersConnection[] };

type Data = Listed & {
  readonly next_cursor: string | null;
  readonly isFirst: boolean;
  /** Whether the person looks after what others let programs do. */
  readonly manages: boolean;
  /** Whether they may have credentials of their own. */
  readonly keeps: boolean;
  /** Where a program finds this deployment. */
  readonly address: string;
};

/** The parts of Connections: what acts for whom, and what one's own programs are let in with. */
export function ConnectionTabs({ current, manages, keeps }: {
  readonly current: "own" | "members" | "credentials";
  readonly manages: boolean;
  readonly keeps: boolean;
}) {
  const tabs = [
    { key: "own", label: "Yours", href: PATH, isThere: true },
    {
      key: "members",
      label: "Other members'",
      href: pagePath(PATH, { of: "members" }),
      isThere: manages,
    },
    {
      key: "credentials",
      label: "Your credentials",
      href: pagePath("/connections/credentials"),
      isThere: keeps,
    },
  ].filter(({ isThere }) => isThere);
  if (tabs.length === 1) return null;
  return (
    <Tabs
      label="Connections"
      tabs={tabs.map(({ key, label, href }) => ({ label, href, current: key === current }))}
    />
  );
}

/** The programs that act for people by consent, and how that ends. */
export const connectionsPage = memberPage({
  path: PATH,
  title: "Connections",
  section: "connections",
  needs: "see_requests",
  query,
  load: async (call: Call): Promise<Data> => {
    const { services, query, caller } = call;
    const shared = {
      isFirst: query.cursor === undefined,
      manages: hasRight(caller.role, "manage_members"),
      keeps: hasRight(caller.role, "grant_write"),
      address: `${services.settings.url.origin}/mcp`,
    };
    if (query.of === "members") {
      const found = await call.transact(membersGrants());
      const { items, next_cursor } = pageByName(found, ({ grant }) => grant.id, query);
      const rows = await membersConnections(services, call.org, items);
      return { of: "members", rows, next_cursor, ...shared };
    }
    // Proves that the person may see this still; what it lists is their own.
    await call.transact({ plan: () => {} });
    const grants = await ownGrants(services, call.account);
    const { items, next_cursor } = pageByName(grants, ({ id }) => id, query);
    return { of: "own", rows: await ownConnections(services, items), next_cursor, ...shared };
  },
  view: ({ data, attempt, now }) => {
    const { next_cursor, isFirst, manages, of } = data;
    const own = of === "own";
    return (
      <>
        <PageHeader
          title="Connections"
          description="Programs that ask in somebody's name, by the consent that they gave. One that
            is disconnected is refused from its next request on, with every token it holds."
        />
        <Refused attempt={attempt} shown="" />
        <ConnectionTabs current={own ? "own" : "members"} manages={manages} keeps={data.keeps} />
        {data.of === "own"
          ? <OwnTable rows={data.rows} now={now} isFirst={isFirst} address={data.address} />
          : <MembersTable rows={data.rows} now={now} isFirst={isFirst} />}
        <Pagination
          newer={isFirst ? null : pagePath(PATH, { of: own ? null : of })}
          older={next_cursor === null
            ? null
            : pagePath(PATH, { of: own ? null : of, cursor: next_cursor })}
          newerLabel="First page"
          olderLabel="More"
        />
      </>
    );
  },
  actions: {
    revoke: action(named, async ({ services, session, client }: Call, { id }) => {
      await revokeOwnGrant(services, session, id, client);
      return { to: PATH, notice: "The program is disconnected. Its tokens are void." };
    }),
    revoke_of_member: action(named, async (call: Call, { id }) => {
      await call.transact(revokeInOrg(id, call.client), "manage_members");
      return {
        to: pagePath(PATH, { of: "members" }),
        notice: "The program is disconnected from this organization.",
      };
    }, "manage_members"),
  },
});

function OwnTable({ rows, now, isFirst, address }: {
  readonly rows: readonly OwnConnection[];
  readonly now: number;
  readonly isFirst: boolean;
  readonly address: string;
}) {
  return (
    <Table<OwnConnection>
      caption="Programs that act for you"
      rows={rows}
      rowKey={({ grant }) => grant.id}
      columns={[
        ...programColumns<OwnConnection>(),
        {
          key: "orgs",
          label: "Organizations",
          cell: ({ orgs }) =>
            orgs.length === 0
              ? <span class="quiet">None any more</span>
              : orgs.map(({ id, name }, index) => (
                <span key={id}>
                  {index > 0 && ", "}
                  <UntrustedText text={name} />
                </span>
              )),
        },
        ...timeColumns<OwnConnection>(now),
        {
          key: "end",
          label: "Disconnect",
          kind: "actions",
          cell: ({ grant }) => <Disconnect do="revoke" grant={grant} />,
        },
      ]}
      empty={
        <EmptyState icon="link" title={isFirst ? "Nothing is connected" : "No more connections"}>
          Give a program that speaks MCP the address <Mono>{address}</Mono>, or{" "}
          <Mono>{`${address}/gateway`}</Mono> where it is to run the tools of your servers:{" "}
          <a href="/connect">Connect a host</a>{" "}
          has it ready to be copied. It then asks you here what it may do.
        </EmptyState>
      }
    />
  );
}

function MembersTable({ rows, now, isFirst }: {
  readonly rows: readonly MembersConnection[];
  readonly now: number;
  readonly isFirst: boolean;
}) {
  return (
    <Table<MembersConnection>
      caption="Programs that act for other members in this organization"
      rows={rows}
      rowKey={({ grant }) => grant.id}
      columns={[
        ...programColumns<MembersConnection>(),
        { key: "member", label: "For", cell: ({ member }) => <UntrustedText text={member} /> },
        ...timeColumns<MembersConnection>(now),
        {
          key: "end",
          label: "Disconnect",
          kind: "actions",
          cell: ({ grant }) => <Disconnect do="revoke_of_member" grant={grant} />,
        },
      ]}
      empty={
        <EmptyState icon="link" title={isFirst ? "Nobody else has any" : "No more connections"}>
          What other members let programs do in this organization shows here.
        </EmptyState>
      }
    />
  );
}

type Shown = Pick<
  GrantRecord,
  | "id"
  | "client_id"
  | "client_name"
  | "client_kind"
  | "verified"
  | "scopes"
  | "resource"
  | "created_at"
>;

type Row = { readonly grant: Shown; readonly last_used: number | null };

function programColumns<R extends Row>(): Column<R>[] {
  return [
    {
      key: "program",
      label: "Program",
      kind: "title",
      cell: ({ grant }) => <Program grant={grant} />,
    },
    { key: "known", label: "Known as", cell: ({ grant }) => <KnownAs grant={grant} /> },
    {
      key: "scopes",
      label: "May",
      cell: ({ grant }) => <May grant={grant} />,
    },
  ];
}

/** What it may, and at which server alone where it is bound to one. */
function May({ grant: { scopes, resource } }: { readonly grant: Shown }) {
  const upstream = upstreamOfResource(resource);
  return (
    <>
      {scopes.map((scope) => SCOPE_WORDS[scope].short).join(", ")}
      {upstream !== null && (
        <>
          {" "}of <UntrustedText text={upstream} mono />
        </>
      )}
    </>
  );
}

function Program({ grant }: { readonly grant: Shown }) {
  return <MachineName type="oauth_grant" id={grant.id} name={grant.client_name} />;
}

function timeColumns<R extends Row>(now: number): Column<R>[] {
  return [
    {
      key: "created",
      label: "Connected",
      cell: ({ grant }) => <Time at={grant.created_at} now={now} show="relative" />,
    },
    {
      key: "used",
      label: "Last used",
      cell: ({ last_used }) => <LastUsed at={last_used} now={now} />,
    },
  ];
}

function KnownAs({ grant }: { readonly grant: Shown }) {
  const host = grant.client_kind === "metadata_document"
    ? URL.parse(grant.client_id)?.host ?? null
    : null;
  return (
    <span class="badges">
      {grant.verified
        ? <Badge tone="success" icon="check">domain verified</Badge>
        : <Badge tone="warning" icon="warning">unverified</Badge>}
      {host !== null && <UntrustedText text={host} mono />}
    </span>
  );
}

function Disconnect({ do: name, grant }: { readonly do: string; readonly grant: Shown }) {
  return (
    <Form do={name} hidden={{ id: grant.id }}>
      <Button variant="danger" size="small">
        Disconnect
        <span class="visually-hidden">
          {" "}
          <Program grant={grant} />
        </span>
      </Button>
    </Form>
  );
}
