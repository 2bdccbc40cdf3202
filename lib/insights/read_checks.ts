import { checkedPermission, utcDay, withCheck } from "../ledger/check_counts.ts";
import { decodeLeaf } from "../ledger/entry.ts";
import { missingPage, readHead } from "../ledger/log_reader.ts";
import { leavesFrom, PAGE_ENTRIES } from "../ledger/log_tail.ts";
import { logPageKey } from "../store/keys.ts";
import { type Kv, listRecords } from "../store/kv.ts";
import { type DayChecks, logPage } from "../store/records/log.ts";

/** How much is looked at: a million entries by their pages' summaries, few of them one by one. */
export interface CheckBudget {
  /** Summaries of pages. */
  readonly summaries: number;
  /** Pages whose entries are read, because their summary has no counts yet. */
  readonly pages: number;
}

const BUDGET: CheckBudget = { summaries: 4000, pages: 40 };

/**
 * How many checks had which answer on each day from the one on that `since` (milliseconds) is in,
 * from the summaries of the log's pages and the entries of its open one. `truncated` when the budget
 * ended before the span: then the oldest are missing.
 * @throws {MalformedRecord}
 */
export async function readChecks(
  kv: Kv,
  org: string,
  since: number,
  budget: CheckBudget = BUDGET,
): Promise<{ readonly checks: DayChecks[]; readonly truncated: boolean }> {
  const { size } = await readHead(kv, org);
  const open = Math.floor(size / PAGE_ENTRIES);
  const found = [...await countedPage(kv, org, open, size)];
  const within = ({ day }: DayChecks) => day >= utcDay(since);
  let expected = open - 1;
  let pages = 0;
  let summaries = 0;
  const full = { start: logPageKey(org, 0), end: logPageKey(org, open) };
  const listed = { reverse: true, batchSize: 200 };
  for await (const { key, value } of listRecords(kv, full, logPage, listed)) {
    if (Number(key[2]) !== expected) throw missingPage(org, expected);
    if (value.last_at < since) break;
    const counted = value.checks !== undefined;
    if (summaries === budget.summaries || (!counted && pages === budget.pages)) {
      return { checks: found.filter(within), truncated: true };
    }
    summaries++;
    if (!counted) pages++;
    found.push(...value.checks ?? await countedPage(kv, org, expected, size));
    expected--;
  }
  return { checks: found.filter(within), truncated: false };
}

/** The counts of one page, from its entries. */
async function countedPage(
  kv: Kv,
  org: string,
  page: number,
  size: number,
): Promise<readonly DayChecks[]> {
  let counts: readonly DayChecks[] = [];
  const end = Math.min((page + 1) * PAGE_ENTRIES, size);
  for await (const { leaf, at } of leavesFrom(kv, org, page * PAGE_ENTRIES, end)) {
    const permission = checkedPermission(decodeLeaf(leaf));
    if (permission !== null) counts = withCheck(counts, permission, at);
  }
  return counts;
}
