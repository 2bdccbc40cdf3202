import { z } from "zod";
import { Badge } from "../../../components/badges.tsx";
import { ButtonLink } from "../../../components/button.tsx";
import { CodeBlock } from "../../../components/code.tsx";
import CopyButton from "../../../components/copy_button.tsx";
import { JsonView } from "../../../components/json_view.tsx";
import { Definitions, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import SignedReceiptCheck from "../../../islands/signed_receipt.tsx";
import type { JsonObject } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import type { Claims } from "../../../lib/receipts/claims.ts";
import { issueReceipt } from "../../../lib/receipts/issue.ts";
import { publishedReceiptKeys } from "../../../lib/receipts/receipt_keys.ts";
import { taskCommand } from "../../../lib/store/system.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { type Endpoint, memberEndpoint } from "../../dashboard/endpoint.ts";
import { memberPage } from "../../dashboard/page.ts";

const byId = z.object({ id: z.string().max(64) });

type Call = MemberCall<z.output<typeof byId>>;

async function receiptFor(call: Call) {
  const { services, params: { id } } = call;
  const { caller, origin } = await call.transact({
    plan: ({ snapshot }, caller) => ({ caller, origin: snapshot.org.log_origin }),
  });
  return await issueReceipt(services, caller, origin, id, "allowly-5");
}

/** One signed receipt: what it claims, by which key, and the check of that in the reader's browser. */
export const receiptPage = memberPage({
  path: "/receipts/:id",
  section: "activity",
  needs: "read",
  params: byId,
  load: async (call: Call) => {
    const { claims, receipt, entry, kid } = await receiptFor(call);
    const keys = await publishedReceiptKeys(call.services.deps, call.org);
    return { claims, receipt: { ...receipt } as JsonObject, index: entry.index, kid, keys };
  },
  title: ({ claims }) => `Receipt of ${claims.action ?? claims.event}`,
  view: ({ data: { claims, receipt, index, kid, keys }, now }) => (
    <>
      <PageHeader
        title={
          <>
            Receipt of <UntrustedText text={String(claims.action ?? claims.event)} mono />
          </>
        }
        description="What a stranger can check without this service: one event, signed."
        breadcrumb={[
          { label: "Activity", href: "/activity" },
          { label: `Entry ${index}`, href: pagePath("/activity/:index", { index }) },
        ]}
        badges={<Badge>{claims.decision.replaceAll("_", " ")}</Badge>}
        actions={
          <ButtonLink
            href={pagePath("/receipts/:id/receipt.json", { id: claims.receipt_id })}
            icon="download"
            download
          >
            Download
          </ButtonLink>
        }
      />
      <Section title="What it says">
        <Definitions items={factsOf(claims, index, now)} />
      </Section>
      <Section
        title="Signature"
        description="Your browser checks it against the organization's public keys."
      >
        <SignedReceiptCheck receipt={receipt} keys={keys as unknown as JsonObject} />
        <noscript>
          This check needs JavaScript. Without it, download the receipt and its keys and run{" "}
          <code>{taskCommand("verify --receipt FILE --keys FILE")}</code>.
        </noscript>
        <Definitions
          items={[
            { term: "Signed by key", value: kid, mono: true },
            {
              term: "Keys",
              value: (
                <a href={`/.well-known/countersign/receipt-keys/${claims.workspace_id}`}>
                  All of this organization, public
                </a>
              ),
            },
          ]}
        />
      </Section>
      <Section
        title="Claims"
        description="The very members that are signed. Arguments and reasons aren't among them: the
          action's digest stands for them."
      >
        <JsonView value={{ ...claims }} />
      </Section>
      <Section title="As it is handed on">
        <CodeBlock
          label="JSON"
          code={JSON.stringify(receipt, null, 2)}
          copy={<CopyButton text={JSON.stringify(receipt)} label="Copy" />}
        />
        <p class="quiet">
          It proves that this was decided or done here, and by which rules; it doesn't prove that
          the action was carried out, or that nothing else happened.
        </p>
      </Section>
    </>
  ),
});

function factsOf(claims: Claims, index: number, now: number) {
  const { user_id, agent_id, resource, authorization_id: mandate, context } = claims;
  const text = (value: string) => <UntrustedText text={value} mono />;
  return [
    { term: "When", value: <Time at={claims.issued_at} now={now} /> },
    { term: "Decision", value: claims.decision, mono: true },
    { term: "Because", value: claims.reason, mono: true },
    ...(user_id === "" ? [] : [{ term: "User", value: text(user_id) }]),
    { term: "Agent", value: text(agent_id) },
    ...(resource === null ? [] : [{ term: "Resource", value: text(resource) }]),
    ...(mandate === null ? [] : [{
      term: "Mandate",
      value: <a class="mono" href={pagePath("/mandates/:id", { id: mandate })}>{mandate}</a>,
    }]),
    ...(typeof context.action_digest === "string"
      ? [{ term: "Action", value: context.action_digest, mono: true }]
      : []),
    {
      term: "In the log",
      value: <a href={pagePath("/activity/:index", { index })}>{`Entry ${index}`}</a>,
    },
    { term: "Id", value: claims.receipt_id, mono: true },
  ];
}

export const receiptEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "get",
    path: "/receipts/:id/receipt.json",
    needs: "read",
    params: byId,
    handle: async (call) => {
      const { claims, receipt } = await receiptFor(call);
      return new Response(`${JSON.stringify(receipt, null, 2)}\n`, {
        headers: {
          "content-type": "application/json",
          "content-disposition": `attachment; filename="${claims.receipt_id}.json"`,
        },
      });
    },
  }),
];
