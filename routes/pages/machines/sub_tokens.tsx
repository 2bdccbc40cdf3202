import { z } from "zod";
import { Badge, type BadgeProps, Tags } from "../../../components/badges.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { Form } from "../../../components/form.tsx";
import { EmptyState } from "../../../components/layout.tsx";
import { LastUsed } from "../../../components/machine.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { Digits, MachineName, Name, UntrustedText } from "../../../components/untrusted.tsx";
import { idTail } from "../../../lib/base/confusables.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import {
  listSubTokens,
  revokeSubToken,
  type StandingSubToken,
} from "../../../lib/catalog/sub_tokens.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import type { SubTokenState } from "../../../lib/identity/sub_token.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { SubTokenRecord } from "../../../lib/store/records/sub_token.ts";
import { queryText } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { text } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { pageById, pageQuery } from "../../fields/paging.ts";

const PATH = "/sub-tokens";

const query = z.strictObject({ ...pageQuery, maker: queryText });

type Call = MemberCall<undefined, z.output<typeof query>>;

const named = z.strictObject({ id: text(z.string().max(64)) });

interface Row extends StandingSubToken {
  /** Null for a maker that is gone. */
  readonly makerName: string | null;
}

/** What agents and keys handed on of their own rights: by whom, how often it was used, and its end. */
export const subTokensPage = memberPage({
  path: PATH,
  title: "Sub-tokens",
  section: "agents",
  needs: "read",
  query,
  load: async (call: Call) => {
    const { services: { deps }, query, caller } = call;
    const { snapshot, names } = await call.transact({
      plan: ({ snapshot }) => ({ snapshot, names: namesOf(snapshot) }),
    });
    const of = query.maker ?? null;
    const { items, next_cursor } = await pageById(
      (span) => listSubTokens(deps, snapshot, caller, { ...span, of }),
      query,
    );
    return {
      rows: items.map((item): Row => ({ ...item, makerName: names.of(item.record.maker.id) })),
      next_cursor,
      maker: of === null ? null : { id: of, name: names.of(of) },
      isFirst: query.cursor === undefined,
      mayRevoke: hasRight(caller.role, "kill_switch_on"),
    };
  },
  view: ({ data: { rows, next_cursor, maker, isFirst, mayRevoke }, now }) => (
    <>
      <PageHeader
        title="Sub-tokens"
        breadcrumb={[{ label: "Agents", href: "/agents" }]}
        description="Narrower, short-lived tokens that agents and standard keys make for a step or for
          another program. Each may what its maker may at that moment, and of that what it reaches."
        actions={maker !== null && <ButtonLink href={PATH}>Of all makers</ButtonLink>}
      />
      <Table<Row>
        caption={maker === null ? "Sub-tokens" : `Sub-tokens of ${maker.name ?? maker.id}`}
        rows={rows}
        rowKey={({ record }) => record.id}
        columns={[
          {
            key: "name",
            label: "Name",
            kind: "title",
            cell: ({ record: { id, name } }) => (
              <>
                <UntrustedText text={name} /> <Name kind="id" text={idTail(id)} />
              </>
            ),
          },
          {
            key: "state",
            label: "State",
            kind: "badge",
            cell: ({ state }) => <Badge {...STATES[state]} />,
          },
          {
            key: "maker",
            label: "Made by",
            cell: ({ record: { maker }, makerName }) => <Maker maker={maker} name={makerName} />,
          },
          {
            key: "reaches",
            label: "Reaches",
            cell: ({ record }) => <Tags tags={reachOf(record)} none="All that its maker does" />,
          },
          {
            key: "uses",
            label: "Uses",
            cell: (row) => (
              <>
                <Uses {...row} />
                {row.use !== null && (
                  <>
                    , last <LastUsed at={row.use.last_used_at} now={now} />
                  </>
                )}
              </>
            ),
          },
          {
            key: "ends",
            label: "Ends",
            cell: ({ record }) => <Time at={record.revoked_at ?? record.expires_at} now={now} />,
          },
          ...mayRevoke
            ? [{
              key: "revoke",
              label: "Revoke",
              kind: "actions" as const,
              cell: (row: Row) => <Revoke {...row} />,
            }]
            : [],
        ]}
        empty={
          <EmptyState icon="key" title={isFirst ? "No sub-tokens" : "No more sub-tokens"}>
            An agent makes them with{" "}
            <code class="mono">POST /v1/sub-tokens</code>; the token is shown to it alone. Each
            shows here until a month after its end.
          </EmptyState>
        }
      />
      <Pagination
        newer={isFirst ? null : pagePath(PATH, { maker: maker?.id })}
        older={next_cursor === null
          ? null
          : pagePath(PATH, { maker: maker?.id, cursor: next_cursor })}
        newerLabel="First page"
        olderLabel="More"
      />
    </>
  ),
  actions: {
    revoke: action(named, async (call: Call, { id }) => {
      await call.transact(revokeSubToken(id, call.id), "kill_switch_on");
      return {
        to: pagePath(PATH, { maker: call.query.maker }),
        notice: "The sub-token is void, and so are its unspent run tokens.",
      };
    }, "kill_switch_on"),
  },
});

const STATES: Readonly<Record<SubTokenState, BadgeProps>> = {
  active: { icon: "check_circle", children: "In force" },
  used_up: { icon: "check", children: "Used up" },
  expired: { icon: "clock", children: "Expired" },
  revoked: { tone: "danger", icon: "undo", children: "Revoked" },
};

/** A maker by name, which leads to it; one that is gone by its id. */
function Maker({ maker: { type, id }, name }: {
  readonly maker: SubTokenRecord["maker"];
  readonly name: string | null;
}) {
  if (name === null) return <UntrustedText text={id} mono />;
  const href = type === "agent"
    ? pagePath("/agents/:id", { id })
    : pagePath("/api-keys/:id", { id });
  return (
    <a href={href}>
      <MachineName type={type} id={id} name={name} />
    </a>
  );
}

/** So many of what it names stand in a row. */
const LISTED = 4;

const FACTS = [
  ["tools", ""],
  ["tags", "tag "],
  ["methods", ""],
  ["resources", "resource "],
  ["tenant_ids", "tenant "],
] as const;

function reachOf({ scope }: SubTokenRecord): string[] {
  const all = FACTS.flatMap(([list, what]) => (scope[list] ?? []).map((one) => what + one));
  return all.length <= LISTED
    ? all
    : [...all.slice(0, LISTED - 1), `and ${all.length - LISTED + 1} more`];
}

function Uses({ use, record: { max_uses } }: StandingSubToken) {
  return (
    <>
      <Digits text={String(use?.count ?? 0)} />
      {max_uses !== null && (
        <>
          {" "}of <Digits text={String(max_uses)} />
        </>
      )}
    </>
  );
}

function Revoke({ record: { id, name }, state }: StandingSubToken) {
  if (state === "revoked" || state === "expired") return null;
  return (
    <Form do="revoke" hidden={{ id }}>
      <Button variant="danger" size="small">
        Revoke
        <span class="visually-hidden">
          {" "}
          <UntrustedText text={name} />
        </span>
      </Button>
    </Form>
  );
}
