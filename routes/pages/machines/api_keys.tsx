import { z } from "zod";
import { ButtonLink } from "../../../components/button.tsx";
import { EmptyState, Section, Tabs } from "../../../components/layout.tsx";
import { Behind, Expiry, LastUsed, TenantsCell } from "../../../components/machine.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, RowLink, Table } from "../../../components/table.tsx";
import { MachineName } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { createApiKey } from "../../../lib/catalog/api_keys.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { isSuperseded } from "../../../lib/identity/caller.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { type ApiKeyRecord, KEY_TIERS } from "../../../lib/store/records/identity.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { checkbox, text } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { pageByName, pageQuery } from "../../fields/paging.ts";
import { firstTool } from "../quickstart/sample.tsx";
import {
  ApiKeyForm,
  ApiKeyState,
  type KeyTier,
  machineFormFields,
  newKey,
  TIER_WORDS,
} from "./api_keys_parts.tsx";

const creation = z.strictObject({
  ...machineFormFields,
  tier: text(z.enum(KEY_TIERS, "must be one of the tiers")),
  audit_private: checkbox,
  may_grant: checkbox,
  user_passkeys: checkbox,
});

const query = z.strictObject({ ...pageQuery, tier: z.enum(KEY_TIERS).default("standard") });

interface Row {
  readonly record: ApiKeyRecord;
  readonly superseded: boolean;
  readonly behind: readonly string[];
  readonly lastUsed: number | null;
}

/** The API keys, tier by tier. */
export const apiKeysPage = memberPage({
  path: "/api-keys",
  title: "API keys",
  section: "api_keys",
  needs: "read",
  query,
  load: async (call) => {
    const { services, org, query, caller } = call;
    const found = await call.transact({
      plan: ({ snapshot }) => {
        const keys = [...snapshot.apiKeys.values()].sort((a, b) => a.id < b.id ? -1 : 1);
        const ofTier = keys.filter(({ tier }) => tier === query.tier);
        const { items, next_cursor } = pageByName(ofTier, ({ id }) => id, query);
        const names = namesOf(snapshot);
        return {
          next_cursor,
          counts: Object.fromEntries(
            KEY_TIERS.map((tier) => [tier, keys.filter((key) => key.tier === tier).length]),
          ),
          rows: items.map((record) => ({
            record,
            superseded: isSuperseded(record, snapshot),
            behind: record.members_behind.flatMap((id) => names.of(id) ?? []),
          })),
        };
      },
    });
    const used = await services.lastUsed.of(org, found.rows.map(({ record }) => record.id));
    return {
      ...found,
      rows: found.rows.map((row): Row => ({ ...row, lastUsed: used.get(row.record.id) ?? null })),
      tier: query.tier,
      isFirst: query.cursor === undefined,
      mayConfigure: hasRight(caller.role, "configure"),
      isOwner: hasRight(caller.role, "make_approver_keys"),
    };
  },
  view: ({ data, attempt, now }) => {
    const { tier, rows, counts, isFirst, next_cursor, mayConfigure } = data;
    const pageOf = (cursor: string | null) => pagePath("/api-keys", { tier, cursor });
    return (
      <>
        <PageHeader
          title="API keys"
          description="What your own systems sign in with. Each is shown once and stored as a hash."
          actions={mayConfigure && <ButtonLink href="#new" icon="plus">New key</ButtonLink>}
        />
        <Tabs
          label="Tiers"
          tabs={KEY_TIERS.map((one) => ({
            label: TIER_WORDS[one].label,
            href: pagePath("/api-keys", { tier: one }),
            current: one === tier,
            count: counts[one],
          }))}
        />
        <p class="quiet">{TIER_WORDS[tier].hint}</p>
        <Keys rows={rows} tier={tier} now={now} />
        <Pagination
          newer={isFirst ? null : pageOf(null)}
          older={next_cursor === null ? null : pageOf(next_cursor)}
          newerLabel="First page"
          olderLabel="More"
        />
        {mayConfigure && (
          <Section title="New key" id="new">
            <ApiKeyForm form={attempted(attempt, "create")} tier={tier} isOwner={data.isOwner} />
          </Section>
        )}
      </>
    );
  },
  actions: {
    create: action(creation, async (call: MemberCall<unknown, unknown>, fields) => {
      const made = await call.transact(createApiKey(fields, call.id), "configure");
      const tool = await call.transact({ plan: ({ snapshot }) => firstTool(snapshot) });
      return newKey(made, { origin: call.services.settings.url.origin, tool });
    }, "configure"),
  },
});

function Keys({ rows, tier, now }: {
  readonly rows: readonly Row[];
  readonly tier: KeyTier;
  readonly now: number;
}) {
  return (
    <Table<Row>
      caption={`${TIER_WORDS[tier].label} keys`}
      rows={rows}
      rowKey={({ record }) => record.id}
      columns={[
        {
          key: "name",
          label: "Name",
          kind: "title",
          cell: ({ record }) => (
            <RowLink href={pagePath("/api-keys/:id", { id: record.id })}>
              <MachineName type="api_key" id={record.id} name={record.name} />
            </RowLink>
          ),
        },
        {
          key: "state",
          label: "State",
          kind: "badge",
          cell: ({ record, superseded }) => (
            <ApiKeyState record={record} superseded={superseded} now={now} />
          ),
        },
        {
          key: "tenants",
          label: "Tenants",
          cell: ({ record }) => <TenantsCell tenants={record.tenant_ids} />,
        },
        {
          key: "expires",
          label: "Expires",
          cell: ({ record }) => <Expiry at={record.expires_at} now={now} />,
        },
        {
          key: "behind",
          label: "Answered for by",
          cell: ({ behind }) => <Behind behind={behind} />,
        },
        {
          key: "used",
          label: "Last used",
          cell: ({ lastUsed }) => <LastUsed at={lastUsed} now={now} />,
        },
      ]}
      empty={
        <EmptyState icon="key" title={`No ${TIER_WORDS[tier].label.toLowerCase()} keys here`}>
          {tier === "approver"
            ? "People decide by passkey; such a key is for a system of your own that does so for them."
            : "A key belongs to one system. Make one for each, so that each can be ended alone."}
        </EmptyState>
      }
    />
  );
}
