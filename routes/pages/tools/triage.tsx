import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { PermissionField } from "../../../components/choices.tsx";
import { fieldId } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Disclosure, EmptyState, Notice } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import {
  annotationsOf,
  tickedAnnotations,
  ToolAnnotationFields,
} from "../../../components/tool.tsx";
import { UntrustedText, Words } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { changeTool, removeTool } from "../../../lib/catalog/tools.ts";
import { type AskedAbout, askedAbout, type Names, namesOf } from "../../../lib/evidence/telling.ts";
import type { Actor } from "../../../lib/ledger/entry.ts";
import type { Snapshot } from "../../../lib/policy/snapshot.ts";
import { requesterWords } from "../../../lib/sheet/sentence.ts";
import type { ToolRecord } from "../../../lib/store/records/policy.ts";
import { asShown, attempted, changedSince } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional, text, whole } from "../../dashboard/form.ts";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import { toolName } from "../../fields/action.ts";
import { permissionField } from "../../fields/catalog.ts";
import { decodeCursor, encodeCursor } from "../../fields/paging.ts";
import { annotationFields, readDefinition, readField, toolPath } from "./form.tsx";

/** Drafts that wait to be looked at, the newest first. */
export function discoveredDrafts({ tools }: Snapshot): ToolRecord[] {
  return [...tools.values()].filter(({ discovered, status }) => discovered && status === "draft")
    .sort((a, b) => (a.id < b.id ? 1 : -1));
}

/** Some drafts, and what the log tells of each. */
export interface Discovered {
  readonly drafts: readonly ToolRecord[];
  readonly asked: ReadonlyMap<string, AskedAbout>;
  readonly names: Names;
}

/** Reads what the log tells of drafts. */
export async function discovered(
  { services, org }: MemberCall<unknown, unknown>,
  snapshot: Snapshot,
  drafts: readonly ToolRecord[],
): Promise<Discovered> {
  const asked = await askedAbout(services.deps.kv, org, drafts);
  return { drafts, asked, names: namesOf(snapshot) };
}

const sorting = z.strictObject({
  tool: text(toolName),
  seen: whole(z.int()),
  verdict: text(z.enum(["approve", "disable", "delete"])),
  default_permission: optional(permissionField),
  digest: readField,
  ...annotationFields,
});

type Sorting = z.output<typeof sorting>;

/** Approves, disables or deletes a draft; `to` is where that leads, by the draft's name. */
export function triageAction(to: (name: string, verdict: Sorting["verdict"]) => string) {
  return action(sorting, async (call: MemberCall<unknown, unknown>, form: Sorting) => {
    const { tool, seen, verdict } = form;
    const current = ({ snapshot }: { readonly snapshot: Snapshot }) =>
      changedSince(snapshot.tool(tool), seen);
    if (verdict === "delete") {
      await call.transact(asShown(removeTool(tool, call.id), current), "configure");
      return { to: to(tool, verdict), notice: `The draft ${tool} is deleted.` };
    }
    const change = changeTool(tool, changesOf(form, verdict), call.id);
    await call.transact(asShown(change, current), "configure");
    const done = verdict === "approve" ? "approved" : "disabled: every use of it is refused";
    return { to: to(tool, verdict), notice: `${tool} is ${done}.` };
  }, "configure");
}

function changesOf(
  form: Sorting,
  verdict: "approve" | "disable",
): Parameters<typeof changeTool>[1] {
  if (verdict === "disable") return { status: "disabled" };
  const { annotations, annotations_acknowledged, default_permission, digest } = form;
  return {
    ...digest,
    status: "approved",
    annotations: annotationsOf(annotations),
    annotations_acknowledged,
    ...(default_permission === null ? {} : { default_permission }),
  };
}

/** The drafts as a list to be worked off; the one whose form was refused is open. */
export function TriageList({ found, attempt, now }: {
  readonly found: Discovered;
  readonly attempt: Attempt | null;
  readonly now: number;
}) {
  const refused = attempt?.do === "triage" ? attempt.values.tool?.[0] : undefined;
  const isShown = found.drafts.some(({ name }) => name === refused);
  return (
    <>
      {attempt?.do === "triage" && !isShown && <Notice tone="danger">{attempt.message}</Notice>}
      <ul class="discovered">
        {found.drafts.map((tool) => (
          <li key={tool.id}>
            <Disclosure
              open={tool.name === refused}
              summary={
                <>
                  <span class="discovered-name">
                    <UntrustedText text={tool.name} mono />
                  </span>{" "}
                  <span class="quiet small">
                    <Asked asked={found.asked.get(tool.name)} names={found.names} />{" "}
                    <Time at={tool.created_at} now={now} show="relative" />
                  </span>
                </>
              }
            >
              <TriageForm tool={tool} attempt={tool.name === refused ? attempt : null} />
            </Disclosure>
          </li>
        ))}
      </ul>
    </>
  );
}

function Asked(
  { asked, names }: { readonly asked: AskedAbout | undefined; readonly names: Names },
) {
  if (asked === undefined) return null;
  const { first, checks, more } = asked;
  const once = checks <= 1 && !more;
  const times = once ? "once" : `${more ? "at least " : ""}${checks} times`;
  return (
    <>
      Asked about {times}, {once ? "" : "first "}
      {first !== null && (
        <>
          by <Words text={actorWords(first, names)} />
          {", "}
        </>
      )}
    </>
  );
}

function actorWords({ type, id }: Actor, names: Names): string {
  const name = names.of(id);
  if (name === null) return id;
  switch (type) {
    case "agent":
      return `agent ${requesterWords({ type, id, name })}`;
    case "api_key":
      return `key ${requesterWords({ type, id, name })}`;
    case "oauth_grant":
      return requesterWords({ type, id, name });
    default:
      return name;
  }
}

/** One draft: what it does, what holds for it, and what becomes of it. */
export function TriageForm({ tool, attempt }: {
  readonly tool: ToolRecord;
  readonly attempt: Attempt | null;
}) {
  const form = attempted(attempt, "triage");
  // The same fields stand on the page for other drafts.
  const suffix = `-${tool.id}`;
  const errors = form.errors.map(({ name, message }) => ({
    name: name === null ? null : `${name}${suffix}`,
    message,
  }));
  return (
    <Form
      do="triage"
      hidden={{
        tool: tool.name,
        seen: form.value("seen", tool.updated_at),
        ...readDefinition(tool),
      }}
      layout="stack"
    >
      <FieldErrors errors={errors} />
      <p>
        Not described yet, so treated as destructive and leaving your systems: every call needs
        approval. <a href={toolPath(tool.name, { view: "edit" })}>Describe it in full</a>{" "}
        if you want to say more than this.
      </p>
      <ToolAnnotationFields
        ticked={form.values("annotations", tickedAnnotations(tool.annotations))}
        acknowledged={form.checked("annotations_acknowledged")}
        error={form.error}
        suffix={suffix}
      />
      <PermissionField
        name="default_permission"
        id={fieldId(`default_permission${suffix}`)}
        label="Default permission"
        hint="Used when no rule matches. Approving the draft has to name it."
        error={form.error("default_permission")}
        value={form.value("default_permission")}
        required
      />
      <FormActions>
        <Button variant="primary" name="verdict" value="approve">Approve tool</Button>
        <Button name="verdict" value="disable" formNoValidate>Disable</Button>
        <Button variant="danger" name="verdict" value="delete" formNoValidate>Delete</Button>
      </FormActions>
      <p class="quiet small">
        Approving asks for your passkey. Disabled, every use is refused. Deleted, it comes back as a
        draft when it is asked about again.
      </p>
    </Form>
  );
}

const PATH = "/tools/discovered";

const ROWS = 10;

const query = z.object({ cursor: z.string().max(2048).optional() });

const afterId = z.tuple([z.string()]);

/** All drafts that wait to be looked at, some at a time. */
export const discoveredPage = memberPage({
  path: PATH,
  title: "Recently discovered",
  section: "tools",
  needs: "configure",
  query,
  load: async (call) => {
    const { cursor } = call.query;
    const after = cursor === undefined ? null : decodeCursor(cursor, afterId)[0];
    const { snapshot, all } = await call.transact({
      plan: ({ snapshot }) => ({ snapshot, all: discoveredDrafts(snapshot) }),
    });
    const rest = all.filter(({ id }) => after === null || id < after);
    const drafts = rest.slice(0, ROWS);
    const last = rest.length > ROWS ? drafts.at(-1) : undefined;
    return {
      found: await discovered(call, snapshot, drafts),
      total: all.length,
      isFirst: after === null,
      next: last === undefined ? null : encodeCursor([last.id]),
    };
  },
  view: ({ data: { found, total, isFirst, next }, attempt, now }) => (
    <>
      <PageHeader
        title="Recently discovered"
        description={total === 0
          ? "Tools that agents asked for and nobody has described."
          : `Agents asked for ${
            total === 1 ? "this tool" : `these ${total} tools`
          } and nobody has described ${total === 1 ? "it" : "them"}. Until you do, each call ` +
            "needs approval."}
        breadcrumb={[{ label: "Tools", href: "/tools" }]}
      />
      {found.drafts.length === 0 && (
        <EmptyState
          icon="check_circle"
          title="Nothing waits"
          action={<ButtonLink href="/tools">All tools</ButtonLink>}
        >
          A tool that an agent asks about and that isn't in the catalog comes here first.
        </EmptyState>
      )}
      <TriageList found={found} attempt={attempt} now={now} />
      <Pagination
        newer={isFirst ? null : PATH}
        older={next === null ? null : pagePath(PATH, { cursor: next })}
        newerLabel="Newest"
      />
    </>
  ),
  actions: { triage: triageAction(() => PATH) },
});
