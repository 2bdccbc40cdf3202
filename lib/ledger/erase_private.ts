import type { logPrivateKey } from "../store/keys.ts";
import { sealedRecord } from "../store/records/log.ts";
import type { Actor } from "./entry.ts";
import type { Operation } from "./operation.ts";
import type { Ledgers } from "./ledgers.ts";
import { openPrivateRow, privateRowKey } from "./private_reader.ts";
import type { PrivateParts } from "./private_parts.ts";
import type { PrivateRow } from "./segments.ts";

/** What is to be erased, and who had it erased. */
export interface Erasure {
  readonly index: number;
  /** Names of private parts; all of the entry's when absent. */
  readonly names?: readonly string[];
  readonly actor: Actor;
}

interface Loaded {
  readonly key: ReturnType<typeof logPrivateKey>;
  readonly row: PrivateRow;
}

/**
 * Erases private parts of one entry for good: value and salt go, the digest in the leaf stays and
 * tells nothing without them, so the log verifies as before. The entry `private.erased` names what
 * went. Answers the names; none, and no entry, when nothing of that name was left.
 */
export async function erasePrivate(
  ledgers: Ledgers,
  org: string,
  { index, names, actor }: Erasure,
): Promise<string[]> {
  const { kv, sealer } = ledgers.deps;
  const operation: Operation<Loaded | null, string[]> = {
    async load(reader) {
      const key = await privateRowKey(kv, org, index);
      if (key === null) return null;
      const record = await reader.get(key, sealedRecord);
      return record === null
        ? null
        : { key, row: openPrivateRow(sealer, key, record.value.sealed) };
    },
    plan(transaction, loaded) {
      const parts = loaded?.row.find(([at]) => at === index)?.[1] ?? {};
      const erased = Object.keys(parts).filter((name) => names?.includes(name) ?? true);
      if (loaded === null || erased.length === 0) return [];
      const { key } = loaded;
      const row = loaded.row.flatMap(([at, kept]): PrivateRow => {
        if (at !== index) return [[at, kept]];
        const rest = without(kept, erased);
        return Object.keys(rest).length === 0 ? [] : [[at, rest]];
      });
      if (row.length === 0) transaction.delete(key);
      else transaction.set(key, { sealed: sealer.sealJson(key, row) });
      transaction.append({
        type: "private.erased",
        actor,
        subject: {},
        data: { index, names: erased },
      });
      return erased;
    },
  };
  return await ledgers.transact(org, operation);
}

function without(parts: PrivateParts, names: readonly string[]): PrivateParts {
  return Object.fromEntries(Object.entries(parts).filter(([name]) => !names.includes(name)));
}
