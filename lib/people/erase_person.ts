import { Buffer } from "node:buffer";
import { idTime } from "../base/id.ts";
import { type DueWork, schedule } from "../ledger/due.ts";
import type { Actor, Entry } from "../ledger/entry.ts";
import { type EntryErasure, erasePrivateParts, markErased } from "../ledger/erase_private.ts";
import { firstIndexAt, loggedEntry, readHead } from "../ledger/log_reader.ts";
import { leavesFrom } from "../ledger/log_tail.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import {
  alertPreferenceKey,
  dueKey,
  invitationPrefix,
  knownPasskeyPrefix,
  policyChangePrefix,
  type StoreKey,
} from "../store/keys.ts";
import { listRecords } from "../store/kv.ts";
import { policyChange } from "../store/records/log.ts";
import { knownPasskey } from "../store/records/people.ts";

/** So many that a step takes a moment: between two of them other work of the org has its turn. */
const STEP = 20_000;

/** Rows that one commit removes at most. */
const MAX_ROWS = 100;

/**
 * What stays of the entries about a person: the evidence of what they decided, which names keys and
 * no person, and what they wrote about it, scrubbed as it is.
 */
const EVIDENCE: ReadonlySet<string> = new Set(["assertion", "credential_id", "public_key", "note"]);

const SYSTEM: Actor = { type: "system", id: "deletion" };

/**
 * Erases what the log of an org, or of the deployment, knows of a person who deleted their account:
 * of what others did to them and they to themselves everything but the evidence, of what they did
 * otherwise from where. The digests stay, and tell nothing. Works through the log in steps.
 * @param work its id is the member or account, and, from the second step on, the index to go on at
 * @param step entries that one step looks at
 */
export async function erasePerson(
  services: Services,
  work: DueWork,
  step = STEP,
): Promise<void> {
  const { kind, at, org, id } = work;
  const { deps, ledgers } = services;
  const [person = "", position] = id.split(" ");
  const { size } = await readHead(deps.kv, org);
  const from = position === undefined
    ? await firstIndexAt(deps.kv, org, size, idTime(person) ?? 0)
    : Number(position);
  const to = Math.min(size, from + step);
  const found: EntryErasure[] = [];
  const needle = Buffer.from(JSON.stringify(person));
  for await (const stored of leavesFrom(deps.kv, org, from, to)) {
    const { buffer, byteOffset, length } = stored.leaf;
    if (!Buffer.from(buffer, byteOffset, length).includes(needle)) continue;
    const takes = takenFrom(loggedEntry(stored).entry, person);
    if (takes !== null) found.push({ index: stored.index, takes });
  }
  await erasePrivateParts(ledgers, org, found, SYSTEM);
  if (to === size) await forget(services, org, person);
  await ledgers.transact(org, {
    plan(transaction) {
      transaction.delete(dueKey(at, kind, org, id));
      markErased(transaction);
      if (to < size) schedule(transaction, { kind, at: transaction.now, id: `${person} ${to}` });
    },
  });
}

/** Which private parts of an entry are a person's; null when it is not about or by them. */
function takenFrom({ actor, subject }: Entry, person: string): EntryErasure["takes"] | null {
  if (subject.member === person || subject.account === person) {
    return (name) => !EVIDENCE.has(name);
  }
  return actor.id === person ? (name) => name === "client" : null;
}

/**
 * Forgets the address of a member who left, or whom an org removed: the log keeps it sealed, as what
 * the org has to know of who acted in it; no row beside it does.
 * @param work its id is the member
 */
export async function forgetMember(services: Services, work: DueWork): Promise<void> {
  const { kind, at, org, id } = work;
  await removeKeys(services, org, await rowsOfNobody(services, org));
  await services.ledgers.transact(org, {
    plan(transaction) {
      transaction.delete(dueKey(at, kind, org, id));
      markErased(transaction);
    },
  });
}

/** Removes the rows beside the log that name the person. */
async function forget(services: Services, org: string, person: string): Promise<void> {
  const { deps } = services;
  const rows: StoreKey[] = [alertPreferenceKey(org, person)];
  const passkeys = { prefix: [...knownPasskeyPrefix(org)] };
  for await (const { key, value } of listRecords(deps.kv, passkeys, knownPasskey)) {
    if (value.member === person) rows.push(key);
  }
  rows.push(...await rowsOfNobody(services, org));
  await removeKeys(services, org, rows);
}

/** Rows that name addresses of which none is a member's any more. */
async function rowsOfNobody({ deps, ledgers }: Services, org: string): Promise<StoreKey[]> {
  const rows: StoreKey[] = [];
  const snapshot = await ledgers.transact(org, { plan: (transaction) => transaction.snapshot });
  const changes = { prefix: [...policyChangePrefix(org)] };
  for await (const { key, value } of listRecords(deps.kv, changes, policyChange)) {
    if (value.keys?.some((changed) => namesNobody(changed, snapshot))) rows.push(key);
  }
  for await (const { key } of deps.kv.list({ prefix: [...invitationPrefix(org)] })) {
    if (!snapshot.members.has(String(key[2]))) rows.push(key as StoreKey);
  }
  return rows;
}

async function removeKeys(
  { ledgers }: Services,
  org: string,
  rows: readonly StoreKey[],
): Promise<void> {
  for (let i = 0; i < rows.length; i += MAX_ROWS) {
    await ledgers.transact(org, {
      plan(transaction) {
        for (const key of rows.slice(i, i + MAX_ROWS)) transaction.delete(key);
        markErased(transaction);
      },
    });
  }
}

/** Whether a changed record is that of an address which is no member's any more. */
function namesNobody([kind, , address = ""]: readonly string[], { members }: Snapshot): boolean {
  return kind === "member" && !members.has(address);
}
