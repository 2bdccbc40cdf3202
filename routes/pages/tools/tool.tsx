import { z } from "zod";
import { ApprovalList } from "../../../components/approval_list.tsx";
import { ToolStateBadges } from "../../../components/badges.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import { DangerSection, Notice, Section, SheetActions, Tabs } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { PolicyChanges } from "../../../components/rule.tsx";
import { RuleFallbacks, RuleMatrixTable, RuleVerdict } from "../../../components/rule_matrix.tsx";
import { ToolDefinition } from "../../../components/tool.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { listApprovals, NO_FILTER } from "../../../lib/approvals/list.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { guardsInForce } from "../../../lib/catalog/guards.ts";
import { changeTool, existingTool, removeTool, stopTool } from "../../../lib/catalog/tools.ts";
import { recentChanges } from "../../../lib/evidence/newest.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { ruleMatrix } from "../../../lib/policy/rule_matrix.ts";
import { approvalRows } from "../../../lib/sheet/row.ts";
import type { ToolRecord } from "../../../lib/store/records/policy.ts";
import { asShown, attempted, changedSince } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional, whole } from "../../dashboard/form.ts";
import { StopForm, StoppedNotice } from "../../dashboard/kill_switch.tsx";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import { killSwitchField } from "../../fields/catalog.ts";
import { matrixLinks } from "../rules/form.tsx";
import { categoryNames } from "./categories.tsx";
import { factsFields, FactsLost, factsObjection, factsOf, FactsSection } from "./facts_form.tsx";
import {
  readField,
  toolFieldsOf,
  ToolForm,
  toolFormFields,
  toolInPath,
  toolPath,
} from "./form.tsx";
import {
  guardsFields,
  GuardsForm,
  guardsOf,
  tried,
  tryFields,
  TrySection,
} from "./guards_form.tsx";
import { triageAction, TriageForm } from "./triage.tsx";

const VIEWS = ["edit", "guards", "history"] as const;

const REQUESTS_SHOWN = 5;

const CHANGES_SHOWN = 50;

const CHANGES = [
  "tool.set",
  "tool.staged",
  "tool.auto_created",
  "tool.archived",
  "tool.removed",
];

const byName = z.object({ name: toolInPath });

const query = z.object({ view: z.enum(VIEWS).optional() });

type Call = MemberCall<z.output<typeof byName>, z.output<typeof query>>;

const guarding = z.strictObject({ seen: whole(z.int()), ...guardsFields });

const reading = z.strictObject({ seen: whole(z.int()), ...factsFields });

const change = z.strictObject({ seen: whole(z.int()), digest: readField, ...toolFormFields });

const reason = killSwitchField.shape.reason.unwrap().unwrap();

/** What stops a tool, lets it go on, and takes it out of use. */
const SWITCH_ACTIONS = {
  stop: action(z.strictObject({ reason: optional(reason) }), async (call: Call, form) => {
    const { name } = call.params;
    await call.transact(stopTool(name, form.reason, call.id), "kill_switch_on");
    return { to: toolPath(name), notice: `${name} is stopped: every use of it is refused.` };
  }, "kill_switch_on"),
  release: action(z.strictObject({}), async (call: Call) => {
    const { name } = call.params;
    const kill_switch = { active: false, reason: null };
    await call.transact(changeTool(name, { kill_switch }, call.id), "kill_switch_off");
    return { to: toolPath(name), notice: `${name} goes on: rules decide again.` };
  }, "kill_switch_off"),
  remove: action(z.strictObject({}), async (call: Call) => {
    const { name } = call.params;
    const { removed } = await call.transact(removeTool(name, call.id), "configure");
    return removed
      ? { to: "/tools", notice: `The draft ${name} is deleted.` }
      : { to: toolPath(name), notice: `${name} is archived: every use of it is refused.` };
  }, "configure"),
};

/** One tool: what it is, what holds for it, what was asked of it, and who changed it. */
export const toolPage = memberPage({
  path: "/tools/:name{.+}",
  section: "tools",
  needs: "read",
  params: byName,
  query,
  load: async (call: Call) => {
    const { params: { name }, caller: { role } } = call;
    const mayConfigure = hasRight(role, "configure");
    const { view: wanted = "overview" } = call.query;
    const isForConfiguring = wanted === "edit" || wanted === "guards";
    const view = isForConfiguring && !mayConfigure ? "overview" : wanted;
    const base = await call.transact({
      plan: (transaction) => {
        const { snapshot } = transaction;
        return {
          tool: existingTool(transaction, name),
          matrix: ruleMatrix(snapshot, name, null),
          org: snapshot.org,
          otherwise: guardsInForce(snapshot, withoutOwnGuards(existingTool(transaction, name))),
          categories: categoryNames(snapshot),
          names: namesOf(snapshot),
        };
      },
    });
    return {
      ...base,
      view,
      requests: view === "overview" ? await lastRequests(call) : [],
      changes: view === "history" ? await changesOf(call) : null,
      mayConfigure,
      mayStop: hasRight(role, "kill_switch_on"),
      mayRelease: hasRight(role, "kill_switch_off"),
    };
  },
  title: ({ tool }) => `Tool ${tool.name}`,
  view: ({ data, attempt, now }) => {
    const { tool, view, mayConfigure } = data;
    const path = toolPath(tool.name);
    return (
      <>
        <PageHeader
          title={<UntrustedText text={tool.name} mono />}
          breadcrumb={[{ label: "Tools", href: "/tools" }]}
          badges={<ToolStateBadges tool={tool} />}
          actions={
            <>
              <ButtonLink href={pagePath("/rules", { tool_name: tool.name })} icon="rules">
                Rules
              </ButtonLink>
              <ButtonLink href={pagePath("/rules/explain", { tool_name: tool.name })}>
                Explain
              </ButtonLink>
            </>
          }
        />
        <ToolStopped tool={tool} mayRelease={data.mayRelease} attempt={attempt} />
        <ToolDrifted tool={tool} />
        <FactsLost tool={tool} href={mayConfigure ? `${path}?view=guards` : null} />
        <Tabs
          label="Views of the tool"
          tabs={[
            { label: "Overview", href: path, current: view === "overview" },
            ...(mayConfigure
              ? [
                { label: "Edit", href: `${path}?view=edit`, current: view === "edit" },
                { label: "Guards", href: `${path}?view=guards`, current: view === "guards" },
              ]
              : []),
            { label: "History", href: `${path}?view=history`, current: view === "history" },
          ]}
        />
        {view === "edit" && (
          <>
            <Section title="Edit">
              <ToolForm
                form={attempted(attempt, "change")}
                tool={tool}
                isNew={false}
                categories={data.categories}
                org={data.org}
                back={path}
              />
            </Section>
            <RemoveSection tool={tool} attempt={attempt} />
          </>
        )}
        {view === "guards" && (
          <>
            <FactsSection form={attempted(attempt, "facts")} tool={tool} />
            <Section
              title="Guards"
              description="Of each kind what is set here counts, else the word in brackets: of all
                tools, or of tools of upstreams. Loosening one asks for your passkey."
              actions={<ButtonLink href="/guards" size="small">Of all tools</ButtonLink>}
            >
              <GuardsForm
                form={attempted(attempt, "guards")}
                guards={tool.guards ?? {}}
                otherwise={data.otherwise}
                hidden={{ seen: attempted(attempt, "guards").value("seen", tool.updated_at) }}
              />
            </Section>
            <TrySection form={attempted(attempt, "try")} />
          </>
        )}
        {view === "history" && data.changes !== null && (
          <Section title="Who changed what" description="The audit log has every value.">
            <PolicyChanges
              entries={data.changes.entries}
              names={data.names}
              now={now}
              none="Nobody has changed it yet."
            />
            {!data.changes.complete && (
              <p>
                <a href={pagePath("/activity", { tool_name: tool.name })}>Everything about it</a>
              </p>
            )}
          </Section>
        )}
        {view === "overview" && (
          <>
            {tool.discovered && tool.status === "draft" && mayConfigure && (
              <Section title="Discovered: say what it does">
                <TriageForm tool={tool} attempt={attempt} />
              </Section>
            )}
            <Section title="Definition">
              <ToolDefinition tool={tool} org={data.org} now={now} />
            </Section>
            <Section
              title="What holds for it"
              description="The rules of the organization that concern it, the most specific first."
              actions={
                <ButtonLink href={pagePath("/rules", { tool_name: tool.name })} size="small">
                  For a tenant
                </ButtonLink>
              }
            >
              <RuleVerdict matrix={data.matrix} />
              <RuleMatrixTable
                matrix={data.matrix}
                links={matrixLinks(tool.name, null, mayConfigure)}
              />
              <RuleFallbacks matrix={data.matrix} />
            </Section>
            <Section
              title="Last requests"
              actions={data.requests.length > 0 && (
                <ButtonLink
                  href={pagePath("/approvals", { view: "all", tool_name: tool.name })}
                  size="small"
                >
                  All requests
                </ButtonLink>
              )}
            >
              {data.requests.length === 0
                ? <p class="quiet">Nobody has asked for an approval of it yet.</p>
                : <ApprovalList rows={data.requests} now={now} />}
            </Section>
            {data.mayStop && <StopSection tool={tool} attempt={attempt} />}
          </>
        )}
      </>
    );
  },
  actions: {
    change: action(change, async (call: Call, { seen, digest, ...fields }) => {
      const { name } = call.params;
      const changed = asShown(
        changeTool(name, { ...toolFieldsOf(fields), ...digest }, call.id),
        ({ snapshot }) => changedSince(snapshot.tool(name), seen),
      );
      await call.transact(changed, "configure");
      return { to: toolPath(name), notice: "Saved." };
    }, "configure"),
    guards: action(guarding, async (call: Call, { seen, ...form }) => {
      const { name } = call.params;
      const old = await call.transact({
        plan: (transaction) => existingTool(transaction, name).guards ?? {},
      });
      const changed = asShown(
        changeTool(name, { guards: guardsOf(form, old) }, call.id),
        ({ snapshot }) => changedSince(snapshot.tool(name), seen),
      );
      await call.transact(changed, "configure");
      return { to: `${toolPath(name)}?view=guards`, notice: "Saved." };
    }, "configure"),
    facts: action(reading, async (call: Call, { seen, ...form }) => {
      const { name } = call.params;
      const facts = factsOf(form);
      const changed = asShown(
        changeTool(name, { facts }, call.id),
        ({ snapshot }) =>
          changedSince(snapshot.tool(name), seen) ?? factsObjection(snapshot.tool(name), facts),
      );
      await call.transact(changed, "configure");
      return { to: `${toolPath(name)}?view=guards`, notice: "Saved." };
    }, "configure"),
    try: action(z.strictObject(tryFields), async (call: Call, form) => {
      const { name } = call.params;
      const inForce = await call.transact({
        plan: (transaction) => guardsInForce(transaction.snapshot, existingTool(transaction, name)),
      });
      return tried(form, inForce, { href: `${toolPath(name)}?view=guards`, label: name });
    }, "configure"),
    triage: triageAction((name, verdict) => verdict === "delete" ? "/tools" : toolPath(name)),
    ...SWITCH_ACTIONS,
  },
});

/** A tool as if it said nothing of guards itself. */
function withoutOwnGuards({ upstream }: ToolRecord): Pick<ToolRecord, "guards" | "upstream"> {
  return upstream === undefined ? {} : { upstream };
}

async function lastRequests(call: Call) {
  const { snapshot, caller } = await call.transact({
    plan: (transaction, caller) => ({ snapshot: transaction.snapshot, caller }),
  }, "see_requests");
  const { items } = await listApprovals(call.services, caller, snapshot, {
    filter: { ...NO_FILTER, tool: call.params.name },
    limit: REQUESTS_SHOWN,
    after: null,
  });
  return await approvalRows(call.services, snapshot, items);
}

function changesOf({ services, org, params }: Call) {
  return recentChanges(services.deps.kv, org, {
    types: CHANGES,
    facets: [{ facet: "tool", value: params.name }],
    limit: CHANGES_SHOWN,
  });
}

/** That a tool is stopped, why, and how it goes on. */
function ToolStopped({ tool, mayRelease, attempt }: {
  readonly tool: ToolRecord;
  readonly mayRelease: boolean;
  readonly attempt: Attempt | null;
}) {
  const { active, reason } = tool.kill_switch;
  if (!active) return null;
  return (
    <StoppedNotice
      title="This tool is stopped"
      reason={reason}
      release={mayRelease ? "Release it" : null}
      attempt={attempt}
    >
      Every use of it is refused, whatever the rules say.{" "}
      {mayRelease ? "Releasing it asks for your passkey." : "Only an owner can release it."}
    </StoppedNotice>
  );
}

/** That an upstream has changed a tool since it was approved, and where that is looked at. */
function ToolDrifted({ tool: { status, upstream } }: { readonly tool: ToolRecord }) {
  if (status !== "draft" || upstream?.drifted !== true) return null;
  const { name, tool } = upstream;
  return (
    <Notice
      tone="warning"
      live={false}
      title="Its server has changed it since it was approved"
      actions={
        <ButtonLink href={pagePath("/upstreams/:name/tools/:tool{.+}", { name, tool })}>
          See what changed
        </ButtonLink>
      }
    >
      Each call waits until somebody approves the new form, which is done there.
    </Notice>
  );
}

/** Stops a tool at once. */
function StopSection({ tool, attempt }: {
  readonly tool: ToolRecord;
  readonly attempt: Attempt | null;
}) {
  if (tool.kill_switch.active) return null;
  return (
    <DangerSection
      id="stop"
      title="Stop this tool"
      open={attempt?.do === "stop"}
      description="Its kill switch: from the next call on every use is refused, unspent run tokens
        too. Only an owner can release it."
    >
      <StopForm does="stop" attempt={attempt} label={`Stop ${tool.name}`} />
    </DangerSection>
  );
}

/** Takes a tool out of use for good. */
function RemoveSection({ tool, attempt }: {
  readonly tool: ToolRecord;
  readonly attempt: Attempt | null;
}) {
  if (tool.status === "archived") return null;
  const isDraft = tool.status === "draft";
  return (
    <DangerSection
      id="remove"
      title={isDraft ? "Delete this draft" : "Archive this tool"}
      open={attempt?.do === "remove"}
      description={isDraft
        ? "It comes back as a draft when an agent asks about it again. Its rules stay."
        : "Every use of it is refused from now on. Its name, rules and history stay; changing its " +
          "status brings it back."}
    >
      <FieldErrors errors={attempted(attempt, "remove").errors} />
      <Form do="remove">
        <SheetActions>
          <Button variant="danger" icon={isDraft ? "trash" : "archive"}>
            {isDraft ? "Delete draft" : "Archive tool"}
          </Button>
        </SheetActions>
      </Form>
    </DangerSection>
  );
}
