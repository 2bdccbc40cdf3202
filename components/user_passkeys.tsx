import { pagePath } from "../lib/base/page_path.ts";
import type { UserPasskey } from "../lib/store/records/user.ts";
import { Badge } from "./badges.tsx";
import { Table } from "./table.tsx";
import { Time } from "./time.tsx";
import { MachineName, UntrustedText } from "./untrusted.tsx";

/** The passkeys by which users say yes, and how each came. */

/** A passkey of a user as it is listed. */
export interface ShownPasskey {
  readonly user: string;
  readonly passkey: Omit<UserPasskey, "public_key">;
  /** What the key is called that set it, or made the link; null for one that is gone or unknown. */
  readonly by: string | null;
}

/** Each passkey in a row. */
export function UserPasskeyTable({ rows, now, named }: {
  readonly rows: readonly ShownPasskey[];
  readonly now: number;
  /** Whether rows say whose they are, and lead to the mandates of that user. */
  readonly named: boolean;
}) {
  return (
    <Table<ShownPasskey>
      caption="Passkeys"
      rows={rows}
      rowKey={({ user, passkey }) => `${user} ${passkey.credential_id}`}
      columns={[
        ...(named
          ? [{
            key: "user",
            label: "User",
            kind: "title" as const,
            cell: ({ user }: ShownPasskey) => (
              <a class="row-link" href={pagePath("/mandates", { user })}>
                <UntrustedText text={user} mono />
              </a>
            ),
          }]
          : []),
        {
          key: "site",
          label: "Of the site",
          kind: named ? "text" : "title",
          cell: ({ passkey: { rp_id } }) => <UntrustedText text={rp_id} mono />,
        },
        {
          key: "state",
          label: "Says yes",
          kind: "badge",
          cell: ({ passkey: { usable_from } }) =>
            usable_from <= now
              ? <Badge icon="check_circle">To what is asked later</Badge>
              : (
                <Badge tone="warning" icon="clock">
                  From <Time at={usable_from} now={now} show="relative" />
                </Badge>
              ),
        },
        { key: "came", label: "Came by", cell: (row) => <How {...row} /> },
        {
          key: "since",
          label: "Since",
          cell: ({ passkey }) => <Time at={passkey.registered_at} now={now} show="relative" />,
        },
        {
          key: "used",
          label: "Last used",
          cell: ({ passkey: { last_used_at } }) =>
            last_used_at === null
              ? <span class="quiet">Never</span>
              : <Time at={last_used_at} now={now} show="relative" />,
        },
      ]}
      empty={null}
    />
  );
}

/** By the application, which has the key's word for it, or by the user on a page of ours. */
function How({ passkey: { registered_by, by_link }, by }: ShownPasskey) {
  const key = registered_by === null
    ? <span class="quiet">An earlier release</span>
    : <MachineName type="api_key" id={registered_by} name={by ?? "A key that is gone"} />;
  return by_link ? <>A link of {key}</> : key;
}
