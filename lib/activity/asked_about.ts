import { type ActivityBudget, type ActivityQuery, readActivity } from "../ledger/activity.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Kv } from "../store/kv.ts";
import type { ToolRecord } from "../store/records/policy.ts";

/** What the log tells of the questions about a tool. */
export interface AskedAbout {
  /** Who made it known by asking; null where that is not to be found. */
  readonly first: Actor | null;
  readonly checks: number;
  /** Whether there may be more of them than were counted. */
  readonly more: boolean;
}

const MOST_COUNTED = 100;

/** For each tool: a page with several must not read the whole log. */
const BUDGET: ActivityBudget = { pages: 8, summaries: 256 };

/** Who asked first about some tools, and how often they were asked about since; by name. */
export async function askedAbout(
  kv: Kv,
  org: string,
  tools: readonly Pick<ToolRecord, "name" | "created_at">[],
): Promise<ReadonlyMap<string, AskedAbout>> {
  const found = await Promise.all(tools.map(async ({ name, created_at }) => {
    const about = (type: string, span: Pick<ActivityQuery, "until" | "order" | "limit">) =>
      readActivity(kv, org, {
        facets: [{ facet: "type", value: type }, { facet: "tool", value: name }],
        since: created_at,
        position: null,
        ...span,
      }, BUDGET);
    const [made, checked] = await Promise.all([
      about("tool.auto_created", { until: created_at + 1, order: "asc", limit: 1 }),
      about("permission.checked", { until: null, order: "asc", limit: MOST_COUNTED }),
    ]);
    const asked: AskedAbout = {
      first: made.entries[0]?.entry.actor ?? null,
      checks: checked.entries.length,
      more: checked.next !== null,
    };
    return [name, asked] as const;
  }));
  return new Map(found);
}
