import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { DenySheet } from "../components/deny_sheet.tsx";
import type { ListQuery } from "../components/filters.tsx";
import { BulkBar, InboxList } from "../components/inbox.tsx";
import { island } from "../components/island.tsx";
import { EmptyState } from "../components/layout.tsx";
import { LiveMark } from "../components/page_header.tsx";
import { pageKey } from "../components/page_key.ts";
import { KeysSheet } from "../components/shortcuts.tsx";
import { Pagination } from "../components/table.tsx";
import { Words } from "../components/untrusted.tsx";
import { pagePath } from "../lib/base/page_path.ts";
import { INBOX_ROWS, type InboxPage } from "../lib/sheet/inbox.ts";
import type { ApprovalRow } from "../lib/sheet/row.ts";
import { requesterWords } from "../lib/sheet/sentence.ts";
import { useClock, useLive } from "./live.ts";

/** One page of what waits, and how much of it there is in all. */
export interface Inboxed {
  readonly page: InboxPage;
  readonly rows: readonly ApprovalRow[];
  /** Ids of the rows that the reader can decide. */
  readonly mine: readonly string[];
  /** How many wait for the reader, and for anybody, whatever the filters. */
  readonly counts: { readonly mine: number; readonly waiting: number };
}

export interface InboxProps {
  readonly start: Inboxed;
  /** Where the stream of the same view is. */
  readonly stream: string;
  readonly now: number;
  /** The view as its address says it, the number of the page aside. */
  readonly query: ListQuery;
  /** Whether something narrows the list. */
  readonly isNarrowed: boolean;
  /** Whether the list is what the reader can decide, not everything that waits. */
  readonly isMine: boolean;
  /** Whether this member may stop the agents that ask. */
  readonly mayPause: boolean;
}

export default island("inbox", Inbox);

/** The requests that wait, kept up to date, and what is done with several of them at once. */
function Inbox(props: InboxProps) {
  const { start, stream, now: from, query, isNarrowed, isMine, mayPause } = props;
  const now = useClock(from);
  const { value: { page, rows, mine, counts }, state } = useLive(stream, start);
  const byId = useMemo(() => new Map(rows.map((row) => [row.id, row])), [rows]);
  const isAlive = useAlive();
  const present = useMemo(() => idsOf(page, rows), [page, rows]);
  const [wanted, setWanted] = useState<ReadonlySet<string>>(new Set());
  // What has gone meanwhile is chosen no more, and takes nothing else with it.
  const chosen = useMemo(
    () => new Set([...wanted].filter((id) => present.has(id))),
    [wanted, present],
  );
  const [denying, setDenying] = useState<readonly string[] | null>(null);
  const [at, setAt] = useState<string | null>(null);
  const [hasKeys, setKeys] = useState(false);
  const list = useRef<HTMLFormElement>(null);
  const current = isAlive ? (at !== null && byId.has(at) ? at : rows[0]?.id ?? null) : null;
  const choose = (ids: readonly string[], isChosen: boolean) =>
    setWanted((before) => {
      const next = new Set(before);
      for (const id of ids) isChosen ? next.add(id) : next.delete(id);
      return next;
    });
  const deny = (ids: readonly string[]) => {
    if (ids.length > 0) setDenying(ids);
  };
  useCounts(counts);
  useListKeys({
    list,
    current,
    onKey(key, focused) {
      const row = focused ?? current;
      if (key === "x" && row !== null && mine.includes(row)) choose([row], !chosen.has(row));
      if (key === "d") {
        deny(chosen.size > 0 ? [...chosen] : row !== null && mine.includes(row) ? [row] : []);
      }
      if (key === "u" && (isNarrowed || page.page > 1)) {
        location.assign(pagePath("/approvals", { view: query.view }));
      }
      if (key === "Escape") setWanted(new Set());
      if (key === "?") setKeys(true);
    },
  });
  const hrefOf = (number: number) => pagePath("/approvals", { ...query, page: number });
  return (
    <div class="inbox">
      <LiveMark state={state} />
      <News rows={rows} />
      {page.total === 0 ? <Nothing query={query} isNarrowed={isNarrowed} isMine={isMine} /> : (
        <form
          ref={list}
          class="inbox-form"
          method="post"
          onFocusIn={(event) => {
            const { request } = (event.target as HTMLElement).dataset;
            if (request !== undefined) setAt(request);
          }}
          onSubmit={(event) => {
            event.preventDefault();
            const only = (event.submitter as HTMLButtonElement | null)?.value ?? "";
            deny(only === "" ? [...chosen] : only.split(" "));
          }}
        >
          <input type="hidden" name="do" value="choose" />
          <InboxList
            parts={page.parts}
            rows={byId}
            now={now}
            mine={new Set(mine)}
            chosen={chosen}
            current={current}
            onChoose={choose}
          />
          {mine.length > 0 && (!isAlive || chosen.size > 0) && (
            <BulkBar
              count={isAlive ? chosen.size : null}
              onClear={() => setWanted(new Set())}
            />
          )}
        </form>
      )}
      {page.pages > 1 && (
        <div class="inbox-pages">
          <p class="quiet small">
            {(page.page - 1) * INBOX_ROWS + 1} to {(page.page - 1) * INBOX_ROWS + rows.length} of
            {" "}
            {page.total}
          </p>
          <Pagination
            newer={page.page > 1 ? hrefOf(page.page - 1) : null}
            older={page.page < page.pages ? hrefOf(page.page + 1) : null}
            newerLabel={`Back ${INBOX_ROWS}`}
            olderLabel={`Next ${Math.min(INBOX_ROWS, page.total - page.page * INBOX_ROWS)}`}
          />
        </div>
      )}
      {hasKeys && <KeysSheet keys={KEYS} onClose={() => setKeys(false)} />}
      {denying !== null && (
        <DenySheet
          title={denying.length === 1 ? "Deny this request" : `Deny ${denying.length} requests`}
          lead={<Words text={whatIsDenied(denying, byId)} />}
          count={denying.length}
          mayPause={mayPause && denying.some((id) => byId.get(id)?.requester.type === "agent")}
          onClose={() => setDenying(null)}
        >
          <input type="hidden" name="do" value="deny" />
          <input type="hidden" name="ids" value={denying.join(" ")} />
        </DenySheet>
      )}
    </div>
  );
}

/** What each key does here. */
const KEYS: readonly (readonly [string, string])[] = [
  ["j", "Next request"],
  ["k", "Previous request"],
  ["Enter", "Open it"],
  ["x", "Select it"],
  ["d", "Deny it, or all that are selected"],
  ["Esc", "Select none"],
  ["/", "Search"],
  ["u", "Back to the whole list"],
];

/** What the sheet is about: whose requests, for which tools. */
function whatIsDenied(ids: readonly string[], rows: ReadonlyMap<string, ApprovalRow>): string {
  const names = ids.flatMap((id) => {
    const row = rows.get(id);
    return row === undefined ? [] : [`${requesterWords(row.requester)}, ${row.tool_name}`];
  });
  const counts = [...Map.groupBy(names, (name) => name)]
    .map(([name, same]) => same.length > 1 ? `${same.length} of ${name}` : name);
  const more = counts.length > MOST_NAMED ? ` and ${counts.length - MOST_NAMED} more` : "";
  return `${counts.slice(0, MOST_NAMED).join("; ")}${more}. None of it can run.`;
}

/** Beyond so many kinds of requests a sheet only counts. */
const MOST_NAMED = 3;

/** Everything that can be chosen: the rows, and those of their groups that other pages show. */
function idsOf({ parts }: InboxPage, rows: readonly ApprovalRow[]): ReadonlySet<string> {
  return new Set([
    ...rows.map(({ id }) => id),
    ...parts.flatMap(({ group }) => group?.ids ?? []),
  ]);
}

function Nothing({ query, isNarrowed, isMine }: {
  readonly query: ListQuery;
  readonly isNarrowed: boolean;
  readonly isMine: boolean;
}) {
  if (isNarrowed) {
    return (
      <EmptyState icon="approvals" title="No request matches">
        <a href={pagePath("/approvals", { view: query.view })}>Clear filters</a>
      </EmptyState>
    );
  }
  return (
    <EmptyState icon="approvals" title={isMine ? "Nothing waits for you" : "Nothing waits"}>
      Requests appear here by themselves as soon as an agent asks. To see one, send yourself a
      request from the <a href="/quickstart">Quickstart</a>.
    </EmptyState>
  );
}

/** What came and what went, for those who do not see it move. */
function News({ rows }: { readonly rows: readonly ApprovalRow[] }) {
  const before = useRef(rows);
  const [said, setSaid] = useState("");
  useEffect(() => {
    const [old, now] = [before.current, rows].map((list) => new Set(list.map(({ id }) => id)));
    before.current = rows;
    const came = now?.difference(old ?? new Set()).size ?? 0;
    const went = old?.difference(now ?? new Set()).size ?? 0;
    const words = [came > 0 ? `${came} new` : "", went > 0 ? `${went} gone` : ""];
    if (came + went > 0) setSaid(words.filter((word) => word !== "").join(", "));
  }, [rows]);
  return <p class="visually-hidden" role="status">{said}</p>;
}

/** False until the browser runs it: the first rendering is the server's. */
function useAlive(): boolean {
  const [isAlive, setAlive] = useState(false);
  useEffect(() => setAlive(true), []);
  return isAlive;
}

/** Keeps the counts in the menus and tabs up to date. */
function useCounts({ mine, waiting }: Inboxed["counts"]): void {
  useEffect(() => {
    const write = (selector: string, count: number, text: string) => {
      for (const element of document.querySelectorAll<HTMLElement>(selector)) {
        element.hidden = count === 0;
        const [number] = element.childNodes;
        if (number !== undefined) number.nodeValue = text;
      }
    };
    write("[data-pending]", waiting, waiting > 99 ? "99+" : String(waiting));
    write('[data-waiting="mine"]', mine, String(mine));
    write('[data-waiting="waiting"]', waiting, String(waiting));
  }, [mine, waiting]);
}

interface ListKeys {
  readonly list: { readonly current: HTMLFormElement | null };
  /** Id of the row that Tab leads to. */
  readonly current: string | null;
  /** @param focused id of the row that has the focus; null where none has */
  readonly onKey: (key: string, focused: string | null) => void;
}

const STEPS: Readonly<Record<string, number>> = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 };

/**
 * The keys of the list: `j` and `k`, and on a row the arrows, go from row to row with the focus
 * itself; all others are handed on. Nothing while something is typed, or with a modifier.
 */
function useListKeys({ list, current, onKey }: ListKeys): void {
  const handler = useRef<(event: KeyboardEvent) => void>(() => {});
  handler.current = (event) => {
    const key = pageKey(event);
    if (key === null) return;
    const links = [...list.current?.querySelectorAll<HTMLElement>("[data-request]") ?? []]
      .filter((link) => link.checkVisibility());
    const indexOf = (id: string | null | undefined) =>
      links.findIndex(({ dataset }) => dataset.request === id);
    const focused = links.find((link) => link === document.activeElement)?.dataset.request ?? null;
    const step = STEPS[key];
    if (step === undefined) return onKey(key, focused);
    if (key.startsWith("Arrow") && focused === null) return;
    event.preventDefault();
    const to = focused === null ? indexOf(current) : indexOf(focused) + step;
    links[Math.min(Math.max(to, 0), links.length - 1)]?.focus();
  };
  useEffect(() => {
    const listen = (event: KeyboardEvent) => handler.current(event);
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}
