import { z } from "zod";
import { ButtonLink } from "../../../components/button.tsx";
import { DenyFields } from "../../../components/deny_sheet.tsx";
import { Form } from "../../../components/form.tsx";
import { Notice, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { MachineName, Name, UntrustedText } from "../../../components/untrusted.tsx";
import { type Denial, denyDecision, MAX_NOTE } from "../../../lib/approvals/decide.ts";
import { ASK_LIMITS } from "../../../lib/approvals/limits.ts";
import { readSeen } from "../../../lib/approvals/waiting.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { invalidRequest } from "../../../lib/refusal.ts";
import type { ApprovalRecord } from "../../../lib/store/records/approval.ts";
import { QUICK_REASONS } from "../../../lib/store/records/vocabulary.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { checkbox, optional, several, verbatim } from "../../dashboard/form.ts";
import { action, type Outcome } from "../../dashboard/page.ts";
import { refusalDetail } from "../../dashboard/refusal_words.ts";
import { PROBLEMS } from "../../http/problems.ts";
import { logFailure, refusalOf } from "../../http/serve.ts";

/**
 * Denying several requests at once. Each is denied for itself, by the very operation that denies one,
 * in a commit of its own: what one of them does not allow keeps none of the others, and whoever
 * denied is told of each what became of it. Nothing here approves.
 */

/** Boxes that stand for several requests name them in one value, with spaces between. */
const idsField = several(z.string().max(64 * ASK_LIMITS.pending_per_org)).transform((
  values,
) => [...new Set(values.flatMap((value) => value.split(" ")).filter((id) => id !== ""))]);

const choice = z.strictObject({ ids: idsField, only: idsField });

const denial = z.strictObject({
  ids: idsField,
  note: verbatim(z.string().max(MAX_NOTE, `has at most ${MAX_NOTE} characters`)),
  quick_reason: optional(z.enum(QUICK_REASONS)),
  pause: checkbox,
});

type Call = MemberCall;

/** What the forms of the inbox do. `back` is the view that they came from. */
export function denyActions<C extends Call>(back: (call: C) => string) {
  return {
    /** Without script the sheet is a page. */
    choose: action(choice, async (call: C, { ids, only }): Promise<Outcome> => {
      const chosen = only.length > 0 ? only : ids;
      if (chosen.length === 0) return { to: back(call), notice: NONE_CHOSEN };
      const records = await recordsOf(call, bounded(chosen));
      const mayPause = hasRight(call.caller.role, "kill_switch_on") &&
        records.some(({ requester }) => requester.type === "agent");
      return {
        title: `Deny ${chosen.length}`,
        show: <DenyPage ids={chosen} records={records} mayPause={mayPause} back={back(call)} />,
      };
    }, "decide"),
    deny: action(denial, async (call: C, { ids, note, quick_reason, pause }): Promise<Outcome> => {
      if (ids.length === 0) return { to: back(call), notice: NONE_CHOSEN };
      const said = { note: note === "" ? null : note, quick_reason, pause_agent: pause };
      const results = await denyEach(call, bounded(ids), said);
      if (results.every(({ problem }) => problem === null)) {
        return { to: back(call), notice: doneWords(results) };
      }
      return {
        title: "What was denied",
        show: <DeniedPage results={results} back={back(call)} />,
      };
    }, "decide"),
  };
}

const NONE_CHOSEN = "Choose the requests to deny by the boxes beside them.";

/** What was done where nothing was refused. */
function doneWords(results: readonly Denied[]): string {
  const [one] = results;
  const words = results.length === 1
    ? `${one?.record?.reference} is denied; its agent is told.`
    : `${results.length} requests are denied; their agents are told.`;
  const paused = new Set(
    results.flatMap(({ isPaused, record }) => isPaused ? record?.requester.id ?? [] : []),
  );
  if (paused.size === 0) return words;
  const who = paused.size === 1 ? "The agent is" : `${paused.size} agents are`;
  return `${words} ${who} paused: every action is refused until an owner lets it go on.`;
}

/** @throws {Refusal} invalid_request */
function bounded(ids: readonly string[]): readonly string[] {
  if (ids.length > ASK_LIMITS.pending_per_org) {
    throw invalidRequest("/ids", `names more than ${ASK_LIMITS.pending_per_org} requests`);
  }
  return ids;
}

/** What became of one request. */
interface Denied {
  readonly id: string;
  /** Null for one that nobody may know of. */
  readonly record: ApprovalRecord | null;
  /** Why it was not denied; null when it was. */
  readonly problem: string | null;
  /** Whether the agent that asked is paused by now, as was wished. */
  readonly isPaused: boolean;
}

/** Denies each of these, one after the other, whatever becomes of the others. */
async function denyEach(call: Call, ids: readonly string[], said: Denial): Promise<Denied[]> {
  const results: Denied[] = [];
  const records = new Map((await recordsOf(call, ids)).map((record) => [record.id, record]));
  for (const id of ids) {
    const record = records.get(id) ?? null;
    try {
      const { approval, pause } = await call.transact(
        denyDecision(id, said, call.client),
        "decide",
      );
      const isPaused = pause === "paused" || pause === "was_paused";
      results.push({ id, record: approval.record, problem: null, isPaused });
    } catch (error) {
      // What failed for one reason or the other: the rest is still asked to be denied.
      const refusal = refusalOf(error);
      logFailure(call.services, error, refusal, { id: call.id, route: call.path });
      const { title } = PROBLEMS[refusal.code];
      const detail = refusalDetail(refusal);
      results.push({ id, record, problem: `${title}. ${detail}`, isPaused: false });
    }
  }
  return results;
}

async function recordsOf(call: Call, ids: readonly string[]): Promise<ApprovalRecord[]> {
  const { snapshot, caller } = await call.transact({
    plan: (transaction, caller) => ({ snapshot: transaction.snapshot, caller }),
  });
  const known = ids.filter((id) => id.startsWith("apr_"));
  const seen = await readSeen(call.services, caller, snapshot, known, { withArguments: false });
  return seen.map(({ record }) => record);
}

function DenyPage({ ids, records, mayPause, back }: {
  readonly ids: readonly string[];
  readonly records: readonly ApprovalRecord[];
  readonly mayPause: boolean;
  readonly back: string;
}) {
  const count = ids.length;
  return (
    <>
      <PageHeader
        title={count === 1 ? "Deny this request" : `Deny ${count} requests`}
        breadcrumb={[{ label: "Approvals", href: back }]}
      />
      <p class="quiet">None of it can run. The agents can ask again after a while.</p>
      <RequestNames rows={records.map((record) => ({ record, words: null }))} />
      <Form do="deny" action={back} hidden={{ ids: ids.join(" ") }} layout="stack">
        <div class="confirmation form-stack">
          <DenyFields
            count={count}
            mayPause={mayPause}
            cancel={<ButtonLink href={back}>Cancel</ButtonLink>}
          >
            {null}
          </DenyFields>
        </div>
      </Form>
    </>
  );
}

function DeniedPage({ results, back }: {
  readonly results: readonly Denied[];
  readonly back: string;
}) {
  const failed = results.filter(({ problem }) => problem !== null);
  const denied = results.filter(({ problem }) => problem === null);
  return (
    <>
      <PageHeader
        title="What was denied"
        breadcrumb={[{ label: "Approvals", href: back }]}
      />
      <Notice
        tone="warning"
        title={`${denied.length} of ${results.length} denied`}
        actions={<ButtonLink href={back}>Back to what waits</ButtonLink>}
      >
        {failed.length === 1 ? "One wasn't, and it says why." : "The others say why they weren't."}
      </Notice>
      {failed.length > 0 && (
        <Section title="Not denied">
          <RequestNames rows={failed.map(({ record, problem }) => ({ record, words: problem }))} />
        </Section>
      )}
      {denied.length > 0 && (
        <Section title="Denied">
          <RequestNames rows={denied.map(({ record }) => ({ record, words: null }))} />
        </Section>
      )}
    </>
  );
}

function RequestNames({ rows }: {
  readonly rows: readonly {
    readonly record: ApprovalRecord | null;
    readonly words: string | null;
  }[];
}) {
  return (
    <ul class="request-names">
      {rows.map(({ record, words }, at) => (
        <li key={record?.id ?? at}>
          {record === null ? "A request that isn't here" : (
            <>
              <a class="mono" href={pagePath("/approvals/:id", { id: record.id })}>
                {record.reference}
              </a>{" "}
              <MachineName {...record.requester} /> <Name kind="tool" text={record.tool_name} />
            </>
          )}
          {words !== null && (
            <p class="quiet small">
              <UntrustedText text={words} />
            </p>
          )}
        </li>
      ))}
    </ul>
  );
}
