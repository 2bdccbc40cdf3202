import { z } from "zod";
import {
  AnnotationBadges,
  Badge,
  PermissionBadge,
  ToolStateBadges,
} from "../../../components/badges.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Definitions, Notice, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { EditsViewer } from "../../../components/value_diff.tsx";
import { TextViewer } from "../../../components/value_viewer.tsx";
import { type JsonObject, type JsonValue, memberOf } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { changeTool } from "../../../lib/catalog/tools.ts";
import { approveTools, type ReadTool, readTool } from "../../../lib/gateway/approve.ts";
import { smallDifference } from "../../../lib/gateway/definition.ts";
import { isCurrent } from "../../../lib/gateway/upstreams.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { Refusal } from "../../../lib/refusal.ts";
import { asShown, attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { text } from "../../dashboard/form.ts";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import { definitionDigest, permissionField } from "../../fields/catalog.ts";
import { upstreamName } from "../../fields/upstream.ts";
import { FactsLost } from "../tools/facts_form.tsx";
import { annotationFields, toolInPath, toolPath } from "../tools/form.tsx";
import { ApprovalFields, approvedFields } from "./drafts.tsx";
import { placeOf } from "../calls/parts.tsx";

const byNames = z.object({ name: upstreamName, tool: toolInPath });

type Call = MemberCall<z.output<typeof byNames>, unknown>;

const digestField = text(definitionDigest);

/** One tool as its upstream defines it: all of it, or in what it differs from what was approved. */
export const upstreamToolPage = memberPage({
  path: "/upstreams/:name/tools/:tool{.+}",
  section: "upstreams",
  needs: "read",
  params: byNames,
  load: async (call: Call) => ({
    read: await call.transact(readTool(call.params.name, nameOf(call))),
    mayConfigure: hasRight(call.caller.role, "configure"),
  }),
  title: ({ read: { tool } }) => `${tool.upstream.tool} of ${tool.upstream.name}`,
  view: ({ data: { read, mayConfigure }, attempt, now }) => {
    const { upstream: { name }, tool } = read;
    return (
      <>
        <PageHeader
          title={<UntrustedText text={tool.upstream.tool} mono />}
          breadcrumb={[{ label: name, href: pagePath("/upstreams/:name", { name }) }]}
          badges={tool.status === "draft" && tool.upstream.drifted
            ? <Badge tone="warning" icon="warning">Changed</Badge>
            : <ToolStateBadges tool={tool} />}
          actions={<ButtonLink href={toolPath(tool.name)}>Rules and history</ButtonLink>}
        />
        <Standing read={read} />
        <FactsLost
          tool={tool}
          href={mayConfigure ? toolPath(tool.name, { view: "guards" }) : null}
        />
        <Definition read={read} />
        <Definitions
          items={[
            { term: "Runs at", value: <UntrustedText text={placeOf(read.upstream)} mono /> },
            {
              term: "Agents call it",
              value: <UntrustedText text={tool.upstream.exposed_name} mono />,
            },
            { term: "Defined so since", value: <Time at={tool.upstream.since} now={now} /> },
            { term: "Digest", value: tool.upstream.definition_digest, mono: true },
          ]}
        />
        {mayConfigure && tool.status === "draft" && <Decision read={read} attempt={attempt} />}
      </>
    );
  },
  actions: {
    approve: action(
      z.strictObject({
        digest: digestField,
        default_permission: text(permissionField),
        ...annotationFields,
      }),
      (call: Call, { digest, ...said }) => approved(call, digest, approvedFields(said)),
      "configure",
    ),
    // What was said of the tool when it was approved holds on; whoever approves stands for it anew.
    approve_again: action(
      z.strictObject({ digest: digestField }),
      (call: Call, { digest }) => approved(call, digest, {}),
      "configure",
    ),
    disable: action(z.strictObject({ digest: digestField }), async (call: Call, { digest }) => {
      const name = nameOf(call);
      const change = asShown(
        changeTool(name, { status: "disabled" }, call.id),
        ({ snapshot }) => {
          if (snapshot.tool(name)?.upstream?.definition_digest === digest) return null;
          throw new Refusal("definition_changed", { tool_name: name });
        },
      );
      await call.transact(change, "configure");
      const to = pagePath("/upstreams/:name", { name: call.params.name });
      return { to, notice: `${name} is disabled: every use of it is refused.` };
    }, "configure"),
  },
});

/** Its name in the catalog. */
function nameOf({ params: { name, tool } }: Call): string {
  return `${name}/${tool}`;
}

async function approved(
  call: Call,
  definition_digest: string,
  fields: Parameters<typeof approveTools>[1][number]["fields"],
) {
  const { params: { name: upstream }, id } = call;
  const name = nameOf(call);
  const tool = { name, definition_digest, fields };
  await call.transact(approveTools(upstream, [tool], id), "configure");
  return { to: pagePath("/upstreams/:name", { name: upstream }), notice: `${name} is approved.` };
}

/** What has become of the definition since it was approved. */
function Standing({ read: { upstream, tool, offered, approved } }: { readonly read: ReadTool }) {
  if (!isCurrent(tool, upstream) || offered === null) {
    return (
      <Notice tone="warning" live={false} title="Not as it was last seen">
        The upstream was moved, or is being asked just now. Ask it again on its own page, then come
        back.
      </Notice>
    );
  }
  if (tool.status !== "draft" || !tool.upstream.drifted) return null;
  const isMoved = approved !== null && changedMembers(approved, offered).length === 0;
  const small = approved === null ? null : smallDifference(approved, offered);
  return (
    <Notice
      tone="warning"
      live={false}
      title={isMoved
        ? "The upstream is somewhere else than when you approved this tool"
        : small !== null
        ? `Only ${small} of this tool changed`
        : "The server defines this tool in another way than you approved"}
    >
      {isMoved && "What it says of the tool is the same. "}
      {approved === null && "The approved form isn't kept, so the new one stands here whole. "}
      Calls of it wait until somebody approves it anew; its requests were cancelled.
    </Notice>
  );
}

/** Every member by which two definitions differ. */
function changedMembers(before: JsonObject, after: JsonObject): string[] {
  return membersOf(before, after)
    .filter((name) => textOf(memberOf(before, name)) !== textOf(memberOf(after, name)));
}

/** What is read first comes first. */
const FIRST = ["title", "description", "inputSchema", "outputSchema", "annotations"];

function membersOf(...definitions: readonly JsonObject[]): string[] {
  const names = new Set(definitions.flatMap((definition) => Object.keys(definition)));
  const first = FIRST.filter((name) => names.has(name));
  return [...first, ...[...names].filter((name) => !FIRST.includes(name) && name !== "name")];
}

/** A member as it is read line by line; empty for one that isn't there. */
function textOf(value: JsonValue | undefined): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function Definition({ read: { tool, offered, approved } }: { readonly read: ReadTool }) {
  if (offered === null) return null;
  if (tool.status !== "draft" || !tool.upstream.drifted || approved === null) {
    return (
      <div class="stack">
        {membersOf(offered).map((name) => (
          <TextViewer
            key={name}
            name={name}
            title={<UntrustedText text={name} mono />}
            text={textOf(memberOf(offered, name))}
            id={null}
          />
        ))}
      </div>
    );
  }
  const changed = changedMembers(approved, offered);
  const same = membersOf(offered).filter((name) => !changed.includes(name));
  return (
    <div class="stack">
      {changed.map((name) => (
        <EditsViewer
          key={name}
          name={name}
          path={null}
          edits={[{
            names: ["approved", "now"],
            before: textOf(memberOf(approved, name)),
            after: textOf(memberOf(offered, name)),
          }]}
          id={null}
        />
      ))}
      {same.map((name) => (
        <details key={name} class="disclosure">
          <summary>
            <UntrustedText text={name} mono /> <span class="quiet">Not changed</span>
          </summary>
          <TextViewer
            name={name}
            title={<UntrustedText text={name} mono />}
            text={textOf(memberOf(offered, name))}
            id={null}
          />
        </details>
      ))}
    </div>
  );
}

/** What becomes of a draft: as it was, anew, or off. */
function Decision({ read, attempt }: {
  readonly read: ReadTool;
  readonly attempt: Attempt | null;
}) {
  const { tool, upstream, offered } = read;
  if (!isCurrent(tool, upstream) || offered === null) return null;
  const digest = tool.upstream.definition_digest;
  const isAgain = tool.upstream.drifted;
  const form = attempted(attempt, isAgain ? "approve_again" : "approve");
  const off = <Button form="disable" formNoValidate>Disable the tool</Button>;
  return (
    <Section
      title={isAgain ? "Approve the new form" : "Approve this tool"}
      description={isAgain
        ? "What was said of it holds on, and you stand for it: look whether the new form still does that."
        : "What the server says of itself counts for nothing. What you say here is what approvers see."}
    >
      <FieldErrors errors={attempted(attempt, "disable").errors} />
      <Form id="disable" do="disable" hidden={{ digest }}>{null}</Form>
      <Form do={isAgain ? "approve_again" : "approve"} hidden={{ digest }} layout="stack">
        <FieldErrors errors={form.errors} />
        {isAgain
          ? (
            <>
              <div class="row">
                <AnnotationBadges annotations={tool.annotations} acknowledged />
                <PermissionBadge permission={tool.default_permission} />
              </div>
              <FormActions>
                <Button variant="primary" icon="passkey">Approve the new form</Button>
                {off}
              </FormActions>
            </>
          )
          : <ApprovalFields form={form}>{off}</ApprovalFields>}
      </Form>
    </Section>
  );
}
