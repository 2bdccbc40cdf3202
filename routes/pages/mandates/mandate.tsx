import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { BarChart, dayWords } from "../../../components/charts.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import { JsonView } from "../../../components/json_view.tsx";
import {
  DangerSection,
  type Definition,
  Definitions,
  Section,
  SheetActions,
} from "../../../components/layout.tsx";
import {
  BudgetBar,
  GrantedBy,
  MandateAgent,
  MandateStateBadge,
  moneyText,
  ScopeTable,
} from "../../../components/mandate.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { type OpenQuestion, OpenQuestions, SequenceTable } from "../../../components/sequence.tsx";
import { RowLink, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { UserPasskeyTable } from "../../../components/user_passkeys.tsx";
import MandateReceipts from "../../../islands/mandate_receipts.tsx";
import { openUnder } from "../../../lib/approvals/list.ts";
import { openUntil, SEATS } from "../../../lib/approvals/state.ts";
import type { JsonObject } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { entryRow } from "../../../lib/evidence/sentences.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { revokeMandate } from "../../../lib/granting/revoke.ts";
import { clocksAt } from "../../../lib/ledger/clock.ts";
import { type ActivityBudget, readActivity } from "../../../lib/ledger/log_reader.ts";
import { listMandates, readMandate } from "../../../lib/mandates/listing.ts";
import type { CountedMandate } from "../../../lib/mandates/mandate.ts";
import { type DaySpent, spentByDay } from "../../../lib/mandates/spend_history.ts";
import { loadUserPasskeys } from "../../../lib/mandates/user_passkeys.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { mayHaveReceipt, receiptId } from "../../../lib/receipts/claims.ts";
import type { ApprovalRecord } from "../../../lib/store/records/approval.ts";
import type { MandateRecord } from "../../../lib/store/records/mandate.ts";
import { attempted, type AttemptedForm } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { type MandateState, stateOf } from "../../fields/mandate.ts";

const byId = z.object({ id: z.string().max(64) });

type Call = MemberCall<z.output<typeof byId>>;

const MAX_NOTE = 512;

const revocation = z.strictObject({
  note: optional(z.string().max(MAX_NOTE, `has at most ${MAX_NOTE} characters`)),
});

const ENTRIES = 20;

/** Mandates made of one that its page shows, and questions that are open under it. */
const PARTS = 20;

const ANY = { user_id: null, agent: null, state: null };
/** How many of the newest the chart of the budget is drawn from, and how many days it shows. */
const CHARTED = 300;
const DAYS = 14;

/** Less than the log's own pages may look at: what is older is a page of the log. */
const BUDGET: ActivityBudget = { pages: 20, summaries: 1000 };

/** One mandate: what a user lets an agent do, what it cost, and what was asked under it. */
export const mandatePage = memberPage({
  path: "/mandates/:id",
  section: "mandates",
  needs: "read",
  params: byId,
  load: async (call: Call) => {
    const { params: { id }, services: { deps }, org } = call;
    const read = readMandate(id);
    const { mandate, parts, open, passkeys, names, caller } = await call.transact({
      load: async (reader, caller) => {
        const [found, parts, open] = await Promise.all([
          read.load?.(reader, caller) ?? null,
          listMandates(reader, caller, { ...ANY, parent: id }, { limit: PARTS, after: null }),
          openUnder(reader, id, PARTS),
        ]);
        const user = found?.loaded.record.user_id;
        const keys = user === undefined ? null : await loadUserPasskeys(reader, user);
        return { found, parts, open, passkeys: keys?.passkeys ?? [] };
      },
      plan: (transaction, caller, { found, ...beside }) => ({
        ...beside,
        mandate: read.plan(transaction, caller, found),
        names: namesOf(transaction.snapshot),
        caller,
      }),
    });
    const clocks = clocksAt(call.now);
    const { record } = mandate;
    const { entries, next } = await readActivity(deps.kv, org, {
      facets: [{ facet: "mandate", value: record.id }],
      since: record.created_at,
      until: null,
      order: "desc",
      limit: CHARTED,
      position: null,
    }, BUDGET);
    const { entries: [grant] } = await readActivity(deps.kv, org, {
      facets: [
        { facet: "type", value: "mandate.granted" },
        { facet: "mandate", value: record.id },
      ],
      since: record.created_at,
      until: null,
      order: "asc",
      limit: 1,
      position: null,
    }, BUDGET);
    return {
      ...mandate,
      receipt: grant === undefined ? null : receiptId(grant.entry),
      state: stateOf(mandate, clocks),
      parts: parts.items.map((part) => ({
        ...part,
        state: stateOf(part, clocks),
        agentName: names.of(part.record.agent),
      })),
      hasMoreParts: parts.next !== null,
      agentName: names.of(record.agent),
      byName: names.of(record.granted_by.id),
      entries: entries.slice(0, ENTRIES).map((logged) => ({
        ...entryRow(logged, names),
        seq: numberOf(logged.entry.data),
        receipt: mayHaveReceipt(logged.entry) ? receiptId(logged.entry) : null,
      })),
      questions: open.map(questionOf),
      passkeys: passkeys.map(({ public_key: _key, ...passkey }) => ({
        user: record.user_id,
        passkey,
        by: passkey.registered_by === null ? null : names.of(passkey.registered_by),
      })),
      org,
      days: spentByDay(entries.map(({ entry }) => entry).toReversed(), call.now, DAYS),
      hasMore: next !== null,
      mayRevoke: hasRight(caller.role, "kill_switch_on"),
      maySeeMetadata: hasRight(caller.role, "decide"),
    };
  },
  title: ({ record }) => `Mandate of ${record.user_id}`,
  view: ({ data, attempt, now }) => {
    const { record, state, scopes, budget, entries, count } = data;
    const log = pagePath("/activity", { mandate: record.id });
    const receipts = entries.flatMap(({ receipt: id, seq }) => id === null ? [] : [{ id, seq }]);
    return (
      <>
        <PageHeader
          title={
            <>
              Mandate of <UntrustedText text={record.user_id} />
            </>
          }
          description={state === "active" && (
            <>
              <MandateAgent agent={record.agent} name={data.agentName} /> may act for them until
              {" "}
              <Time at={record.expires_at} now={now} show="absolute" />.
            </>
          )}
          breadcrumb={[{ label: "Mandates", href: "/mandates" }]}
          badges={<MandateStateBadge state={state} />}
          actions={
            <ButtonLink href={pagePath("/mandates", { user: record.user_id })} icon="user">
              This user's mandates
            </ButtonLink>
          }
        />
        {budget !== null && (
          <Section title="Budget">
            <BudgetBar row={budget} now={now} />
            <SpentByDay days={data.days} isPart={data.hasMore} hasParts={data.parts.length > 0} />
          </Section>
        )}
        {data.questions.length > 0 && (
          <Section
            title="Open questions"
            description="Asked under it, and not answered or used yet."
          >
            <OpenQuestions questions={data.questions} now={now} />
          </Section>
        )}
        <Section title="What it allows">
          <ScopeTable scopes={scopes} />
        </Section>
        {data.parts.length > 0 && <Parts parts={data.parts} more={data.hasMoreParts} now={now} />}
        <Section
          title="What happened"
          actions={
            <ButtonLink href={log} size="small" icon="activity">
              {count.seq === 1 ? "The one entry" : `All ${count.seq} entries`}
            </ButtonLink>
          }
        >
          {entries.length === 0
            ? <p class="quiet">What happened is further back in the log.</p>
            : <SequenceTable rows={entries} now={now} />}
          {receipts.length > 0 && (
            <div>
              <MandateReceipts
                mandate={record.id}
                receipts={receipts}
                keysAt={`/.well-known/countersign/receipt-keys/${data.org}`}
              />
            </div>
          )}
        </Section>
        {data.passkeys.length > 0 && (
          <Section
            title="Who says yes for the user"
            description="Their own passkeys: with one of these, no key of the app answers for them."
            actions={
              <ButtonLink
                href={pagePath("/users", { user: record.user_id })}
                size="small"
                icon="passkey"
              >
                Passkeys of this user
              </ButtonLink>
            }
          >
            <UserPasskeyTable rows={data.passkeys} now={now} named={false} />
          </Section>
        )}
        <Section title="Details">
          <Definitions items={factsOf(data, now)} />
        </Section>
        {data.maySeeMetadata && Object.keys(record.metadata).length > 0 && (
          <Section title="Metadata" description="What the app keeps with it. Not verified.">
            <JsonView value={record.metadata} />
          </Section>
        )}
        {data.mayRevoke && state === "active" && <Revoking form={attempted(attempt, "revoke")} />}
      </>
    );
  },
  actions: {
    revoke: action(revocation, async (call: Call, { note }) => {
      const revoking = revokeMandate(call.params.id, { by: "member", note }, call.id);
      const { record } = await call.transact(revoking, "kill_switch_on");
      return {
        to: pagePath("/mandates/:id", { id: record.id }),
        notice: "The mandate is revoked. Nothing is allowed under it any more.",
      };
    }, "kill_switch_on"),
  },
});

/** The number of an entry among those of the mandate; null for one that has none. */
function numberOf({ mandate_seq }: JsonObject): number | null {
  return typeof mandate_seq === "number" ? mandate_seq : null;
}

function questionOf(record: ApprovalRecord): OpenQuestion {
  const { id, tool_name: tool, resource, progress } = record;
  return progress.state === "approved"
    ? { id, tool, resource, seat: "used", until: progress.use_before }
    : { id, tool, resource, seat: SEATS[progress.level] ?? "level_2", until: openUntil(record) };
}

interface Part extends CountedMandate {
  readonly state: MandateState;
  readonly agentName: string | null;
}

/** What was handed on of it. */
function Parts({ parts, more, now }: {
  readonly parts: readonly Part[];
  readonly more: boolean;
  readonly now: number;
}) {
  return (
    <Section
      title="Handed on"
      description="Parts of it for other agents: they end with it, and what they cost is spent here, too."
    >
      <Table<Part>
        caption="Handed on"
        rows={parts}
        rowKey={({ record }) => record.id}
        columns={[
          {
            key: "agent",
            label: "Agent",
            kind: "title",
            cell: ({ record: { id, agent }, agentName }) => (
              <RowLink href={pagePath("/mandates/:id", { id })}>
                <MandateAgent agent={agent} name={agentName} />
              </RowLink>
            ),
          },
          {
            key: "state",
            label: "State",
            kind: "badge",
            cell: ({ state }) => <MandateStateBadge state={state} />,
          },
          { key: "checks", label: "Checks", cell: ({ count }) => count.checks },
          {
            key: "ends",
            label: "Ends",
            cell: ({ record: { ended, expires_at } }) => (
              <Time at={ended?.at ?? expires_at} now={now} show="relative" />
            ),
          },
        ]}
        empty={null}
      />
      {more && <p class="quiet">There are older ones.</p>}
    </Section>
  );
}

/** The budget over time. */
function SpentByDay({ days, isPart, hasParts }: {
  readonly days: readonly DaySpent[];
  /** Whether the mandate has more entries than were read. */
  readonly isPart: boolean;
  /** Whether mandates were made of it. */
  readonly hasParts: boolean;
}) {
  const sum = (of: "reported" | "estimated" | "held") =>
    days.reduce((all, day) => all + day[of], 0);
  const [reported, estimated, held] = [sum("reported"), sum("estimated"), sum("held")];
  if (reported + estimated + held === 0) {
    return <p class="quiet">Nothing was spent in the last {DAYS} days.</p>;
  }
  return (
    <>
      <h3>Spent by day</h3>
      <BarChart
        id="spent"
        title="Spent by day"
        description={`In ${DAYS} days ${moneyText(reported)} as reported, ${
          moneyText(estimated)
        } as estimated, ${moneyText(held)} held.`}
        series={[
          { label: "as reported", tone: "accent" },
          { label: "as estimated", tone: "warning" },
          { label: "held", tone: "neutral" },
        ]}
        rows={days.map(({ day, reported, estimated, held }) => ({
          label: dayWords(day),
          values: [reported, estimated, held],
        }))}
        shown={moneyText}
      />
      {isPart && (
        <p class="quiet small">
          Drawn from its newest {CHARTED} entries: what is older stands in the log alone.
        </p>
      )}
      {hasParts && (
        <p class="quiet small">
          What its parts spend counts in its budget, and is drawn with them.
        </p>
      )}
    </>
  );
}

interface Facts {
  readonly record: MandateRecord;
  readonly agentName: string | null;
  readonly byName: string | null;
  readonly count: { readonly checks: number };
  /** Of its grant; null where that is too far back. */
  readonly receipt: string | null;
  readonly uses_left: number | null;
}

function factsOf(
  { record, agentName, byName, count, receipt, uses_left }: Facts,
  now: number,
): Definition[] {
  const { bundle, tenant, ended, replaces, ancestors: [parent] } = record;
  const other = (id: string) => <a class="mono" href={pagePath("/mandates/:id", { id })}>{id}</a>;
  const terms = bundle === null
    ? "Its own terms, no bundle"
    : (
      <a href={pagePath("/bundles/:id", { id: bundle.id, edition: bundle.edition })}>
        {`${bundle.id}, edition ${bundle.edition}`}
      </a>
    );
  return [
    { term: "Agent", value: <MandateAgent agent={record.agent} name={agentName} /> },
    ...(tenant === null ? [] : [{ term: "Tenant", value: <UntrustedText text={tenant} mono /> }]),
    { term: "Made of", value: terms },
    ...(parent === undefined ? [] : [{ term: "Part of", value: other(parent) }]),
    { term: "Granted", value: <Time at={record.created_at} now={now} /> },
    { term: "By", value: <GrantedBy by={record.granted_by} name={byName} /> },
    ended === null
      ? { term: "Expires", value: <Time at={record.expires_at} now={now} /> }
      : { term: "Ended", value: <Time at={ended.at} now={now} /> },
    ...(ended?.by == null ? [] : [{ term: "Replaced by", value: other(ended.by) }]),
    ...(replaces === null ? [] : [{ term: "Replaces", value: other(replaces) }]),
    { term: "Checks", value: count.checks },
    ...(receipt === null ? [] : [{
      term: "Receipt",
      value: <a href={pagePath("/receipts/:id", { id: receipt })}>Of its grant</a>,
    }]),
    ...(record.budget?.on_silence === "release"
      ? [{ term: "Silence", value: "Gives back after an hour what a check alone reserved" }]
      : []),
    ...(record.uses === null
      ? []
      : [{ term: "Uses left", value: `${uses_left} of ${record.uses}` }]),
    { term: "Id", value: record.id, mono: true },
  ];
}

function Revoking({ form }: { readonly form: AttemptedForm }) {
  return (
    <DangerSection
      id="revoke"
      title="Revoke this mandate"
      open={form.refused}
      description="Nothing is allowed under it from the next call on: its unused run tokens are void,
        and what waits for approval under it is cancelled. It can't be brought back."
    >
      <Form do="revoke" layout="stack">
        <FieldErrors errors={form.errors} />
        <TextField
          name="note"
          label="Why"
          hint="Kept with the log, apart from what everybody reads"
          value={form.value("note")}
          error={form.error("note")}
          maxLength={MAX_NOTE}
          optional
        />
        <SheetActions>
          <Button variant="danger">Revoke mandate</Button>
        </SheetActions>
      </Form>
    </DangerSection>
  );
}
