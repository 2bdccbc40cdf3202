import type { z } from "zod";
import type { JsonObject } from "../base/json.ts";
import type { Deps } from "../deps.ts";
import { schedule } from "../ledger/commit.ts";
import type { Ledgers } from "../ledger/ledgers.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { DEPLOYMENT_ORG, dueKey, identityEventKey, passkeyKey } from "../store/keys.ts";
import { parseRecord } from "../store/record.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { type DueWork, sealedRecord } from "../store/records/log.ts";
import {
  type AccountRecord,
  type KnownPasskey,
  passkeyRecord,
  waiting,
} from "../store/records/people.ts";
import { type Client, privateClient } from "./caller.ts";
import { levelsOf } from "./deciders.ts";
import { appendGrantEntry } from "./grant_entries.ts";
import { knowPasskey, loadKnownPasskey } from "./passkeys.ts";

/**
 * What happens to an account, told to the logs. It is said at once in the log of the commit that
 * does it; the logs of the person's other orgs are told by rows that ride in that commit, each
 * taken up exactly once.
 */

/** Something that concerns an account, as a log is to say it. */
interface IdentityEvent {
  /** `noun.verb`. */
  readonly type: string;
  readonly data?: JsonObject;
  /** Kept apart and sealed; the leaf carries a salted digest of each. */
  readonly private?: JsonObject;
}

type WaitingEvent = z.infer<typeof waiting>;

type WaitingEntry = Extract<WaitingEvent, { kind: "entry" }>;

/** Who an event is about, and where their memberships are. */
type Concerned = Pick<AccountRecord, "id" | "orgs">;

/**
 * Puts an event into the log of the deployment, and into that of each org where the person may
 * decide: the log of this commit has it at once, the others by a row that rides in the commit and is
 * taken up exactly once.
 * @param joins the membership that this same commit gives the person, which its snapshot lacks yet
 */
export function tellIdentityEvent(
  transaction: Transaction,
  { id: account, orgs }: Concerned,
  event: IdentityEvent,
  client: Client,
  joins: MemberRecord | null = null,
): void {
  const { orgId } = transaction.snapshot;
  const entry = {
    kind: "entry",
    account,
    type: event.type,
    data: { ...event.data, occurred_at: transaction.atText, request_id: client.request_id },
    private: { ...event.private, client: privateClient(client) },
  } as const;
  for (const org of new Set([DEPLOYMENT_ORG, ...orgs])) {
    const own = { ...entry, id: transaction.id("ent") };
    if (org === orgId) appendEntry(transaction, own, joins);
    else sendTo(transaction, org, own);
  }
}

/** Has the logs of an account's orgs name a passkey that it got, so that it can decide there. */
export function tellPasskey(
  transaction: Transaction,
  { id: account, orgs }: Concerned,
  credential_id: string,
): void {
  for (const org of orgs) sendTo(transaction, org, { kind: "passkey", account, credential_id });
}

/** Does the work of a waiting event: its entry and its end are one commit. */
export async function deliverIdentityEvent(
  { deps, ledgers }: { readonly deps: Pick<Deps, "sealer">; readonly ledgers: Ledgers },
  work: DueWork,
): Promise<void> {
  const { kind, at, org, id } = work;
  const key = identityEventKey(org, id);
  await ledgers.transact(org, {
    async load(reader) {
      const row = await reader.get(key, sealedRecord);
      if (row === null) return null;
      const event = parseRecord(
        key,
        waiting,
        deps.sealer.openJson(key, row.value.sealed),
      );
      if (event.kind !== "passkey") return { event, passkey: null, known: null };
      const { credential_id } = event;
      const passkey = (await reader.get(passkeyKey(credential_id), passkeyRecord))?.value ?? null;
      return { event, passkey, known: await loadKnownPasskey(reader, credential_id) };
    },
    plan(transaction, loaded: Loaded | null) {
      transaction.delete(dueKey(at, kind, org, id));
      if (loaded === null) return;
      transaction.delete(key);
      const { event, passkey, known } = loaded;
      if (event.kind === "entry") return appendEntry(transaction, event, null);
      if (event.kind === "grant") return appendGrantEntry(transaction, event);
      const member = transaction.snapshot.memberOf(event.account);
      // Removed meanwhile, or no member any more: there is nothing left to say.
      if (member === undefined || passkey?.account !== event.account) return;
      knowPasskey(transaction, member, passkey, known);
    },
  });
}

interface Loaded {
  readonly event: WaitingEvent;
  readonly passkey: z.infer<typeof passkeyRecord> | null;
  readonly known: KnownPasskey | null;
}

/** The log of an org is told of those who may decide there; who they are as its member. */
function appendEntry(
  transaction: Transaction,
  { id, account, type, data, private: hidden }: WaitingEntry,
  joins: MemberRecord | null,
): void {
  const { snapshot } = transaction;
  if (snapshot.orgId === DEPLOYMENT_ORG) {
    const actor = { type: "account", id: account } as const;
    transaction.append({ id, type, actor, subject: { account }, data, private: hidden });
    return;
  }
  const member = joins ?? snapshot.memberOf(account);
  if (member === undefined) return;
  const members = new Map(snapshot.members).set(member.email, member);
  if (levelsOf(member, members).length === 0) return;
  const actor = { type: "member", id: member.id } as const;
  transaction.append({ id, type, actor, subject: { member: member.id }, data, private: hidden });
}

/** Has another log take an event up; the work that is left by it. */
export function sendTo(transaction: Transaction, org: string, event: WaitingEvent): DueWork {
  const id = event.kind === "passkey" ? transaction.id("ent") : event.id;
  const key = identityEventKey(org, id);
  const work: DueWork = { kind: "identity_event", at: transaction.now, id, org };
  transaction.set(key, { sealed: transaction.deps.sealer.sealJson(key, event) });
  schedule(transaction, work);
  return work;
}
