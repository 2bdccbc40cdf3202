import { z } from "zod";
import { PermissionBadge } from "../../../components/badges.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { SelectField, Suggestions, TextField } from "../../../components/fields.tsx";
import { Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { originWords, RuleSelector, RuleTrace, RuleWarnings } from "../../../components/rule.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { idTail } from "../../../lib/base/confusables.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { listTenants } from "../../../lib/catalog/tenants.ts";
import { explainAction, type Explained } from "../../../lib/decisions/explain.ts";
import type { Snapshot } from "../../../lib/policy/snapshot.ts";
import { type AnyRefusal, Refusal } from "../../../lib/refusal.ts";
import { queryText } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { memberPage } from "../../dashboard/page.ts";
import { mandateId, methodName, resourceId, tenantId, toolName } from "../../fields/action.ts";
import { rulesPath } from "./form.tsx";

const PATH = "/rules/explain";

const MAX_SUGGESTIONS = 500;

const FIELDS = {
  tool_name: toolName,
  tenant_id: tenantId,
  resource_id: resourceId,
  method: methodName,
  mandate_id: mandateId,
} as const;

type Field = keyof typeof FIELDS | "as";

type Problems = Readonly<Partial<Record<Field, string>>>;

const query = z.object({
  tool_name: queryText,
  tenant_id: queryText,
  resource_id: queryText,
  method: queryText,
  mandate_id: queryText,
  as: queryText,
});

type Query = z.output<typeof query>;

type Call = MemberCall<undefined, Query>;

/** Who could ask, for the list to choose from. */
interface Asker {
  readonly id: string;
  readonly words: string;
}

/** What would a check of an action be answered, and why? Nothing is decided and nothing is kept. */
export const explainPage = memberPage({
  path: PATH,
  title: "Explain an action",
  section: "rules",
  needs: "read",
  query,
  width: "wide",
  load: async (call: Call) => {
    const { query, services: { deps }, org } = call;
    const problems = problemsOf(query);
    const [known, tenants, answer] = await Promise.all([
      call.transact({
        plan: ({ snapshot }) => ({
          tools: [...snapshot.tools.keys()].sort().slice(0, MAX_SUGGESTIONS),
          askers: askersOf(snapshot),
        }),
      }),
      listTenants(deps.kv, org, { after: null, limit: MAX_SUGGESTIONS }),
      query.tool_name === null || Object.keys(problems).length > 0
        ? { explained: null, problems }
        : explained(call, query.tool_name),
    ]);
    return { ...known, ...answer, query, tenants: tenants.map(({ id }) => id) };
  },
  view: ({ data: { query, explained, problems, tools, tenants, askers } }) => (
    <>
      <PageHeader
        title="Explain an action"
        description="What a check of an action would be answered now, and every step on the way
          there. Nothing is decided, and nothing is written down."
        breadcrumb={[{ label: "Rules", href: "/rules" }]}
      />
      <Section title="The action">
        <form class="form form-stack" method="get" action={PATH} role="search">
          <div class="grid-2">
            <TextField
              name="tool_name"
              label="Tool"
              value={query.tool_name ?? ""}
              error={problems.tool_name}
              list="explain-tools"
              autoComplete="off"
              mono
              required
            />
            <TextField
              name="method"
              label="Method"
              value={query.method ?? ""}
              error={problems.method}
              autoComplete="off"
              mono
              optional
            />
            <TextField
              name="resource_id"
              label="Resource"
              value={query.resource_id ?? ""}
              error={problems.resource_id}
              autoComplete="off"
              mono
              optional
            />
            <TextField
              name="tenant_id"
              label="Tenant"
              value={query.tenant_id ?? ""}
              error={problems.tenant_id}
              list="explain-tenants"
              autoComplete="off"
              mono
              optional
            />
          </div>
          <TextField
            name="mandate_id"
            label="Mandate"
            hint="Its conditions on arguments count as if they held, and its cost as the least."
            value={query.mandate_id ?? ""}
            error={problems.mandate_id}
            placeholder="mdt_…"
            autoComplete="off"
            mono
            optional
          />
          <SelectField
            name="as"
            label="Who asks"
            hint="Its trust tier, its tenants and its kill switch count."
            value={query.as ?? ""}
            error={problems.as}
            options={[
              { value: "", label: "Somebody with trust tier 0" },
              ...askers.map(({ id, words }) => ({ value: id, label: words })),
            ]}
          />
          <Suggestions id="explain-tools" values={tools} />
          <Suggestions id="explain-tenants" values={tenants} />
          <div>
            <Button variant="primary">Explain</Button>
          </div>
        </form>
      </Section>
      {explained !== null && <ExplainedAnswer explained={explained} />}
    </>
  ),
});

function problemsOf(query: Query): Problems {
  const problems: Partial<Record<Field, string>> = {};
  for (const field of Object.keys(FIELDS) as (keyof typeof FIELDS)[]) {
    const value = query[field];
    const parsed = value === null ? null : FIELDS[field].safeParse(value);
    if (parsed?.success === false) {
      problems[field] = parsed.error.issues[0]?.message ?? "is refused";
    }
  }
  return problems;
}

/** The answer; or at which field it says why a check itself would be refused. */
async function explained(
  call: Call,
  tool: string,
): Promise<{ readonly explained: Explained | null; readonly problems: Problems }> {
  const { tenant_id: tenant, resource_id: resource, method, mandate_id, as } = call.query;
  const action = { tenant, resource, tool, method };
  try {
    return {
      explained: await call.transact(explainAction({ action, as, mandate_id })),
      problems: {},
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const problems = refusedAs(error);
    if (problems === null) throw error;
    return { explained: null, problems };
  }
}

function refusedAs({ code, data }: AnyRefusal): Problems | null {
  switch (code) {
    case "not_found":
      return { as: "doesn't exist any more; choose another" };
    case "tenant_not_permitted": {
      const { permitted } = data as Refusal<"tenant_not_permitted">["data"];
      const several = permitted.slice(0, 10).join(", ");
      return { tenant_id: `whoever asks may act for ${several} only, and has to name it` };
    }
    case "invalid_request": {
      const { errors } = data as Refusal<"invalid_request">["data"];
      return Object.fromEntries(errors.map(({ path, message }) => [path.slice(1), message]));
    }
    default:
      return null;
  }
}

function askersOf({ agents, apiKeys }: Snapshot): Asker[] {
  const ofAgents = [...agents.values()].map(({ id, name, trust_tier }) => ({
    id,
    words: `Agent ${name} ${idTail(id)} (trust tier ${trust_tier})`,
  }));
  const ofKeys = [...apiKeys.values()].filter(({ tier }) => tier === "standard")
    .map(({ id, name, trust_tier }) => ({
      id,
      words: `Key ${name} ${idTail(id)} (trust tier ${trust_tier})`,
    }));
  const all = [...ofAgents, ...ofKeys];
  return all.sort((a, b) => a.words < b.words ? -1 : a.words > b.words ? 1 : 0);
}

/** What a check of an action would be answered, and every step that leads there. */
function ExplainedAnswer({ explained }: { readonly explained: Explained }) {
  const { permission, resolved_from, rule, trace, action, policy_version, warnings } = explained;
  const { title, meaning } = originWords(resolved_from);
  const { tenant, resource, tool, method } = action;
  const selector = {
    tenant_id: tenant,
    resource_id: resource,
    tool_name: tool,
    method,
    tag: null,
  };
  return (
    <>
      <Section
        title="The answer"
        actions={
          <ButtonLink href={rulesPath(tool, tenant)} size="small" icon="rules">
            Rules side by side
          </ButtonLink>
        }
      >
        <p>
          <RuleSelector selector={selector} />
        </p>
        <p class="rule-verdict">
          <PermissionBadge permission={permission} />
          <span>
            <strong>{title}.</strong> {meaning} <code class="mono quiet">{resolved_from}</code>
          </span>
        </p>
        {rule !== null && (
          <p>
            <a href={pagePath("/rules/:id", { id: rule.id })}>The rule that decides</a>
            {rule.note !== null && (
              <>
                {": "}
                <UntrustedText text={rule.note} />
              </>
            )}
          </p>
        )}
        <RuleWarnings warnings={warnings} />
        <p class="quiet small">On policy version {policy_version}, asked over REST.</p>
      </Section>
      <Section
        title="How it came to that"
        description="Every step in order. A kill switch ends it. Gates and mandates only narrow what the
          first rule that matches, or else a default, says."
      >
        <RuleTrace trace={trace} decidedBy={resolved_from} />
      </Section>
    </>
  );
}
