import type { ComponentChildren } from "preact";
import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { PermissionField } from "../../../components/choices.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Section } from "../../../components/layout.tsx";
import { annotationsOf, ToolAnnotationFields } from "../../../components/tool.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { APPROVED_AT_ONCE, type ApprovedTool, approveTools } from "../../../lib/gateway/approve.ts";
import type { UpstreamTool } from "../../../lib/gateway/upstreams.ts";
import { invalidRequest } from "../../../lib/refusal.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { several, text } from "../../dashboard/form.ts";
import { action, type Attempt } from "../../dashboard/page.ts";
import { toolName } from "../../fields/action.ts";
import { permissionField } from "../../fields/catalog.ts";
import { annotationFields } from "../tools/form.tsx";

/** Tools of an upstream as a list, and drafts among them that are approved together. */

/** How many tools a page shows: as many as can be approved at once. */
export const TOOLS_SHOWN = APPROVED_AT_ONCE.tools;

/** The page of a tool among those of its upstream. */
export function upstreamToolPath({ upstream: { name, tool } }: UpstreamTool): string {
  return pagePath("/upstreams/:name/tools/:tool{.+}", { name, tool });
}

/** Tools one a line, each leading to its definition. */
export function ToolLines({ tools, pick, end }: {
  readonly tools: readonly UpstreamTool[];
  /** The box that chooses one. */
  readonly pick?: (tool: UpstreamTool) => ComponentChildren;
  readonly end?: (tool: UpstreamTool) => ComponentChildren;
}) {
  return (
    <ol class="approval-list">
      {tools.map((tool) => (
        <li key={tool.id} class="approval-row">
          {pick?.(tool)}
          <div class="approval-row-what">
            <a class="row-link" href={upstreamToolPath(tool)}>
              <UntrustedText text={tool.upstream.tool} mono />
            </a>
            {tool.description !== "" && (
              <span class="approval-row-reason">
                <UntrustedText text={beginning(tool.description)} />
              </span>
            )}
            {end !== undefined && <span class="approval-row-marks">{end(tool)}</span>}
          </div>
        </li>
      ))}
    </ol>
  );
}

/** As much of a description as a line has room for; the whole is on the tool's page. */
function beginning(description: string): string {
  const characters = Array.from(description.slice(0, 300));
  return characters.length > 140 ? `${characters.slice(0, 140).join("").trimEnd()}…` : description;
}

/** What a box of a draft sends: which definition was read, and of which tool. */
function tickOf({ name, upstream: { definition_digest } }: UpstreamTool): string {
  return `${definition_digest} ${name}`;
}

const tick = z.string()
  .regex(/^sha256:[0-9a-f]{64} /, "isn't what the page sent")
  .transform((value): Omit<ApprovedTool, "fields"> => {
    const at = value.indexOf(" ");
    return { definition_digest: value.slice(0, at), name: value.slice(at + 1) };
  })
  .refine(({ name }) => toolName.safeParse(name).success, "isn't what the page sent");

const approval = z.strictObject({
  tools: several(tick),
  default_permission: text(permissionField),
  ...annotationFields,
});

/** What a member says of drafts, as the catalog takes it. @throws {Refusal} invalid_request */
export function approvedFields(
  { annotations, annotations_acknowledged, default_permission }: Omit<
    z.output<typeof approval>,
    "tools"
  >,
): ApprovedTool["fields"] {
  if (!annotations_acknowledged) {
    throw invalidRequest(
      "/annotations_acknowledged",
      "must be ticked: whoever approves stands for the four",
    );
  }
  return { annotations: annotationsOf(annotations), default_permission };
}

/** Approves the ticked drafts, each for the definition that the page showed. */
export const approveAction = action(
  approval,
  async (call: MemberCall<{ name: string }, unknown>, { tools, ...said }) => {
    const { params: { name }, id } = call;
    if (tools.length === 0) throw invalidRequest("/tools", "must have at least one that is ticked");
    const fields = approvedFields(said);
    const all = tools.map((tool): ApprovedTool => ({ ...tool, fields }));
    await call.transact(approveTools(name, all, id), "configure");
    const to = pagePath("/upstreams/:name", { name });
    const what = tools.length === 1 ? `${tools[0]?.name} is` : `${tools.length} tools are`;
    return { to, notice: `${what} approved.` };
  },
  "configure",
);

/** Drafts with a box each, and what is said of all that are ticked. */
export function DraftsForm({ drafts, allTicked, attempt }: {
  readonly drafts: readonly UpstreamTool[];
  readonly allTicked: boolean;
  readonly attempt: Attempt | null;
}) {
  const form = attempted(attempt, "approve");
  const ticked = new Set(form.values("tools", allTicked ? drafts.map(tickOf) : []));
  return (
    <Form do="approve" layout="stack">
      <FieldErrors errors={form.errors} />
      <div class="inbox-form" id="field-tools">
        <ToolLines
          tools={drafts}
          pick={(tool) => (
            <label class="pick">
              <input
                type="checkbox"
                name="tools"
                value={tickOf(tool)}
                aria-label={`Tick ${tool.upstream.tool}`}
                checked={ticked.has(tickOf(tool))}
              />
            </label>
          )}
        />
        <div class="bulk-bar" role="group" aria-label="Ticked tools">
          <span class="bulk-hint">
            Say once what the ticked ones do, and approve them together.
          </span>
          <ButtonLink href="#approve">Go on to approve</ButtonLink>
        </div>
      </div>
      <Section
        title="Approve what is ticked"
        id="approve"
        description="What you say here holds for each of them. What the server says of itself counts
          for nothing: tick together only what does the same."
      >
        <ApprovalFields form={form} />
      </Section>
    </Form>
  );
}

/** What is said of tools that are approved, and the button that does it. */
export function ApprovalFields({ form, children }: {
  readonly form: ReturnType<typeof attempted>;
  /** What else can be done. */
  readonly children?: ComponentChildren;
}) {
  return (
    <>
      <ToolAnnotationFields
        ticked={form.values("annotations", form.refused ? [] : ["destructive", "open_world"])}
        acknowledged={form.checked("annotations_acknowledged")}
        error={form.error}
      />
      <PermissionField
        name="default_permission"
        label="Default permission"
        hint="Used when no rule matches."
        error={form.error("default_permission")}
        value={form.value("default_permission", "requires_approval")}
        required
      />
      <FormActions>
        <Button variant="primary" icon="passkey">Approve</Button>
        {children}
      </FormActions>
    </>
  );
}
