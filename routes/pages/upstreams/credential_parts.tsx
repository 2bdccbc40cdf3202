import { Badge } from "../../../components/badges.tsx";
import { ButtonLink } from "../../../components/button.tsx";
import { EmptyState } from "../../../components/layout.tsx";
import { LastUsed } from "../../../components/machine.tsx";
import { type Column, RowLink, Table } from "../../../components/table.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import type { Snapshot } from "../../../lib/policy/snapshot.ts";
import type { Services } from "../../../lib/services.ts";
import { OF_ORG, type ReconnectWhy, type VaultRecord } from "../../../lib/store/records/vault.ts";
import { ownerOf } from "../../../lib/vault/acting.ts";
import { grantsOf, type SeenGrant } from "../../../lib/vault/grant.ts";
import { goesTo } from "../../../lib/vault/injection.ts";

/** What pages say of credentials: where one stands, what carries it, and some of them as a list. */

/** A credential as a list has it. */
export interface CredentialRow {
  readonly record: VaultRecord;
  /** Where its tokens stand; null for one that nobody issues. */
  readonly grant: SeenGrant | null;
  readonly used_at: number | null;
  /** Upstreams whose calls carry it. */
  readonly upstreams: readonly string[];
  /** The address of the member whose own it is; null for one of the organization. */
  readonly owner: string | null;
}

export const KIND_WORDS: Readonly<
  Record<VaultRecord["kind"], { readonly label: string; readonly hint: string }>
> = {
  bearer: { label: "Bearer token", hint: "An API key or token, sent as Authorization: Bearer" },
  oauth2: {
    label: "OAuth",
    hint: "An account that somebody signs in to at its provider; its tokens are refreshed here",
  },
  header: { label: "Header", hint: "A key that is sent in a header of its own, such as x-api-key" },
  basic: { label: "User and password", hint: "Sent as Authorization: Basic" },
  query: { label: "Parameter", hint: "A key that is sent as a parameter of the address" },
};

/** The upstreams whose calls carry a credential, by name. */
export function carriedBy(
  { upstreams }: Pick<Snapshot, "upstreams">,
  record: Pick<VaultRecord, "id" | "owner" | "origins">,
): string[] {
  return [...upstreams.values()].filter(({ credential, url }) =>
    credential?.mode === "member"
      ? record.owner !== OF_ORG && goesTo(record, url)
      : credential?.credential_id === record.id
  ).map(({ name }) => name).sort();
}

/** Credentials with what is to be known of them. */
export async function credentialRows(
  services: Services,
  snapshot: Snapshot,
  records: readonly VaultRecord[],
): Promise<CredentialRow[]> {
  const { orgId } = snapshot;
  const [used, grants] = await Promise.all([
    services.lastUsed.of(orgId, records.map(({ id }) => id).toSorted()),
    grantsOf(services, orgId, records),
  ]);
  return records.map((record) => ({
    record,
    grant: grants.get(record.id) ?? null,
    used_at: used.get(record.id) ?? null,
    upstreams: carriedBy(snapshot, record),
    owner: ownerOf(snapshot, record)?.email ?? null,
  }));
}

/** Where a credential stands, in a word. */
export function CredentialState({ grant }: { readonly grant: SeenGrant | null }) {
  if (grant === null) return <Badge tone="success">Ready</Badge>;
  switch (grant.state) {
    case "needs_reconnect":
      return <Badge tone="danger" icon="warning">Needs a person</Badge>;
    case "refreshing":
      return <Badge>Refreshing</Badge>;
    case "ready":
      return grant.resting_since === null
        ? <Badge tone="success">Ready</Badge>
        : <Badge tone="warning" icon="clock">Not refreshed</Badge>;
  }
}

const WHY: Readonly<Record<ReconnectWhy, string>> = {
  refused: "Its provider takes it no longer: it was revoked there, or has ended.",
  lost: "Its refresh token was sent, and no answer came: it may be used up, and isn't sent twice.",
  no_refresh_token: "Its access has ended, and its provider gave nothing to renew it with.",
};

/** Why a credential is of no use, or will not be for long; null where nothing is to be said. */
export function troubleWords(grant: SeenGrant | null): string | null {
  if (grant === null) return null;
  if (grant.state === "needs_reconnect") {
    return grant.why === null ? "Nobody has connected it yet." : WHY[grant.why];
  }
  return grant.resting_since === null
    ? null
    : "Nobody used it for 60 days, so it isn't refreshed any more. The next call tries once; if its " +
      "provider has let it end by then, it needs to be connected again.";
}

/** Where somebody connects a credential. */
export function ConnectLink({ record, grant }: Pick<CredentialRow, "record" | "grant">) {
  if (record.oauth === null) return null;
  return (
    <ButtonLink href={pagePath("/connections/upstream/connect", { credential: record.id })}>
      {grant?.state === "needs_reconnect" ? "Connect" : "Connect again"}
    </ButtonLink>
  );
}

/** Credentials one a line, each leading to its page. */
export function CredentialTable({ caption, rows, now, mayConnect, showOwner = false, empty }: {
  readonly caption: string;
  readonly rows: readonly CredentialRow[];
  readonly now: number;
  readonly mayConnect: boolean;
  readonly showOwner?: boolean;
  readonly empty: { readonly title: string; readonly text: string };
}) {
  const owner: Column<CredentialRow> = {
    key: "owner",
    label: "Whose",
    cell: ({ owner }) => <UntrustedText text={owner ?? "A former member"} />,
  };
  return (
    <Table<CredentialRow>
      caption={caption}
      rows={rows}
      rowKey={({ record }) => record.id}
      columns={[
        {
          key: "name",
          label: "Name",
          kind: "title",
          cell: ({ record }) => (
            <RowLink href={pagePath("/credentials/:id", { id: record.id })}>
              <UntrustedText text={record.name} />
            </RowLink>
          ),
        },
        {
          key: "state",
          label: "State",
          kind: "badge",
          cell: ({ grant }) => <CredentialState grant={grant} />,
        },
        ...(showOwner ? [owner] : []),
        {
          key: "kind",
          label: "Kind",
          cell: ({ record, grant }) => (
            <>
              {KIND_WORDS[record.kind].label}
              {!showOwner && grant?.account != null && (
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
          label: "Carried by",
          cell: ({ upstreams }) =>
            upstreams.length === 0
              ? <span class="quiet">Nothing</span>
              : <UntrustedText text={upstreams.join(", ")} mono />,
        },
        {
          key: "used",
          label: "Last used",
          cell: ({ used_at }) => <LastUsed at={used_at} now={now} />,
        },
        ...(mayConnect
          ? [
            {
              key: "connect",
              label: "Connect",
              kind: "actions",
              cell: (row) => <ConnectLink {...row} />,
            } satisfies Column<CredentialRow>,
          ]
          : []),
      ]}
      empty={<EmptyState icon="key" title={empty.title}>{empty.text}</EmptyState>}
    />
  );
}
