import type { ComponentChildren } from "preact";
import { type InboxGroup, type InboxPart } from "../lib/sheet/inbox.ts";
import type { ApprovalRow } from "../lib/sheet/row.ts";
import { requesterWords } from "../lib/sheet/sentence.ts";
import { marksOf, RequestRow } from "./approval_list.tsx";
import { DangerMarks } from "./badges.tsx";
import { Button } from "./button.tsx";
import { Icon } from "./icon.tsx";
import { MachineName, Name } from "./untrusted.tsx";

/**
 * What waits, as rows that can be chosen and denied together: groups of what one requester asks of
 * one tool, and the bar that says how many are chosen. Nothing here approves.
 */

/** Rows of a group that are in sight before it is opened. */
const SHOWN = 5;

export interface InboxListProps {
  readonly parts: readonly InboxPart[];
  readonly rows: ReadonlyMap<string, ApprovalRow>;
  readonly now: number;
  /** Ids of those that the reader can decide. */
  readonly mine: ReadonlySet<string>;
  readonly chosen: ReadonlySet<string>;
  /** The row that the keyboard is at; null where the page is not alive. */
  readonly current: string | null;
  readonly onChoose: (ids: readonly string[], isChosen: boolean) => void;
}

/** The parts of one page of an inbox. */
export function InboxList({ parts, ...shared }: InboxListProps) {
  return (
    <>
      {parts.map(({ group, ids }) =>
        group === null
          ? (
            <ol key={ids[0]} class="approval-list">
              {ids.map((id) => <Row key={id} id={id} inGroup={false} {...shared} />)}
            </ol>
          )
          : <Group key={group.key} group={group} ids={ids} {...shared} />
      )}
    </>
  );
}

type Shared = Omit<InboxListProps, "parts">;

function Group({ group, ids, ...shared }: Shared & {
  readonly group: InboxGroup;
  readonly ids: readonly string[];
}) {
  const first = shared.rows.get(ids[0] ?? "");
  const { requester, tool_name, mine } = group;
  const rest = ids.slice(SHOWN);
  return (
    <section class="inbox-group" aria-label={`${requesterWords(requester)}, ${tool_name}`}>
      <div class="inbox-group-head">
        {mine.length > 0 && (
          <Pick
            label={`Select all ${mine.length} of ${requesterWords(requester)}, ${tool_name}`}
            ids={mine}
            chosen={shared.chosen}
            onChoose={shared.onChoose}
          />
        )}
        <h2>
          <MachineName {...requester} /> <Name kind="tool" text={tool_name} />
        </h2>
        <span class="count">{group.ids.length}</span>
        {first !== undefined && (
          <span class="approval-row-marks">
            <DangerMarks marks={marksOf(first, "shared")} short />
          </span>
        )}
        {mine.length > 0 && (
          <Button variant="quiet" size="small" name="only" value={mine.join(" ")}>
            Deny {mine.length}
          </Button>
        )}
      </div>
      <ol class="approval-list">
        {ids.slice(0, SHOWN).map((id) => <Row key={id} id={id} inGroup {...shared} />)}
      </ol>
      {rest.length > 0 && (
        <details class="inbox-rest">
          <summary>
            <Icon name="chevron_right" size="small" />
            <span>Show {rest.length} more</span>
          </summary>
          <ol class="approval-list">
            {rest.map((id) => <Row key={id} id={id} inGroup {...shared} />)}
          </ol>
        </details>
      )}
    </section>
  );
}

function Row({ id, inGroup, rows, now, mine, chosen, current, onChoose }: Shared & {
  readonly id: string;
  readonly inGroup: boolean;
}) {
  const row = rows.get(id);
  if (row === undefined) return null;
  const isCurrent = current === null ? undefined : current === id;
  const pick = mine.has(id)
    ? (
      <Pick
        label={`Select ${row.reference}`}
        ids={[id]}
        chosen={chosen}
        onChoose={onChoose}
        isCurrent={isCurrent}
      />
    )
    : <span class="pick-none"></span>;
  return (
    <RequestRow
      row={row}
      now={now}
      isWaiting
      inGroup={inGroup}
      isCurrent={isCurrent}
      {...(mine.size > 0 ? { pick } : {})}
    />
  );
}

/** The box that chooses requests; its label is wide enough for a thumb. */
function Pick({ label, ids, chosen, onChoose, isCurrent }: {
  readonly label: string;
  readonly ids: readonly string[];
  readonly chosen: ReadonlySet<string>;
  readonly onChoose: InboxListProps["onChoose"];
  readonly isCurrent?: boolean | undefined;
}) {
  const count = ids.filter((id) => chosen.has(id)).length;
  return (
    <label class="pick">
      <input
        type="checkbox"
        name="ids"
        value={ids.join(" ")}
        aria-label={label}
        checked={count === ids.length}
        indeterminate={count > 0 && count < ids.length}
        onChange={(event) => onChoose(ids, event.currentTarget.checked)}
        {...(isCurrent === undefined ? {} : { tabIndex: isCurrent ? 0 : -1 })}
      />
    </label>
  );
}

/** How many are chosen, and what can be done with them all. Stands there while any are. */
export function BulkBar({ count, onClear, children }: {
  /** Null where the page is not alive, and nobody counts. */
  readonly count: number | null;
  readonly onClear: () => void;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="bulk-bar" role="group" aria-label="Selected requests">
      <span class="bulk-count" role="status">
        {count === null ? "Selected" : `${count} selected`}
      </span>
      <span class="bulk-hint">Approve them one by one, on their pages.</span>
      {children}
      {count !== null && (
        <Button variant="quiet" type="button" onClick={onClear}>
          Clear <kbd>Esc</kbd>
        </Button>
      )}
      <Button variant="danger">
        {count === null ? "Deny selected…" : `Deny ${count}…`}
        {count !== null && <kbd>D</kbd>}
      </Button>
    </div>
  );
}
