import { pagePath } from "../lib/base/page_path.ts";
import type { EntryRow } from "../lib/evidence/sentences.ts";
import { Badge, type BadgeProps, PermissionBadge } from "./badges.tsx";
import { Notice } from "./layout.tsx";
import { RowLink, Table } from "./table.tsx";
import { Time } from "./time.tsx";
import { UntrustedText, Words } from "./untrusted.tsx";

/** What happened under a mandate, numbered, and what is asked under it now. */

/** An entry about a mandate. */
export interface SequenceRow extends EntryRow {
  /** Its number among those of the mandate; null for one that has none. */
  readonly seq: number | null;
  /** Null for one that has none. */
  readonly receipt: string | null;
}

/** The numbers that are missing between entries that stand together, the newest first. */
export function missingIn(rows: readonly Pick<SequenceRow, "seq">[]): number[] {
  const numbers = rows.flatMap(({ seq }) => seq === null ? [] : [seq]);
  return numbers.flatMap((seq, at) => {
    const before = numbers[at + 1];
    const count = before === undefined ? 0 : seq - before - 1;
    return Array.from({ length: Math.max(0, count) }, (_, n) => seq - 1 - n);
  });
}

/** Entries about a mandate with their numbers and receipts. */
export function SequenceTable({ rows, now }: {
  readonly rows: readonly SequenceRow[];
  readonly now: number;
}) {
  const missing = missingIn(rows);
  return (
    <>
      {missing.length > 0 && (
        <Notice tone="danger" title="Entries are missing" live={false}>
          There is nothing numbered{" "}
          {missing.slice(0, 5).join(", ")}: keep this page, and export the log.
        </Notice>
      )}
      <Table<SequenceRow>
        caption="What happened, the newest first"
        rows={rows}
        rowKey={({ index }) => String(index)}
        columns={[
          {
            key: "what",
            label: "What",
            kind: "title",
            cell: ({ index, sentence }) => (
              <RowLink href={pagePath("/activity/:index", { index })}>
                <Words text={sentence} />
              </RowLink>
            ),
          },
          {
            key: "answer",
            label: "Answer",
            cell: ({ permission }) =>
              permission === null
                ? <span class="quiet">None</span>
                : <PermissionBadge permission={permission} />,
          },
          {
            key: "seq",
            label: "Number",
            cell: ({ seq }) => seq === null ? <span class="quiet">None</span> : seq,
          },
          {
            key: "when",
            label: "When",
            cell: ({ at }) => <Time at={at} now={now} show="relative" />,
          },
          {
            key: "receipt",
            label: "Receipt",
            cell: ({ receipt }) =>
              receipt === null
                ? <span class="quiet">None</span>
                : <a href={pagePath("/receipts/:id", { id: receipt })}>Signed</a>,
          },
        ]}
        empty={null}
      />
    </>
  );
}

/** What is asked under a mandate, or was approved and is not used yet. JSON. */
export interface OpenQuestion {
  readonly id: string;
  readonly tool: string;
  readonly resource: string | null;
  /** Whose answer it waits for; `used` for what waits to be used. */
  readonly seat: "user" | "level_1" | "level_2" | "used";
  /** Milliseconds. */
  readonly until: number;
}

const SEATS: Readonly<Record<OpenQuestion["seat"], BadgeProps>> = {
  user: { tone: "warning", icon: "user", children: "The user is asked" },
  level_1: { tone: "warning", icon: "approvals", children: "Level 1 is asked" },
  level_2: { tone: "warning", icon: "approvals", children: "Level 2 is asked" },
  used: { icon: "check_circle", children: "Approved, not used" },
};

/** What waits under a mandate: at whose seat, and until when. */
export function OpenQuestions({ questions, now }: {
  readonly questions: readonly OpenQuestion[];
  readonly now: number;
}) {
  return (
    <Table<OpenQuestion>
      caption="Open questions"
      rows={questions}
      rowKey={({ id }) => id}
      columns={[
        {
          key: "tool",
          label: "Tool",
          kind: "title",
          cell: ({ id, tool }) => (
            <RowLink href={pagePath("/approvals/:id", { id })}>
              <UntrustedText text={tool} mono />
            </RowLink>
          ),
        },
        {
          key: "seat",
          label: "Seat",
          kind: "badge",
          cell: ({ seat }) => <Badge {...SEATS[seat]} />,
        },
        {
          key: "resource",
          label: "On",
          cell: ({ resource }) =>
            resource === null
              ? <span class="quiet">Nothing named</span>
              : <UntrustedText text={resource} mono />,
        },
        {
          key: "until",
          label: "Until",
          cell: ({ until }) => <Time at={until} now={now} show="relative" />,
        },
      ]}
      empty={null}
    />
  );
}
