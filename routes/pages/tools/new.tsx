import { z } from "zod";
import { Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { putTool } from "../../../lib/catalog/tools.ts";
import { draftToolRecord } from "../../../lib/policy/draft_tool.ts";
import { asShown, attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { text } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { toolName } from "../../fields/action.ts";
import { categoryNames } from "./categories.tsx";
import { toolFieldsOf, ToolForm, toolFormFields, toolPath } from "./form.tsx";

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
