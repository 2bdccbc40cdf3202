import { z } from "zod";
import { ButtonLink } from "../../../components/button.tsx";
import { DenyFields } from "../../../components/deny_sheet.tsx";
import { Form } from "../../../components/form.tsx";
import { Notice } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { MachineName, UntrustedText } from "../../../components/untrusted.tsx";
import { DENY_LEAD } from "../../../islands/approval.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { visibleText } from "../../../lib/base/text.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { memberPage } from "../../dashboard/page.ts";
import { lookAt, mayPause } from "./request.tsx";

const byId = z.object({ id: z.string().max(64) });

type Call = MemberCall<z.output<typeof byId>>;

/** The sheet in which a request is denied, as a page of its own for who has no script. */
export const denyPage = memberPage({
  path: "/approvals/:id/deny",
  section: "approvals",
  needs: "decide",
  params: byId,
  width: "narrow",
  load: async (call: Call) => ({ sheet: await lookAt(call), mayPause: mayPause(call) }),
  title: ({ sheet }) => `Deny ${visibleText(sheet.tool_name)}`,
  view: ({ data: { sheet, mayPause }, now }) => {
    const { id, tool_name, requester } = sheet;
    const back = pagePath("/approvals/:id", { id });
    const waits = sheet.state === "pending" && sheet.barred === null && now < sheet.expires_at;
    return (
      <>
        <PageHeader
          title={
            <>
              Deny <UntrustedText text={tool_name} mono />
            </>
          }
          breadcrumb={[{ label: "Request", href: back }]}
        />
        {waits
          ? (
            <div class="confirmation form-stack">
              <p class="quiet">
                For <MachineName {...requester} />. {DENY_LEAD}
              </p>
              <Form do="deny" action={back} layout="stack">
                <DenyFields
                  count={1}
                  mayPause={mayPause && requester.type === "agent"}
                  cancel={<ButtonLink href={back}>Cancel</ButtonLink>}
                >
                  {null}
                </DenyFields>
              </Form>
            </div>
          )
          : (
            <Notice tone="info" live={false}>
              There is nothing for you to deny here. <a href={back}>Look at the request</a>
            </Notice>
          )}
      </>
    );
  },
});
