import { decodeLeaf, type Entry, splitLeaves } from "../../lib/ledger/entry.ts";
import type { Kv } from "../../lib/store/kv.ts";
import { logSegment } from "../../lib/store/records/log.ts";
import type { Commit, Rows } from "./rows.ts";
import type { AgentRecord, MemberRecord } from "../../lib/store/records/identity.ts";
import type { Stored } from "./history.ts";
import { Listing } from "./store.ts";

/** The store as whoever holds promises sees it: at once, as it is, and nothing of it goes wrong. */

/** The entries that a commit puts into logs. */
export function* entriesOf({ writes }: Commit): Iterable<{ org: string; entry: Entry }> {
  for (const { key: [kind, org], set } of writes) {
    if (kind !== "log" || set === undefined) continue;
    const { data } = logSegment.parse(set.value);
    for (const leaf of splitLeaves(data)) yield { org: String(org), entry: decodeLeaf(leaf) };
  }
}

/** The rows about members and agents that a commit stores. */
export function* peopleOf({ writes }: Commit): Iterable<Stored> {
  for (const { key: [kind, org], set } of writes) {
    const stored = { is: "stored", org: String(org) } as const;
    if (set === undefined) continue;
    if (kind === "member") yield { ...stored, kind, row: set.value as MemberRecord };
    if (kind === "agent") yield { ...stored, kind, row: set.value as AgentRecord };
  }
}

/** Reads rows between two turns. */
export function onlooker(rows: Rows): Kv {
  const refuse = () => {
    throw new TypeError("Whoever looks on changes nothing.");
  };
  return {
    get: <T>(key: Deno.KvKey) => Promise.resolve(rows.get(key) as Deno.KvEntryMaybe<T>),
    getMany: <T extends readonly unknown[]>(
      keys: readonly [...{ [K in keyof T]: Deno.KvKey }],
    ) =>
      Promise.resolve(
        keys.map((key) => rows.get(key)) as { [K in keyof T]: Deno.KvEntryMaybe<T[K]> },
      ),
    list: <T>(selector: Deno.KvListSelector, options?: Deno.KvListOptions) =>
      new Listing<T>(
        selector,
        options ?? {},
        (...range) => Promise.resolve(rows.range(...range)),
      ),
    atomic: refuse,
    set: refuse,
    enqueue: refuse,
    listenQueue: refuse,
    close: () => {},
  };
}
