import { checkedPermission } from "../ledger/check_counts.ts";
import type { LoggedEntry } from "../ledger/log_reader.ts";
import type { Permission } from "../policy/permission.ts";
import { entrySentence } from "./entry_sentence.ts";
import type { Names } from "./names.ts";

/** One entry in a list. JSON. */
export interface EntryRow {
  readonly index: number;
  /** RFC 3339. */
  readonly at: string;
  readonly type: string;
  /** Without a full stop; names and ids in it are as others wrote them. */
  readonly sentence: string;
  /** The answer of a check; null for every other entry. */
  readonly permission: Permission | null;
}

/** An entry as lists show it. */
export function entryRow({ index, entry }: LoggedEntry, names: Names): EntryRow {
  const { at, type } = entry;
  return {
    index,
    at,
    type,
    sentence: entrySentence(entry, names),
    permission: checkedPermission(entry),
  };
}
