import { z } from "zod";
import { Badge, PermissionBadge } from "../../../components/badges.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import { JsonView } from "../../../components/json_view.tsx";
import { Definitions, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText, Words } from "../../../components/untrusted.tsx";
import InclusionProof from "../../../islands/inclusion_proof.tsx";
import type { JsonValue } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { isDotSegment } from "../../../lib/base/text.ts";
import { readLogOperation, receiptAt } from "../../../lib/evidence/receipts.ts";
import { entryRow } from "../../../lib/evidence/sentences.ts";
import { namesOf, Telling } from "../../../lib/evidence/telling.ts";
import type { Entry } from "../../../lib/ledger/entry.ts";
import { exportRows } from "../../../lib/ledger/export.ts";
import { readHead } from "../../../lib/ledger/log_reader.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { mayHaveReceipt, receiptId } from "../../../lib/receipts/claims.ts";
import { type AnyRefusal, Refusal } from "../../../lib/refusal.ts";
import type { PrivateParts } from "../../../lib/store/records/log.ts";
import { taskCommand } from "../../../lib/store/system.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { type Endpoint, memberEndpoint } from "../../dashboard/endpoint.ts";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import { renderReceipt } from "../../fields/log.ts";
import { toolPath } from "../tools/form.tsx";

const byIndex = z.object({ index: z.string().max(64) });

type Call = MemberCall<z.output<typeof byIndex>>;

/** One entry of the log: all it says, and its proof, computed in the reader's browser. */
export const entryPage = memberPage({
  path: "/activity/:index",
  section: "activity",
  needs: "read",
  params: byIndex,
  load: async (call: Call) => {
    const index = indexOf(call);
    const { names, origin } = await call.transact({
      plan: ({ snapshot }) => ({ names: namesOf(snapshot), origin: snapshot.org.log_origin }),
    });
    const receipt = await receiptAt(call.services.deps, call.org, origin, index);
    return {
      row: entryRow(receipt, names),
      entry: receipt.entry,
      who: new Telling(receipt.entry, names).Who,
      receipt: renderReceipt(receipt),
      size: receipt.checkpoint.size,
      mayReadPrivate: hasRight(call.caller.role, "export_private"),
    };
  },
  title: ({ row }) => `Entry ${row.index}`,
  view: ({ data: { row, entry, who, receipt, size, mayReadPrivate }, attempt, now }) => (
    <>
      <PageHeader
        title={`Entry ${row.index}`}
        description={<Words text={`${row.sentence}.`} />}
        breadcrumb={[{ label: "Activity", href: "/activity" }]}
        badges={row.permission === null
          ? <Badge>{row.type}</Badge>
          : <PermissionBadge permission={row.permission} />}
        actions={
          <>
            {mayHaveReceipt(entry) && (
              <ButtonLink href={pagePath("/receipts/:id", { id: receiptId(entry) })} icon="shield">
                Signed receipt
              </ButtonLink>
            )}
            <ButtonLink
              href={pagePath("/activity/:index/receipt.json", { index: row.index })}
              icon="download"
              download
            >
              Proof
            </ButtonLink>
          </>
        }
      />
      <Section title="In short">
        <Definitions
          items={[
            { term: "When", value: <Time at={row.at} now={now} /> },
            {
              term: "Who",
              value: <Words text={who} />,
            },
            { term: "Type", value: row.type, mono: true },
            ...relatedLinks(entry).map(({ term, text, href }) => ({
              term,
              value: (
                <a href={href}>
                  <UntrustedText text={text} mono />
                </a>
              ),
            })),
          ]}
        />
      </Section>
      <Section
        title="Proof"
        description="Your browser hashes the entry, follows the proof to the log's root, and checks the
          signature: you don't need to take the server's word."
      >
        <InclusionProof receipt={receipt} />
        <noscript>
          This check needs JavaScript. Without it, download the receipt and run{" "}
          <code>{taskCommand("verify --receipt FILE --keys FILE")}</code>.
        </noscript>
      </Section>
      <Section
        title="All of it"
        description="The very members that are hashed. What may be personal is here only as a digest
          with a salt."
      >
        <JsonView value={entry as JsonValue} />
      </Section>
      <PrivateSection mayRead={mayReadPrivate} attempt={attempt} />
      <Pagination
        newer={row.index > 0 ? pagePath("/activity/:index", { index: row.index - 1 }) : null}
        older={row.index + 1 < size ? pagePath("/activity/:index", { index: row.index + 1 }) : null}
        newerLabel="Entry before"
        olderLabel="Next entry"
      />
    </>
  ),
  actions: {
    private: action(z.strictObject({}), async (call: Call) => {
      const { services: { deps }, org } = call;
      const index = indexOf(call);
      const { size } = await readHead(deps.kv, org);
      // The log must not say that somebody read what is not there.
      if (index >= size) throw noEntry(call);
      const range = { from: index, to: index + 1, withPrivate: true };
      await call.transact(readLogOperation(range, {}, call.client), "export_private");
      const [row] = await exportRows(deps, org, range);
      return {
        title: `Private part of entry ${index}`,
        show: <PrivatePage index={index} parts={row?.private ?? null} />,
      };
    }, "export_private"),
  },
});

export const entryEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "get",
    path: "/activity/:index/receipt.json",
    needs: "read",
    params: byIndex,
    handle: async (call) => {
      const index = indexOf(call);
      const origin = await call.transact({ plan: ({ snapshot }) => snapshot.org.log_origin });
      const receipt = await receiptAt(call.services.deps, call.org, origin, index);
      const text = JSON.stringify(renderReceipt(receipt), null, 2);
      return new Response(`${text}\n`, {
        headers: {
          "content-type": "application/json",
          "content-disposition": `attachment; filename="receipt-${index}.json"`,
        },
      });
    },
  }),
];

function PrivateSection({ mayRead, attempt }: {
  readonly mayRead: boolean;
  readonly attempt: Attempt | null;
}) {
  return (
    <Section
      title="Private part"
      description="Addresses, reasons, arguments, notes: kept apart and encrypted, so that they can be
        erased without breaking the log."
    >
      {mayRead
        ? (
          <Form do="private" layout="stack">
            <FieldErrors errors={attempted(attempt, "private").errors} />
            <p class="quiet">
              Reading it asks for your passkey, and is itself an entry of the log, in your name.
            </p>
            <div>
              <Button icon="eye">Show the private part</Button>
            </div>
          </Form>
        )
        : <p class="quiet">Only an owner can read it.</p>}
    </Section>
  );
}

function PrivatePage({ index, parts }: {
  readonly index: number;
  readonly parts: PrivateParts | null;
}) {
  return (
    <>
      <PageHeader
        title={`Private part of entry ${index}`}
        description="The log notes that you read it. Each value stands with its salt: the SHA-256 of both
          is the digest in the entry."
        breadcrumb={[{ label: `Entry ${index}`, href: pagePath("/activity/:index", { index }) }]}
      />
      <Section title="Values and salts">
        {parts === null
          ? <p>There is none: the entry never had one, or it was erased.</p>
          : <JsonView value={parts as JsonValue} />}
      </Section>
    </>
  );
}

/** @throws {Refusal} not_found for what is no index at all */
function indexOf(call: Call): number {
  const { index } = call.params;
  if (!/^(0|[1-9]\d{0,14})$/.test(index)) throw noEntry(call);
  return Number(index);
}

function noEntry({ params }: Call): AnyRefusal {
  return new Refusal("not_found", { what: `entry ${JSON.stringify(params.index)}` });
}

/** Something that an entry is about, and where it is shown. */
interface Related {
  readonly term: string;
  readonly text: string;
  readonly href: string;
}

/** What an entry is about and has a page of its own; what is gone meanwhile leads to an error. */
function relatedLinks({ actor, subject }: Entry): Related[] {
  const places: readonly [string, unknown, (text: string) => string][] = [
    ["Request", subject.approval, (id) => pagePath("/approvals/:id", { id })],
    ["Call", subject.call, (id) => pagePath("/calls/:id", { id })],
    ["Tool", subject.tool, toolPath],
    ["Tenant", subject.tenant, (id) => pagePath("/tenants/:id", { id })],
    ["Rule", subject.rule, (id) => pagePath("/rules/:id", { id })],
    ["More by the same", actor.id, (text) => pagePath("/activity", { actor: text })],
  ];
  return places.flatMap(([term, text, path]) =>
    typeof text === "string" && text !== "" && !isDotSegment(text)
      ? [{ term, text, href: path(text) }]
      : []
  );
}
