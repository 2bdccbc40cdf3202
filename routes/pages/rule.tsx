import { z } from "zod";
import { ButtonLink } from "../../components/button.tsx";
import { Definitions } from "../../components/definitions.tsx";
import { PageHeader } from "../../components/layout.tsx";
import { PermissionBadge } from "../../components/permission_badge.tsx";
import { PolicyChanges } from "../../components/policy_changes.tsx";
import { originWords } from "../../components/rule.tsx";
import { RuleSelector, selectorText } from "../../components/rule_selector.tsx";
import { RuleWarnings } from "../../components/rule_warnings.tsx";
import { Section } from "../../components/section.tsx";
import { Time } from "../../components/time.tsx";
import { UntrustedText } from "../../components/untrusted_text.tsx";
import { namesOf } from "../../lib/activity/names.ts";
import { recentChanges } from "../../lib/activity/recent_changes.ts";
import { existingRule } from "../../lib/catalog/rules.ts";
import { levelOfSelector } from "../../lib/policy/levels.ts";
import { hasRight } from "../../lib/policy/rights.ts";
import { ruleWarnings } from "../../lib/policy/rule_warnings.ts";
import type { RuleRecord } from "../../lib/store/records/policy.ts";
import { attempted } from "../dashboard/attempted.ts";
import type { MemberCall } from "../dashboard/browser_call.ts";
import { memberPage } from "../dashboard/page.ts";
import { withQuery } from "../page_query.ts";
import { rulePath, rulesPathOf } from "./rule_links.ts";
import { RuleChangeForm, RuleRemoveForm } from "./rules/form.tsx";
import { changeAction, removeAction } from "./rules/rule.tsx";

const CHANGES_READ = 100;

const byId = z.object({ id: z.string().max(64) });

type Call = MemberCall<z.output<typeof byId>>;

/** One rule: what it is about, what it says, and who changed it. */
export const rulePage = memberPage({
  path: "/rules/:id",
  section: "rules",
  needs: "read",
  params: byId,
  load: async (call: Call) => {
    const base = await call.transact({
      plan: (transaction) => ({
        rule: existingRule(transaction, call.params.id),
        names: namesOf(transaction.snapshot),
        warnings: ruleWarnings(existingRule(transaction, call.params.id), transaction.snapshot),
      }),
    });
    return {
      ...base,
      entries: await changesOf(call, base.rule),
      mayConfigure: hasRight(call.caller.role, "configure"),
    };
  },
  title: ({ rule }) => `Rule for ${selectorText(rule.selector)}`,
  view: ({ data: { rule, names, warnings, entries, mayConfigure }, attempt, now }) => {
    const { selector, permission, note, created_at, updated_at, id } = rule;
    const { tool_name, tenant_id, resource_id, method } = selector;
    const level = levelOfSelector(selector);
    return (
      <>
        <PageHeader
          title={<RuleSelector selector={selector} />}
          breadcrumb={[{ label: "Rules", href: "/rules" }]}
          badges={<PermissionBadge permission={permission} />}
          actions={
            <>
              {tool_name !== null && (
                <ButtonLink href={rulesPathOf(selector)} icon="rules">Side by side</ButtonLink>
              )}
              <ButtonLink
                href={withQuery("/rules/explain", { tool_name, tenant_id, resource_id, method })}
              >
                Explain
              </ButtonLink>
            </>
          }
        />
        <RuleWarnings warnings={warnings} />
        <Section title="Details">
          <Definitions
            items={[
              {
                term: "Level",
                value: level === null
                  ? "None"
                  : originWords(tenant_id === null ? level.org : level.tenant).title,
              },
              {
                term: "Note",
                value: note === null
                  ? <span class="quiet">None</span>
                  : <UntrustedText text={note} />,
              },
              { term: "Made", value: <Time at={created_at} now={now} /> },
              { term: "Changed", value: <Time at={updated_at} now={now} /> },
              { term: "Id", value: id, mono: true },
            ]}
          />
        </Section>
        {mayConfigure && (
          <>
            <Section title="Change what it says">
              <RuleChangeForm
                form={attempted(attempt, "change")}
                rule={rule}
                cancel={rulesPathOf(selector)}
              />
            </Section>
            <Section title="Remove this rule" look="danger">
              <RuleRemoveForm form={attempted(attempt, "remove")} rule={rule} />
            </Section>
          </>
        )}
        <Section title="Who changed it">
          <PolicyChanges
            entries={entries}
            names={names}
            now={now}
            none="The last changes of rules like this one do not name it; the audit log has all."
          />
        </Section>
      </>
    );
  },
  actions: {
    change: changeAction((_, { id }) => rulePath(id)),
    remove: removeAction((_, { selector }) => rulesPathOf(selector)),
  },
});

/** The changes of one rule, among the last ones of rules for the same tool and tenant. */
async function changesOf({ services, org }: Call, { id, selector }: RuleRecord) {
  const { tool_name, tenant_id } = selector;
  const { entries } = await recentChanges(services.deps.kv, org, {
    types: ["rule.set", "rule.staged"],
    facets: [
      ...(tool_name === null ? [] : [{ facet: "tool" as const, value: tool_name }]),
      ...(tenant_id === null ? [] : [{ facet: "tenant" as const, value: tenant_id }]),
    ],
    limit: CHANGES_READ,
  });
  return entries.filter(({ entry }) => entry.subject.rule === id);
}
