import { z } from "zod";
import { Badge } from "../../../components/badges.tsx";
import { ButtonLink } from "../../../components/button.tsx";
import { EmptyState } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { VaultRecord } from "../../../lib/store/records/vault.ts";
import { beginConnect, finishConnect } from "../../../lib/vault/connect.ts";
import { grantsOf, seeCredentials, type SeenGrant } from "../../../lib/vault/credentials.ts";
import { leadingPage, LeadsOn, memberPage } from "../../dashboard/page.ts";
import { pageByName, pageQuery } from "../../fields/paging.ts";

/**
 * Credentials of upstreams as members see them, and the way to a provider and back: two addresses that
 * lead on at once, of which a member sees that a passkey is asked for, or what went wrong.
 */

/** A credential and where its tokens stand; null for one that nobody issues. */
interface Row {
  readonly record: VaultRecord;
  readonly grant: SeenGrant | null;
  readonly used_at: number | null;
  /** Upstreams whose calls carry it. */
  readonly upstreams: readonly string[];
}

const KINDS: Readonly<Record<VaultRecord["kind"], string>> = {
  bearer: "Bearer token",
  header: "Header",
  basic: "User and password",
  query: "Parameter",
  oauth2: "OAuth",
};

/** What calls to upstreams carry. */
export const credentialsPage = memberPage({
  path: "/credentials",
  title: "Credentials",
  section: "upstreams",
  needs: "read",
  query: z.strictObject(pageQuery),
  load: async (call) => {
    const { services, org } = call;
    const { all, upstreams } = await call.transact({
      plan(transaction, caller) {
        const all = seeCredentials().plan(transaction, caller, undefined);
        return { all, upstreams: [...transaction.snapshot.upstreams.values()] };
      },
    });
    const { items, next_cursor } = pageByName(all, ({ id }) => id, call.query);
    const [used, grants] = await Promise.all([
      services.lastUsed.of(org, items.map(({ id }) => id)),
      grantsOf(services, org, items),
    ]);
    const rows = items.map((record): Row => ({
      record,
      grant: grants.get(record.id) ?? null,
      used_at: used.get(record.id) ?? null,
      upstreams: upstreams.filter(({ credential }) => credential?.credential_id === record.id)
        .map(({ name }) => name),
    }));
    return {
      rows,
      next_cursor,
      isFirst: call.query.cursor === undefined,
      mayConfigure: hasRight(call.caller.role, "configure"),
    };
  },
  view: ({ data: { rows, next_cursor, isFirst, mayConfigure }, now }) => (
    <>
      <PageHeader
        title="Credentials"
        breadcrumb={[{ label: "Upstreams", href: "/upstreams" }]}
        description="What calls to upstreams carry. No agent holds one; each goes to its own origins
          and nowhere else."
      />
      <Table<Row>
        caption="Credentials"
        rows={rows}
        rowKey={({ record }) => record.id}
        columns={[
          {
            key: "name",
            label: "Name",
            kind: "title",
            cell: ({ record }) => <UntrustedText text={record.name} />,
          },
          {
            key: "kind",
            label: "Kind",
            cell: ({ record, grant }) => (
              <>
                {KINDS[record.kind]}
                {grant?.account != null && (
                  <>
                    {": "}
                    <UntrustedText text={grant.account} />
                  </>
                )}
              </>
            ),
          },
          {
            key: "origins",
            label: "Goes to",
            cell: ({ record }) => <UntrustedText text={record.origins.join(", ")} mono />,
          },
          {
            key: "upstreams",
            label: "Used by",
            cell: ({ upstreams }) =>
              upstreams.length === 0
                ? <span class="quiet">Nothing</span>
                : <UntrustedText text={upstreams.join(", ")} mono />,
          },
          {
            key: "used",
            label: "Last used",
            cell: ({ used_at }) =>
              used_at === null ? <span class="quiet">Never</span> : <Time at={used_at} now={now} />,
          },
          {
            key: "state",
            label: "State",
            kind: "badge",
            cell: ({ grant }) => <State grant={grant} />,
          },
          {
            key: "connect",
            label: "Connect",
            kind: "actions",
            cell: ({ record, grant }) => (
              <>
                {mayConfigure && record.oauth !== null && (
                  <ButtonLink
                    href={pagePath("/connections/upstream/connect", { credential: record.id })}
                  >
                    {grant?.state === "needs_reconnect" ? "Connect" : "Connect again"}
                  </ButtonLink>
                )}
              </>
            ),
          },
        ]}
        empty={
          <EmptyState icon="key" title="No credentials">
            A server that wants to know who calls is shown one from here. A management key puts one
            in: POST /v1/credentials.
          </EmptyState>
        }
      />
      <Pagination
        newer={isFirst ? null : "/credentials"}
        older={next_cursor === null ? null : pagePath("/credentials", { cursor: next_cursor })}
        newerLabel="First page"
        olderLabel="Next"
      />
    </>
  ),
});

function State({ grant }: { readonly grant: SeenGrant | null }) {
  switch (grant?.state) {
    case "needs_reconnect":
      return <Badge tone="danger" icon="warning">Needs a person</Badge>;
    case "refreshing":
      return <Badge>Refreshing</Badge>;
    default:
      return <Badge tone="success">Ready</Badge>;
  }
}

/** To the provider, once who may has shown their passkey. */
export const connectCredentialPage = leadingPage({
  path: "/connections/upstream/connect",
  title: "Connect a credential",
  section: "upstreams",
  needs: "configure",
  query: z.object({ credential: z.string().max(64) }),
  load: async ({ services, org, session, id: request_id, query }) =>
    new LeadsOn(await beginConnect(services, { org, session, request_id }, query.credential)),
});

/** Back from the provider, which may say more than is looked at. */
export const providerCallbackPage = leadingPage({
  path: "/connections/upstream/callback",
  title: "Connect a credential",
  section: "upstreams",
  needs: "configure",
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
    const { name } = await finishConnect(services, { org, session, request_id }, answer);
    return new LeadsOn("/credentials", `${name} is connected.`);
  },
});
