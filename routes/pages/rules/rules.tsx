import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { DangerSection, Notice, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { PolicyChanges, RuleSelector } from "../../../components/rule.tsx";
import { RuleFallbacks, RuleMatrixTable, RuleVerdict } from "../../../components/rule_matrix.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { listTenants } from "../../../lib/catalog/tenants.ts";
import { recentChanges } from "../../../lib/evidence/newest.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { type RuleMatrix, ruleMatrix } from "../../../lib/policy/rule_matrix.ts";
import type { Snapshot } from "../../../lib/policy/snapshot.ts";
import type { RuleRecord } from "../../../lib/store/records/policy.ts";
import { LEVELS } from "../../../lib/store/records/vocabulary.ts";
import { attempted, queryText } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { memberPage } from "../../dashboard/page.ts";
import { toolName } from "../../fields/action.ts";
import { permissionField } from "../../fields/catalog.ts";
import { pageQuery } from "../../fields/paging.ts";
import {
  LevelChoice,
  matrixLinks,
  RuleChangeForm,
  RuleMakeForm,
  RuleRemoveForm,
  rulesPath,
  rulesPathOf,
  RuleSuggestionLists,
} from "./form.tsx";
import { listedRules, RuleList } from "./list.tsx";
import { changeAction, levelName, makeAction, removeAction } from "./rule.tsx";

const PATH = "/rules";

const MAX_SUGGESTIONS = 500;

const CHANGES_SHOWN = 10;

const query = z.object({
  cursor: pageQuery.cursor,
  tool_name: queryText,
  tenant_id: queryText,
  resource_id: queryText,
  permission: permissionField.or(z.literal("")).optional().transform((value) => value || null),
  level: levelName.optional(),
  half: z.enum(["tenant", "org"]).optional(),
  rule: queryText,
});

type RulesQuery = z.output<typeof query>;

type Call = MemberCall<undefined, RulesQuery>;

/** The rules: of one tool and tenant side by side, all of them, and who changed them. */
export const rulesPage = memberPage({
  path: PATH,
  title: "Rules",
  section: "rules",
  needs: "read",
  query,
  width: "wide",
  load: async (call: Call) => {
    const { query, services: { deps }, org, caller } = call;
    const tool = query.tool_name === null ? null : toolName.safeParse(query.tool_name);
    const [policy, changes, tenants] = await Promise.all([
      call.transact({
        plan: ({ snapshot }) => ({
          matrix: tool?.success ? ruleMatrix(snapshot, tool.data, query.tenant_id) : null,
          strange: query.tenant_id !== null && !snapshot.isTenantRegistered(query.tenant_id),
          editing: query.rule === null ? null : snapshot.rules.byId(query.rule) ?? null,
          listed: listedRules(snapshot, query),
          names: namesOf(snapshot),
          tools: [...snapshot.tools.keys()].sort().slice(0, MAX_SUGGESTIONS),
          tags: tagsOf(snapshot).slice(0, MAX_SUGGESTIONS),
        }),
      }),
      changesOf(call),
      listTenants(deps.kv, org, { after: null, limit: MAX_SUGGESTIONS }),
    ]);
    return {
      ...policy,
      query,
      changes,
      tenants: tenants.map(({ id }) => id),
      toolError: tool?.success === false ? tool.error.issues[0]?.message : undefined,
      mayConfigure: hasRight(caller.role, "configure"),
    };
  },
  view: ({ data, attempt, now }) => {
    const { query, matrix, editing, mayConfigure } = data;
    const here = rulesPath(query.tool_name, query.tenant_id);
    const level = LEVELS.find(({ name }) => name === query.level) ?? null;
    const withLevel = (name: string) =>
      `${pagePath(PATH, contextOf(query, { level: name, half: query.half }))}#make`;
    return (
      <>
        <PageHeader
          title="Rules"
          actions={
            <>
              <ButtonLink href={explainPath(query)}>Explain an action</ButtonLink>
              {mayConfigure && (
                <ButtonLink href={withLevel("tool")} variant="primary" icon="plus">
                  Make a rule
                </ButtonLink>
              )}
            </>
          }
        />
        <RuleSuggestionLists tools={data.tools} tenants={data.tenants} tags={data.tags} />
        {query.rule !== null && editing === null && (
          <Notice tone="warning" live={false}>That rule doesn't exist any more.</Notice>
        )}
        {mayConfigure && editing !== null && (
          <>
            <Section
              id="edit"
              title="Change a rule"
              description={<RuleSelector selector={editing.selector} />}
            >
              <RuleChangeForm form={attempted(attempt, "change")} rule={editing} cancel={here} />
            </Section>
            <DangerSection id="remove" title="Remove this rule" open={attempt?.do === "remove"}>
              <RuleRemoveForm form={attempted(attempt, "remove")} rule={editing} />
            </DangerSection>
          </>
        )}
        {mayConfigure && level !== null && (
          <Section
            id="make"
            title="Make a rule"
            description="Choose what it names; the more it names, the earlier it is looked at."
          >
            <LevelChoice current={level.name} hrefOf={withLevel} />
            <RuleMakeForm
              form={attempted(attempt, "make")}
              level={level}
              start={{
                tool_name: query.tool_name,
                resource_id: query.resource_id,
                tenant_id: query.half === "org" ? null : query.tenant_id,
                tag: matrix?.tool?.tags[0] ?? null,
              }}
              cancel={here}
            />
          </Section>
        )}
        <SideBySide
          tool={query.tool_name}
          toolError={data.toolError}
          tenant={query.tenant_id}
          matrix={matrix}
          strange={data.strange}
          mayConfigure={mayConfigure}
        />
        <RuleList listed={data.listed} query={query} mayConfigure={mayConfigure} now={now} />
        <Section
          title="Who changed what"
          actions={
            <ButtonLink
              size="small"
              href={pagePath("/activity", {
                type: "rule.set",
                tool_name: query.tool_name,
                tenant_id: query.tenant_id,
              })}
            >
              In the audit log
            </ButtonLink>
          }
        >
          <PolicyChanges
            entries={data.changes.entries}
            names={data.names}
            now={now}
            none="No rule was changed here yet."
          />
        </Section>
      </>
    );
  },
  actions: {
    make: makeAction((call, rule) => contextPath(call, rule)),
    change: changeAction((call, rule) => contextPath(call, rule)),
    remove: removeAction((call, rule) => contextPath(call, rule)),
  },
});

/** Where a change leads back to: what was looked at, or else what the rule is about. */
function contextPath(call: MemberCall<unknown, unknown>, { selector }: RuleRecord): string {
  // The surface has parsed the query of this page by its schema.
  const { tool_name, tenant_id } = call.query as RulesQuery;
  return tool_name === null && tenant_id === null
    ? rulesPathOf(selector)
    : rulesPath(tool_name, tenant_id);
}

function contextOf(
  { tool_name, tenant_id, resource_id }: RulesQuery,
  more: Readonly<Record<string, string | undefined>>,
) {
  return { tool_name, tenant_id, resource_id, ...more };
}

function explainPath({ tool_name, tenant_id, resource_id }: RulesQuery): string {
  return pagePath("/rules/explain", { tool_name, tenant_id, resource_id });
}

function changesOf({ services, org, query: { tool_name, tenant_id } }: Call) {
  return recentChanges(services.deps.kv, org, {
    types: ["rule.set", "rule.removed", "rule.staged"],
    facets: [
      ...(tool_name === null ? [] : [{ facet: "tool" as const, value: tool_name }]),
      ...(tenant_id === null ? [] : [{ facet: "tenant" as const, value: tenant_id }]),
    ],
    limit: CHANGES_SHOWN,
  });
}

function tagsOf({ tools }: Snapshot): string[] {
  return [...new Set([...tools.values()].flatMap(({ tags }) => tags))].sort();
}

interface SideBySideProps {
  readonly tool: string | null;
  /** What is wrong with the name of the tool. */
  readonly toolError: string | undefined;
  readonly tenant: string | null;
  /** Null where no tool is looked at. */
  readonly matrix: RuleMatrix | null;
  /** Whether the tenant is not registered. */
  readonly strange: boolean;
  readonly mayConfigure: boolean;
}

/** The rules of one tool at all eight levels, for a tenant and for the organization. */
function SideBySide(props: SideBySideProps) {
  const { tool, matrix, strange, mayConfigure } = props;
  return (
    <Section
      title="By tool and tenant"
      description="The first match decides: the tenant's rules, then the organization's."
    >
      <LookForm {...props} />
      {matrix === null || tool === null
        ? <p class="quiet">Choose a tool to see its rules at all eight levels.</p>
        : <Matrix name={tool} matrix={matrix} strange={strange} mayConfigure={mayConfigure} />}
    </Section>
  );
}

function LookForm({ tool, toolError, tenant }: SideBySideProps) {
  return (
    <form
      class="form form-inline"
      method="get"
      action="/rules"
      role="search"
      aria-label="Tool and tenant to look at"
    >
      <TextField
        name="tool_name"
        id="look-tool"
        label="Tool"
        value={tool ?? ""}
        error={toolError}
        list="rule-tools"
        autoComplete="off"
        mono
      />
      <TextField
        name="tenant_id"
        id="look-tenant"
        label="Tenant"
        value={tenant ?? ""}
        list="rule-tenants"
        autoComplete="off"
        mono
        optional
      />
      <Button>Show</Button>
    </form>
  );
}

function Matrix({ name, matrix, strange, mayConfigure }: {
  readonly name: string;
  readonly matrix: RuleMatrix;
  readonly strange: boolean;
  readonly mayConfigure: boolean;
}) {
  return (
    <>
      {matrix.tool === null && (
        <Notice tone="info" live={false}>
          No tool of this name is in the catalog. Rules for it hold as soon as it is.
        </Notice>
      )}
      {strange && (
        <Notice
          tone="warning"
          live={false}
          actions={<ButtonLink href="/tenants" size="small">Tenants</ButtonLink>}
        >
          This tenant isn't registered: where any rule names a tenant, its actions need approval
          before rules are looked at.
        </Notice>
      )}
      <RuleVerdict matrix={matrix} />
      <RuleMatrixTable
        matrix={matrix}
        links={matrixLinks(name, matrix.tenant, mayConfigure)}
      />
      <RuleFallbacks matrix={matrix} />
    </>
  );
}
