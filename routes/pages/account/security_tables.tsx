import { Badge } from "../../../components/badges.tsx";
import { Button } from "../../../components/button.tsx";
import { Form } from "../../../components/form.tsx";
import { EmptyState } from "../../../components/layout.tsx";
import { RowLink, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import type { PasskeyRecord, SessionRecord } from "../../../lib/store/records/people.ts";

interface Shared {
  readonly current: SessionRecord;
  readonly now: number;
}

/** The passkeys of a person, each with a page of its own. */
export function PasskeysTable({ passkeys, current, host, now }: Shared & {
  readonly passkeys: readonly PasskeyRecord[];
  readonly host: string;
}) {
  return (
    <Table
      caption="Your passkeys"
      rows={passkeys}
      rowKey={({ credential_id }) => credential_id}
      columns={[
        {
          key: "name",
          label: "Name",
          kind: "title",
          cell: ({ name, credential_id }) => (
            <RowLink href={pagePath("/security/passkeys/:id", { id: credential_id })}>
              <UntrustedText text={name} />
            </RowLink>
          ),
        },
        {
          key: "marks",
          label: "Kind",
          cell: (passkey) => (
            <PasskeyMarks
              passkey={passkey}
              host={host}
              own={passkey.credential_id === current.credential_id}
            />
          ),
        },
        {
          key: "added",
          label: "Added",
          cell: ({ created_at }) => <Time at={created_at} now={now} show="relative" />,
        },
        {
          key: "used",
          label: "Last used",
          cell: ({ last_used_at }) =>
            last_used_at === null
              ? "Not yet"
              : <Time at={last_used_at} now={now} show="relative" />,
        },
      ]}
      empty={
        <EmptyState icon="passkey" title="No passkey">
          Add one now, so that you can sign in again.
        </EmptyState>
      }
    />
  );
}

/** Where a passkey lives, and what it is to this session. */
export function PasskeyMarks({ passkey: { backed_up, rp_id }, host, own }: {
  readonly passkey: PasskeyRecord;
  readonly host: string;
  readonly own: boolean;
}) {
  return (
    <span class="badges">
      <Badge>{backed_up ? "Synced" : "On one device"}</Badge>
      {rp_id !== host && <Badge tone="warning">{`Only works at ${rp_id}`}</Badge>}
      {own && <Badge>This session</Badge>}
    </span>
  );
}

/** The sessions of a person, each with the button that ends it. */
export function SessionsTable({ sessions, current, now }: Shared & {
  readonly sessions: readonly SessionRecord[];
}) {
  return (
    <Table
      caption="Your sessions"
      rows={sessions}
      rowKey={({ id }) => id}
      columns={[
        {
          key: "browser",
          label: "Browser",
          kind: "title",
          cell: ({ id, user_agent }) => (
            <span class="badges">
              {browserWords(user_agent)} {id === current.id && <Badge>This one</Badge>}
            </span>
          ),
        },
        {
          key: "began",
          label: "Began",
          cell: ({ created_at }) => <Time at={created_at} now={now} show="relative" />,
        },
        {
          key: "used",
          label: "Last used",
          cell: ({ seen_at }) => <Time at={seen_at} now={now} show="relative" />,
        },
        {
          key: "end",
          label: "End",
          kind: "actions",
          cell: ({ id, user_agent }) => (
            <Form do="end_session" hidden={{ session: id }}>
              <Button size="small">
                {id === current.id ? "Sign out" : "End"}
                <span class="visually-hidden">{`: ${browserWords(user_agent)}`}</span>
              </Button>
            </Form>
          ),
        },
      ]}
      empty={null}
    />
  );
}

export const SECURITY_PATH = "/security";

/** Takes `to`: where to go on for somebody who is offered a passkey on the way. */
export const ADD_PASSKEY_PATH = "/security/new-passkey";

export const DELETE_ACCOUNT_PATH = "/security/delete-account";

/** In the order in which they count: many a browser names others besides itself. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(e|A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(Firefox|FxiOS)\//, "Firefox"],
  [/\b(HeadlessChrome|Chrome|CriOS)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];

const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bMac OS X\b/, "Mac"],
  [/\bLinux\b/, "Linux"],
];

/** What a `User-Agent` says in words, such as `Firefox on Linux`: a hint, as anybody may send any. */
export function browserWords(userAgent: string | null): string {
  const named = (names: typeof BROWSERS) =>
    names.find(([pattern]) => pattern.test(userAgent ?? ""))?.[1];
  const browser = named(BROWSERS) ?? "Another browser";
  const system = named(SYSTEMS);
  return system === undefined ? browser : `${browser} on ${system}`;
}
