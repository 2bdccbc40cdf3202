import { PermissionBadge, permissionWords } from "../../../components/badges.tsx";
import { ButtonLink } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { Filters } from "../../../components/filters.tsx";
import { EmptyState, Section } from "../../../components/layout.tsx";
import { LEVEL_WORDS, RuleSelector } from "../../../components/rule.tsx";
import { Pagination, RowLink, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { levelOfSelector } from "../../../lib/policy/levels.ts";
import type { Snapshot } from "../../../lib/policy/snapshot.ts";
import type { RuleRecord } from "../../../lib/store/records/policy.ts";
import { type Permission, PERMISSIONS } from "../../../lib/store/records/vocabulary.ts";
import { pageByName } from "../../fields/paging.ts";

const PATH = "/rules";

const ROWS = 50;

/** Which rules are listed. */
interface RuleFilters {
  readonly cursor?: string | undefined;
  readonly tool_name: string | null;
  readonly tenant_id: string | null;
  readonly resource_id: string | null;
  readonly permission: Permission | null;
}

/** One page of rules in the order in which they were made. */
interface ListedRules {
  readonly items: readonly RuleRecord[];
  readonly next_cursor: string | null;
  /** How many there are, whatever the filters. */
  readonly total: number;
}

/** The rules that filters leave. @throws {Refusal} invalid_request for a cursor of another list */
export function listedRules({ rules }: Snapshot, filters: RuleFilters): ListedRules {
  const page = { limit: ROWS, cursor: filters.cursor };
  return {
    ...pageByName(wanted(rules, filters), ({ id }) => id, page),
    total: rules.size,
  };
}

function* wanted(
  rules: Snapshot["rules"],
  { tool_name, tenant_id, resource_id, permission }: RuleFilters,
): Generator<RuleRecord> {
  // Without a rule of the tenant there is no branch to walk.
  const some = tenant_id === null
    ? rules
    : rules.hasTenant(tenant_id)
    ? rules.forTenant(tenant_id)
    : [];
  for (const rule of some) {
    const { selector } = rule;
    if (tool_name !== null && selector.tool_name !== tool_name) continue;
    if (resource_id !== null && selector.resource_id !== resource_id) continue;
    if (permission !== null && rule.permission !== permission) continue;
    yield rule;
  }
}

/** Every rule that there is, or that the filters leave. */
export function RuleList({ listed, query, mayConfigure, now }: {
  readonly listed: ListedRules;
  readonly query: RuleFilters;
  readonly mayConfigure: boolean;
  readonly now: number;
}) {
  const filters = [query.tool_name, query.tenant_id, query.resource_id, query.permission];
  const active = filters.filter((value) => value !== null).length;
  return (
    <Section
      id="all"
      title={active === 0 ? "All rules" : "Rules that fit the filters"}
      description="In the order in which they were made."
    >
      <ListFilters query={query} />
      <Table<RuleRecord>
        caption="Rules"
        rows={listed.items}
        rowKey={({ id }) => id}
        columns={[
          {
            key: "selector",
            label: "Rule for",
            kind: "title",
            cell: ({ id, selector }) => (
              <RowLink href={pagePath("/rules/:id", { id })}>
                <RuleSelector selector={selector} />
              </RowLink>
            ),
          },
          {
            key: "permission",
            label: "Permission",
            cell: ({ permission }) => <PermissionBadge permission={permission} />,
          },
          { key: "level", label: "Level", cell: ({ selector }) => levelTitle(selector) },
          {
            key: "note",
            label: "Note",
            cell: ({ note }) =>
              note === null ? <span class="quiet">–</span> : (
                <span class="clamp">
                  <UntrustedText text={note} />
                </span>
              ),
          },
          {
            key: "changed",
            label: "Changed",
            cell: ({ updated_at }) => <Time at={updated_at} now={now} show="relative" />,
          },
        ]}
        empty={
          <EmptyState
            icon="rules"
            title={listed.total === 0 ? "No rules yet" : "No rule matches"}
            action={listed.total === 0
              ? mayConfigure && (
                <ButtonLink href="/rules?level=tool#make">Make the first rule</ButtonLink>
              )
              : <ButtonLink href="/rules">Clear filters</ButtonLink>}
          >
            {listed.total === 0
              ? "Until there are rules the defaults of tools and categories decide: approved tools are allowed, drafts need approval."
              : "Take a filter away to see more."}
          </EmptyState>
        }
      />
      <Pagination
        newer={query.cursor === undefined ? null : hrefOf(query, null)}
        older={listed.next_cursor === null ? null : hrefOf(query, listed.next_cursor)}
        newerLabel="First page"
        olderLabel="More"
      />
    </Section>
  );
}

function ListFilters({ query }: { readonly query: RuleFilters }) {
  const { tool_name, tenant_id, resource_id, permission } = query;
  return (
    <Filters
      path={PATH}
      part="all"
      query={{ tool_name, tenant_id, resource_id, permission }}
      filters={[
        {
          name: "tool_name",
          label: "Tool",
          field: <TextField name="tool_name" id="list-tool" label="Tool" list="rule-tools" mono />,
        },
        {
          name: "tenant_id",
          label: "Tenant",
          field: (
            <TextField name="tenant_id" id="list-tenant" label="Tenant" list="rule-tenants" mono />
          ),
        },
        {
          name: "resource_id",
          label: "Resource",
          field: <TextField name="resource_id" id="list-resource" label="Resource" mono />,
        },
        {
          name: "permission",
          label: "Permission",
          words: permission === null ? undefined : permissionWords(permission),
          choices: PERMISSIONS.map((value) => ({ value, label: permissionWords(value) })),
        },
      ]}
    />
  );
}

function levelTitle(selector: RuleRecord["selector"]): string {
  const level = levelOfSelector(selector);
  return level === null ? "None" : LEVEL_WORDS[level.name].title;
}

function hrefOf(
  { tool_name, tenant_id, resource_id, permission }: RuleFilters,
  cursor: string | null,
): string {
  return `${pagePath(PATH, { tool_name, tenant_id, resource_id, permission, cursor })}#all`;
}
