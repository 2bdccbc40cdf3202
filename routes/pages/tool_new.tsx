import { z } from "zod";
import { PageHeader } from "../../components/page_header.tsx";
import { Section } from "../../components/section.tsx";
import { putTool } from "../../lib/catalog/tools.ts";
import { draftToolRecord } from "../../lib/policy/draft_tool.ts";
import { asShown } from "../as_shown.ts";
import { attempted } from "../attempted.ts";
import type { MemberCall } from "../browser_call.ts";
import { text } from "../form_fields.ts";
import { action, memberPage } from "../page.ts";
import { toolName } from "../v1/action_fields.ts";
import { ToolForm } from "./tool_form.tsx";
import { toolFieldsOf, toolFormFields } from "./tool_fields.ts";
import { toolPath } from "./tool_path.ts";
import { categoryNames } from "./categories.tsx";

const registration = z.strictObject({ name: text(toolName), ...toolFormFields });

/** A tool before anybody said anything of it: the worst of annotations, and approved when saved. */
const BLANK = {
  ...draftToolRecord("", "", 0),
  risk_level: "medium" as const,
  status: "approved" as const,
};

/** Registers a tool. */
export const newToolPage = memberPage({
  path: "/tools/new",
  title: "Register a tool",
  section: "tools",
  needs: "configure",
  load: (call) =>
    call.transact({
      plan: ({ snapshot }) => ({ org: snapshot.org, categories: categoryNames(snapshot) }),
    }),
  view: ({ data: { org, categories }, attempt }) => (
    <>
      <PageHeader
        title="Register a tool"
        description="Something that agents may call. Agents' systems can also do this over the API."
        breadcrumb={[{ label: "Tools", href: "/tools" }]}
      />
      <Section title="The tool">
        <ToolForm
          form={attempted(attempt, "register")}
          tool={BLANK}
          isNew
          categories={categories}
          org={org}
          back="/tools"
        />
      </Section>
    </>
  ),
  actions: {
    register: action(registration, async (call: MemberCall, { name, ...fields }) => {
      const made = asShown(
        putTool(name, toolFieldsOf(fields), call.id),
        ({ snapshot }) =>
          snapshot.tool(name) === undefined ? null : {
            path: "/name",
            message: "is in the catalog already; change that tool on its own page",
          },
      );
      await call.transact(made);
      return { to: toolPath(name), notice: `${name} is registered.` };
    }),
  },
});
