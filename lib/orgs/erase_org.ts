import type { DueWork } from "../ledger/due.ts";
import type { Actor } from "../ledger/entry.ts";
import { markErased } from "../ledger/erase_private.ts";
import type { Services } from "../services.ts";
import {
  dueKey,
  logPrivateKey,
  logPrivatePrefix,
  rowsOfOrg,
  type StoreKey,
} from "../store/keys.ts";
import type { Kv } from "../store/kv.ts";
import { removeRows } from "./remove_rows.ts";

/** What stays of a deleted org: its log, what that is verified by, and that it is deleted. */
const KEPT: ReadonlySet<string> = new Set([
  "org",
  "policy_version",
  "log_head",
  "log_turn",
  "log",
  "log_tile",
  "log_page",
  "log_key",
]);

const SYSTEM: Actor = { type: "system", id: "deletion" };

/** Rows of private parts that one commit erases at most. */
const PRIVATE_ROWS = 100;

/**
 * Erases a deleted org: first the private parts of its log, each digest of which then tells nothing,
 * then every other row that is filed under it, whatever its kind. Stopped anywhere it goes on from
 * there the next time.
 */
export async function eraseOrg(services: Services, work: DueWork): Promise<void> {
  const { kind, at, org, id } = work;
  const { deps, ledgers } = services;
  await erasePrivateRows(services, org);
  for await (const rows of kindsIn(deps.kv)) {
    if (!KEPT.has(rows)) await removeRows(services, org, rowsUnder(deps.kv, rows, org));
  }
  await ledgers.transact(org, {
    plan(transaction) {
      transaction.delete(dueKey(at, kind, org, id));
      markErased(transaction);
    },
  });
}

async function erasePrivateRows({ deps: { kv }, ledgers }: Services, org: string): Promise<void> {
  for (;;) {
    const selector = { prefix: [...logPrivatePrefix(org)] };
    const found = await Array.fromAsync(
      kv.list(selector, { limit: PRIVATE_ROWS }),
      ({ key }) => Number(key[2]),
    );
    const [from] = found;
    const last = found.at(-1);
    if (from === undefined || last === undefined) return;
    await ledgers.transact(org, {
      plan(transaction) {
        for (const index of found) transaction.delete(logPrivateKey(org, index));
        markErased(transaction);
        transaction.append({
          type: "private.erased",
          actor: SYSTEM,
          subject: {},
          // Rows are named by their first entries: the last one may hold those of later ones.
          data: { from, last_row: last },
        });
      },
    });
  }
}

/** The keys of one kind that are filed under an org; one that ends with the org is no prefix. */
async function* rowsUnder(kv: Kv, kind: string, org: string): AsyncGenerator<StoreKey> {
  const selector = { start: rowsOfOrg(kind, org), end: rowsOfOrg(kind, after(org)) };
  for await (const { key } of kv.list(selector)) yield key as StoreKey;
}

/** The kinds of rows that the store holds: what keys begin with. */
async function* kindsIn(kv: Kv): AsyncGenerator<string> {
  let from = "";
  for (;;) {
    const selector = { start: [from], end: ["\u{10ffff}"] };
    const [first] = await Array.fromAsync(kv.list(selector, { limit: 1 }));
    if (first === undefined) return;
    const kind = String(first.key[0]);
    yield kind;
    from = after(kind);
  }
}

/** Nothing sorts between a text and the same text with the character 0 behind it. */
function after(text: string): string {
  return `${text}\0`;
}
