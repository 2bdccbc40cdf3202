import { z } from "zod";
import { PermissionBadge } from "../../../components/badges.tsx";
import { ButtonLink } from "../../../components/button.tsx";
import { DangerSection, Definitions, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import {
  originWords,
  PolicyChanges,
  RuleSelector,
  RuleWarnings,
  selectorText,
  warningWords,
} from "../../../components/rule.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { existingRule, putRule, removeRule, type RuleFields } from "../../../lib/catalog/rules.ts";
import { recentChanges } from "../../../lib/evidence/newest.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import type { CallerOperation } from "../../../lib/identity/acting.ts";
import { levelOfSelector } from "../../../lib/policy/levels.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { type RuleWarning, ruleWarnings } from "../../../lib/policy/rule_warnings.ts";
import { invalidRequest, Refusal } from "../../../lib/refusal.ts";
import type { ResourceRecord, RuleRecord } from "../../../lib/store/records/policy.ts";
import { type Level, LEVELS, type SelectorPart } from "../../../lib/store/records/vocabulary.ts";
import { attempted, changedSince } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional, text, whole } from "../../dashboard/form.ts";
import { action, memberPage, type Outcome } from "../../dashboard/page.ts";
import { methodName, resourceId, tenantId, toolName } from "../../fields/action.ts";
import { permissionField, ruleBody, tagName } from "../../fields/catalog.ts";
import { RuleChangeForm, RuleRemoveForm, rulesPathOf } from "./form.tsx";

type ActionCall = MemberCall<unknown, unknown>;

/** A rule as a form left it, and what is to be said of it. */
interface RuleOutcome {
  readonly rule: RuleRecord;
  readonly warnings: readonly RuleWarning[];
}

const LEVEL_NAMES = LEVELS.map(({ name }) => name) as [Level["name"], ...Level["name"][]];

export const levelName = z.enum(LEVEL_NAMES);

const saying = {
  permission: text(permissionField),
  note: optional(ruleBody.shape.note.unwrap().unwrap()),
};

const making = z.strictObject({
  level: text(levelName),
  tenant_id: optional(tenantId),
  resource_id: optional(resourceId),
  tool_name: optional(toolName),
  method: optional(methodName),
  tag: optional(tagName),
  ...saying,
});

const changing = z.strictObject({ rule: text(z.string()), seen: whole(z.int()), ...saying });

const removing = z.strictObject({ rule: text(z.string()) });

const PARTS: readonly SelectorPart[] = ["resource_id", "tool_name", "method", "tag"];

/** Makes a rule of the level that the form is for; `to` is where that leads. */
export function makeAction(to: (call: ActionCall, rule: RuleRecord) => string) {
  return action(making, async (call: ActionCall, form): Promise<Outcome> => {
    const { level, permission, note, ...selector } = form;
    const needed: readonly SelectorPart[] = LEVELS.find(({ name }) => name === level)?.parts ?? [];
    const missing = PARTS.filter((part) => needed.includes(part) && selector[part] === null);
    if (missing.length > 0) {
      throw new Refusal("invalid_request", {
        errors: missing.map((part) => ({ path: `/${part}`, message: "must not be empty" })),
      });
    }
    const { rule, warnings, made } = await atFields(() =>
      call.transact(madeOrThere({ selector, permission, note }, call.id), "configure")
    );
    if (made) {
      return { to: to(call, rule), notice: noticeOf("The rule is made and in force.", warnings) };
    }
    return {
      to: pagePath("/rules/:id", { id: rule.id }),
      notice: "There is a rule for exactly this already, which stands unchanged. Here it is.",
    };
  }, "configure");
}

/** Changes what a rule says. */
export function changeAction(to: (call: ActionCall, rule: RuleRecord) => string) {
  return action(changing, async (call: ActionCall, { rule: id, seen, permission, note }) => {
    const { rule, warnings } = await call.transact(
      changedRule(id, seen, { permission, note }, call.id),
      "configure",
    );
    return { to: to(call, rule), notice: noticeOf("The rule is changed and in force.", warnings) };
  }, "configure");
}

/** Removes a rule. */
export function removeAction(to: (call: ActionCall, rule: RuleRecord) => string) {
  return action(removing, async (call: ActionCall, { rule: id }) => {
    const { record } = await call.transact(removeRule(id, call.id), "configure");
    return {
      to: to(call, record),
      notice: "The rule is removed. What comes after it decides from now on.",
    };
  }, "configure");
}

/** Makes a rule; where its selector has one, that one stays as it is. */
function madeOrThere(
  fields: RuleFields,
  request_id: string,
): CallerOperation<ResourceRecord | null, RuleOutcome & { readonly made: boolean }> {
  const put = putRule(fields, request_id);
  return {
    ...put,
    plan(transaction, caller, resource) {
      const there = transaction.snapshot.rules.get(fields.selector);
      if (there !== undefined) return { rule: there, warnings: [], made: false };
      const { record, warnings } = put.plan(transaction, caller, resource);
      return { rule: record, warnings, made: true };
    },
  };
}

function changedRule(
  id: string,
  seen: number,
  said: Pick<RuleFields, "permission" | "note">,
  request_id: string,
): CallerOperation<void, RuleOutcome> {
  return {
    plan(transaction, caller) {
      const rule = existingRule(transaction, id);
      const objection = changedSince(rule, seen);
      if (objection !== null) throw invalidRequest(objection.path, objection.message);
      const put = putRule({ selector: rule.selector, ...said }, request_id);
      const { record, warnings } = put.plan(transaction, caller, null);
      return { rule: record, warnings };
    },
  };
}

/** What was done, and what is to be said of the rule. */
function noticeOf(done: string, warnings: readonly RuleWarning[]): string {
  return [done, ...warnings.map(warningWords)].join(" ");
}

/** What the catalog says of a selector's part is said at the field of that part. */
async function atFields<R>(run: () => Promise<R>): Promise<R> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, data } = error;
    if (code !== "invalid_request" && code !== "invalid_selector") throw error;
    const { errors }: Refusal<"invalid_request" | "invalid_selector">["data"] = data;
    throw new Refusal("invalid_request", {
      errors: errors.map(({ path, message }) => ({
        path: path.replace(/^\/selector/, ""),
        message,
      })),
    });
  }
}

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
                href={pagePath("/rules/explain", { tool_name, tenant_id, resource_id, method })}
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
            <DangerSection id="remove" title="Remove this rule" open={attempt?.do === "remove"}>
              <RuleRemoveForm form={attempted(attempt, "remove")} rule={rule} />
            </DangerSection>
          </>
        )}
        <Section title="Who changed it">
          <PolicyChanges
            entries={entries}
            names={names}
            now={now}
            none="The last changes of rules like this one don't name it; the audit log has all."
          />
        </Section>
      </>
    );
  },
  actions: {
    change: changeAction((_, { id }) => pagePath("/rules/:id", { id })),
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
