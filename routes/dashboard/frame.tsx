import type { VNode } from "preact";
import { renderToString } from "preact-render-to-string";
import { Bare, Document } from "../../components/bare.tsx";
import { ButtonLink } from "../../components/button.tsx";
import { PageOrg } from "../../components/form.tsx";
import { Notice } from "../../components/layout.tsx";
import { type NavigationKey, Shell, type Viewer } from "../../components/shell.tsx";
import { absoluteWords } from "../../components/time.tsx";
import { UntrustedText, Words } from "../../components/untrusted.tsx";
import type { Right } from "../../lib/policy/rights.ts";
import { accountKey, approvalOrgCountKey } from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { orgCount } from "../../lib/store/records/approval.ts";
import { accountRecord } from "../../lib/store/records/people.ts";
import { assetUrl } from "../http/assets.ts";
import type { MemberCall } from "./browser_call.ts";

type Width = "wide" | "normal" | "narrow";

/** What a page shows, and what stands around it. */
interface Shown {
  readonly title: string;
  readonly body: VNode;
  /** What was just done, in a sentence. */
  readonly notice: string | null;
}

/** A page that holds its own frame. */
export function bareDocument({ title, body, notice }: Shown): string {
  return html(title, <>{noticeOf(notice)}{body}</>);
}

/** A member's page within the frame of the dashboard; the menu lists `sections`. */
export async function dashboardDocument(
  call: MemberCall,
  { title, body, notice, right, width = "normal", script }: Shown & {
    /** By which the member sees it. */
    readonly right: Right;
    readonly width?: Width | undefined;
    readonly script?: PageScript | undefined;
  },
  sections: readonly NavigationKey[],
): Promise<string> {
  const { viewer, killed } = await frameOf(call);
  const { held_until } = call.caller;
  const banner = (
    <>
      {held_until !== null && <HeldNotice until={held_until} />}
      {killed && <KilledNotice />}
    </>
  );
  return html(
    title,
    <PageOrg.Provider value={call.org}>
      <Shell
        viewer={viewer}
        path={call.path}
        allowed={sections}
        notice={noticeOf(notice)}
        banner={banner}
        width={width}
        right={right}
      >
        {body}
      </Shell>
    </PageOrg.Provider>,
    script,
  );
}

function HeldNotice({ until }: { readonly until: number }) {
  return (
    <Notice tone="warning" live={false} title="Your account was recovered">
      Until {absoluteWords(until)}{" "}
      you can look and throw kill switches, and neither see arguments, decide requests, nor change
      anything else here, unless another owner confirms under Team that it was you.
    </Notice>
  );
}

function KilledNotice() {
  return (
    <Notice
      tone="danger"
      live={false}
      title="The kill switch is on"
      actions={<ButtonLink href="/settings" size="small">Settings</ButtonLink>}
    >
      Every action of this organization is refused until an owner releases it.
    </Notice>
  );
}

function noticeOf(notice: string | null) {
  return notice === null ? undefined : (
    // It can name what others named, and is handed in by the browser.
    <Notice tone="success">
      <Words text={notice} />
    </Notice>
  );
}

/** What is said to whom nothing can be shown. */
interface ErrorWords {
  readonly title: string;
  readonly detail: string;
  readonly request_id: string;
}

/** An error as a page of its own. */
export function errorDocument({ title, detail, request_id }: ErrorWords): string {
  return html(
    title,
    <Bare
      title={title}
      lead={<UntrustedText text={detail} />}
      foot={
        <>
          Request <code>{request_id}</code>
        </>
      }
    >
      <p>
        <ButtonLink href="/" variant="primary">Go to the overview</ButtonLink>
      </p>
    </Bare>,
  );
}

/** The script that brings a page to life; a page of many islands loads each when it holds it. */
export type PageScript = "client.js" | "request_client.js";

function html(title: string, body: VNode, script: PageScript = "client.js"): string {
  const whole = (
    <Document
      title={title}
      stylesheet={assetUrl("stylesheet.css")}
      script={assetUrl(script)}
      assets="/assets"
    >
      {body}
    </Document>
  );
  return "<!doctype html>" + renderToString(whole);
}

async function frameOf(call: MemberCall): Promise<{ viewer: Viewer; killed: boolean }> {
  const { deps, ledgers } = call.services;
  const [account, count, org] = await Promise.all([
    readRecord(deps.kv, accountKey(call.account), accountRecord),
    readRecord(deps.kv, approvalOrgCountKey(call.org), orgCount),
    call.transact({
      plan: ({ snapshot }) => ({ ...snapshot.org, own: snapshot.memberOf(call.account)?.name }),
    }),
  ]);
  const orgs = await Promise.all(
    (account?.value.orgs ?? []).map(async (id) => ({
      id,
      current: id === call.org,
      name: id === call.org ? org.name : await ledgers.transact(id, {
        plan: ({ snapshot }) =>
          snapshot.exists && snapshot.memberOf(call.account) !== undefined
            ? snapshot.org.name
            : null,
      }),
    })),
  );
  const { deadlines } = count?.value ?? { deadlines: [] };
  return {
    killed: org.kill_switch.active,
    viewer: {
      id: call.caller.id,
      name: org.own ?? call.caller.email,
      email: call.caller.email,
      role: call.caller.role,
      orgName: org.name,
      orgs: orgs.flatMap(({ id, name, current }) => name === null ? [] : [{ id, name, current }]),
      pending: deadlines.filter((at) => at > call.now).length,
    },
  };
}
