import { z } from "zod";
import { ButtonLink } from "../../../components/button.tsx";
import { Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination } from "../../../components/table.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { OF_ORG } from "../../../lib/store/records/vault.ts";
import { beginConnect, finishConnect } from "../../../lib/vault/connect.ts";
import { ownedBy } from "../../../lib/vault/keepers.ts";
import { leadingPage, LeadsOn, memberPage } from "../../dashboard/page.ts";
import { pageByName, pageQuery } from "../../fields/paging.ts";
import { ConnectionTabs } from "../machines/connections.tsx";
import { type CredentialRow, credentialRows, CredentialTable } from "./credential_parts.tsx";

/**
 * Credentials of upstreams as members see them, the organization's and their own, and the way to a
 * provider and back: two addresses that lead on at once, of which a member sees that a passkey is asked
 * for, or what went wrong.
 */

const OWN = "/connections/credentials";

/** What calls to upstreams carry. */
export const credentialsPage = memberPage({
  path: "/credentials",
  title: "Credentials",
  section: "upstreams",
  needs: "read",
  query: z.strictObject(pageQuery),
  load: async (call) => {
    const { services, query, caller } = call;
    const manages = hasRight(caller.role, "manage_members");
    const { snapshot, page, members } = await call.transact({
      plan: ({ snapshot }) => ({
        snapshot,
        page: pageByName(ownedBy(snapshot, OF_ORG), ({ id }) => id, query),
        members: [...snapshot.vault.values()].filter(({ owner }) => owner !== OF_ORG)
          .sort((a, b) => a.id < b.id ? -1 : 1).slice(0, SHOWN_OF_MEMBERS),
      }),
    });
    return {
      rows: await credentialRows(services, snapshot, page.items),
      members: manages ? await credentialRows(services, snapshot, members) : [],
      next_cursor: page.next_cursor,
      isFirst: query.cursor === undefined,
      mayConfigure: hasRight(caller.role, "configure"),
    };
  },
  view: ({ data: { rows, members, next_cursor, isFirst, mayConfigure }, now }) => (
    <>
      <PageHeader
        title="Credentials"
        breadcrumb={[{ label: "Upstreams", href: "/upstreams" }]}
        description="What calls to upstreams carry. No agent holds one; each goes to its own origins
          and nowhere else."
        actions={mayConfigure && (
          <ButtonLink href="/credentials/new" icon="plus">New credential</ButtonLink>
        )}
      />
      <CredentialTable
        caption="Credentials"
        rows={rows}
        now={now}
        mayConnect={mayConfigure}
        empty={{
          title: isFirst ? "No credentials" : "No more credentials",
          text: "A server that wants to know who calls is shown one from here.",
        }}
      />
      <Pagination
        newer={isFirst ? null : "/credentials"}
        older={next_cursor === null ? null : pagePath("/credentials", { cursor: next_cursor })}
        newerLabel="First page"
        olderLabel="Next"
      />
      {isFirst && members.length > 0 && <OfMembers rows={members} now={now} />}
    </>
  ),
});

/** How many of members' own are shown to who looks after the team: the oldest. */
const SHOWN_OF_MEMBERS = 200;

function OfMembers({ rows, now }: {
  readonly rows: readonly CredentialRow[];
  readonly now: number;
}) {
  return (
    <Section
      title="Members' own"
      description="Each acts for its member's programs, and for the agents and keys that they named. It
        can be removed here; nobody else connects or rotates it."
    >
      <CredentialTable
        caption="Members' own credentials"
        rows={rows}
        now={now}
        mayConnect={false}
        showOwner
        empty={{ title: "None", text: "Members keep theirs under Connections." }}
      />
    </Section>
  );
}

/** A member's own. */
export const ownCredentialsPage = memberPage({
  path: OWN,
  title: "Your credentials",
  section: "connections",
  needs: "grant_write",
  load: async (call) => {
    const { services, caller } = call;
    const { snapshot, own } = await call.transact({
      plan: ({ snapshot }) => ({ snapshot, own: ownedBy(snapshot, caller.id) }),
    });
    return {
      rows: await credentialRows(services, snapshot, own),
      manages: hasRight(caller.role, "manage_members"),
    };
  },
  view: ({ data: { rows, manages }, now }) => (
    <>
      <PageHeader
        title="Connections"
        description="What servers are shown of you where calls act by a member's own account. It acts for
          the programs that you connected, and for agents and keys that you name; for no other member."
        actions={<ButtonLink href={`${OWN}/new`} icon="plus">New credential</ButtonLink>}
      />
      <ConnectionTabs current="credentials" manages={manages} keeps />
      <CredentialTable
        caption="Your credentials"
        rows={rows}
        now={now}
        mayConnect
        empty={{
          title: "You have none",
          text: "Put one in for a server whose calls act by each member's own account.",
        }}
      />
    </>
  ),
});

/** To the provider, once who may has shown their passkey. */
export const connectCredentialPage = leadingPage({
  path: "/connections/upstream/connect",
  title: "Connect a credential",
  section: "upstreams",
  needs: "see_requests",
  query: z.object({ credential: z.string().max(64) }),
  load: async ({ services, org, session, id: request_id, query }) =>
    new LeadsOn(await beginConnect(services, { org, session, request_id }, query.credential)),
});

/** Back from the provider, which may say more than is looked at. */
export const providerCallbackPage = leadingPage({
  path: "/connections/upstream/callback",
  title: "Connect a credential",
  section: "upstreams",
  needs: "see_requests",
  query: z.object({
    state: z.string().optional(),
    code: z.string().optional(),
    iss: z.string().optional(),
    error: z.string().optional(),
  }),
  load: async ({ services, org, session, id: request_id, query }) => {
    const answer = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) answer.set(name, value);
    }
    const { id, name } = await finishConnect(services, { org, session, request_id }, answer);
    return new LeadsOn(pagePath("/credentials/:id", { id }), `${name} is connected.`);
  },
});
