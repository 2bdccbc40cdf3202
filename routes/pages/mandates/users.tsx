import { z } from "zod";
import { Badge } from "../../../components/badges.tsx";
import { ButtonLink } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { Filters } from "../../../components/filters.tsx";
import { EmptyState, Notice } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { UserPasskeyTable } from "../../../components/user_passkeys.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { listUserPasskeys } from "../../../lib/mandates/user_passkeys.ts";
import { queryText } from "../../dashboard/attempted.ts";
import { memberPage } from "../../dashboard/page.ts";
import { userId } from "../../fields/action.ts";
import { decodeCursor, encodeCursor } from "../../fields/paging.ts";

const PATH = "/users";

const ROWS = 50;

const query = z.object({ user: queryText, cursor: z.string().max(2048).optional() });

type Query = z.output<typeof query>;

const afterUser = z.tuple([userId]);

/** By which passkeys users say yes, and how each of them came. */
export const usersPage = memberPage({
  path: PATH,
  title: "Passkeys of users",
  section: "mandates",
  needs: "read",
  query,
  load: async (call) => {
    const { user, cursor } = call.query;
    const after = cursor === undefined ? null : decodeCursor(cursor, afterUser)[0];
    const { users, next, names } = await call.transact({
      load: (reader) => listUserPasskeys(reader, { user, after, limit: ROWS }),
      plan: ({ snapshot }, _caller, page) => ({ ...page, names: namesOf(snapshot) }),
    });
    return {
      rows: users.flatMap(({ user, record: { passkeys } }) =>
        passkeys.map(({ public_key: _key, ...passkey }) => ({
          user,
          passkey,
          by: passkey.registered_by === null ? null : names.of(passkey.registered_by),
        }))
      ),
      held: users.flatMap(({ user, record: { held_until } }) =>
        held_until > call.now ? [{ user, held_until }] : []
      ),
      next: next === null ? null : encodeCursor([next]),
      query: call.query,
    };
  },
  view: ({ data: { rows, held, next, query }, now }) => (
    <>
      <PageHeader
        title="Passkeys of users"
        description="By these the users of mandates say yes. One that the app registered proves what
          that key said, and not whose it is: see how each came."
        breadcrumb={[{ label: "Mandates", href: "/mandates" }]}
        actions={
          <ButtonLink href={pagePath("/activity", { type: "user.passkeys_set" })} icon="activity">
            Every change
          </ButtonLink>
        }
      />
      <Filters
        path={PATH}
        query={{ user: query.user }}
        filters={[{
          name: "user",
          label: "User",
          field: <TextField name="user" label="User" placeholder="Their whole id" mono />,
        }]}
      />
      {held.length > 0 && <Held held={held} now={now} />}
      <UserPasskeyTable rows={rows} now={now} named />
      {rows.length === 0 && <Nothing query={query} />}
      <Pagination
        newer={query.cursor === undefined ? null : hrefOf(query, null)}
        older={next === null ? null : hrefOf(query, next)}
        newerLabel="First page"
        olderLabel="More"
      />
    </>
  ),
});

/** For whom nothing newer says yes, for a passkey of theirs just went. */
function Held({ held, now }: {
  readonly held: readonly { readonly user: string; readonly held_until: number }[];
  readonly now: number;
}) {
  return (
    <Notice tone="warning" title="A passkey was replaced or removed" live={false}>
      Nothing newer, and no key of the app, says yes until then:
      <ul>
        {held.map(({ user, held_until }) => (
          <li key={user}>
            <UntrustedText text={user} mono />{" "}
            <Badge icon="clock">
              <Time at={held_until} now={now} show="relative" />
            </Badge>
          </li>
        ))}
      </ul>
    </Notice>
  );
}

function Nothing({ query: { user } }: { readonly query: Query }) {
  return user === null
    ? (
      <EmptyState icon="passkey" title="No user has a passkey yet">
        An app registers those of its own site, or sends a link by which a user makes one here: by a
        management key that an owner made for it.
      </EmptyState>
    )
    : (
      <EmptyState icon="passkey" title="This user has no passkey">
        Yes for them is said by the app, where the terms of a mandate leave it to that.
      </EmptyState>
    );
}

function hrefOf({ user }: Query, cursor: string | null): string {
  return pagePath(PATH, { user, cursor });
}
