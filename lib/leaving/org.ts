import { move } from "../approvals/end.ts";
import { loadApproval } from "../approvals/seen.ts";
import type { MemberOperation } from "../identity/acting.ts";
import { actorOf, type Client } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import { schedule } from "../ledger/commit.ts";
import type { Actor } from "../ledger/entry.ts";
import { markErased } from "../ledger/erase_private.ts";
import { removeRows } from "../ledger/ledgers.ts";
import { ERASED_AFTER_MS, leaveOrg, loadLeft } from "../people/left_behind.ts";
import { loadAccountBehind } from "../people/members.ts";
import { invalidRequest } from "../refusal.ts";
import type { Services } from "../services.ts";
import {
  agentPrefix,
  apiKeyPrefix,
  approvalPendingPrefix,
  credentialKey,
  dueKey,
  grantPrefix,
  invitationPointerKey,
  invitationPrefix,
  logPrivateKey,
  logPrivatePrefix,
  memberPrefix,
  orgKey,
  rowsOfOrg,
  type StoreKey,
} from "../store/keys.ts";
import { type Kv, listRecords } from "../store/kv.ts";
import { approvalPointer } from "../store/records/approval.ts";
import { memberRecord, withSecret } from "../store/records/identity.ts";
import type { DueWork } from "../store/records/log.ts";
import { invitationRecord } from "../store/records/people.ts";
import type { OrgRecord } from "../store/records/policy.ts";

/**
 * Deletes the org that the session looks at. With this one commit every key, agent, session and
 * invitation of it is refused on every node; its log stays, and verifies. Members, credentials and
 * pending requests go by work that this commit schedules, personal data a week later.
 * @param typed the org's name, typed by the owner
 * @throws {Refusal} role_required, recovery_held, fresh_assertion_required; invalid_request when the
 *   name is another
 */
export function deleteOrg(typed: string, client: Client): MemberOperation<void, OrgRecord> {
  return {
    plan(transaction, caller) {
      demand(caller, "begin_delete_org");
      const { org } = transaction.snapshot;
      if (typed.trim() !== org.name.trim()) {
        throw invalidRequest(
          "/name",
          `must be the name of the organization, ${JSON.stringify(org.name)}`,
        );
      }
      demand(caller, "delete_org", "Deleting the organization");
      const { at, now } = transaction;
      transaction.setPolicy(orgKey(org.id), { ...org, name: "", deleted_at: at });
      transaction.append({
        type: "org.deleted",
        actor: actorOf(caller),
        subject: { org: org.id },
        data: { policy_version: transaction.policyVersion, request_id: client.request_id },
      });
      const person = { id: caller.account, orgs: [] };
      const event = { type: "org.deleted", data: { org: org.id }, private: { name: org.name } };
      tellIdentityEvent(transaction, person, event, client);
      schedule(transaction, { kind: "org_deleted", at: now, id: caller.id });
      schedule(transaction, { kind: "org_erased", at: now + ERASED_AFTER_MS, id: org.id });
      return org;
    },
  };
}

/**
 * Takes away what let people and machines into a deleted org, and cancels what waited for them. All
 * of it is void already: this is so that nothing lies about.
 * @param work its id is the member who deleted the org
 */
export async function clearDeletedOrg(services: Services, work: DueWork): Promise<void> {
  const { kind, at, org, id } = work;
  const { kv } = services.deps;
  const pending = { prefix: approvalPendingPrefix(org) };
  for await (const { value } of listRecords(kv, pending, approvalPointer)) {
    await cancelPending(services, org, { approval: value.id, member: id });
  }
  await removeMembers(services, org);
  await removeRows(services, org, credentialRows(services, org));
  await services.ledgers.transact(org, {
    plan: (transaction) => transaction.delete(dueKey(at, kind, org, id)),
  });
}

async function cancelPending(
  { ledgers }: Services,
  org: string,
  { approval, member }: { readonly approval: string; readonly member: string },
): Promise<void> {
  await ledgers.transact(org, {
    load: (reader) => loadApproval(reader, approval),
    plan(transaction, loaded) {
      if (loaded === null) return;
      move(transaction, loaded, { type: "withdraw" }, {
        type: "approval.cancelled",
        actor: { type: "member", id: member },
        data: {
          action_digest: loaded.record.action_digest,
          because: "org_deleted",
          was: loaded.record.progress.state,
        },
      });
    },
  });
}

/** Ends the memberships. They are no policy any more, so no node has to follow. */
async function removeMembers({ deps, ledgers }: Services, org: string): Promise<void> {
  const members = listRecords(deps.kv, { prefix: memberPrefix(org) }, memberRecord);
  for await (const { key, value } of members) {
    await ledgers.transact(org, {
      async load(reader) {
        const account = await loadAccountBehind(reader, value);
        return account === null ? null : { account, left: await loadLeft(reader.kv, account.id) };
      },
      plan(transaction, leaving) {
        transaction.delete(key);
        if (leaving !== null) leaveOrg(transaction, leaving.account, leaving.left);
      },
    });
  }
}

/** The keys of what a secret is found by, and of what it stands for. */
async function* credentialRows({ deps: { kv } }: Services, org: string): AsyncGenerator<StoreKey> {
  for (const prefix of [apiKeyPrefix(org), agentPrefix(org)]) {
    for await (const { key, value } of listRecords(kv, { prefix: [...prefix] }, withSecret)) {
      yield credentialKey(value.secret_hash);
      yield key;
    }
  }
  for await (const { key } of kv.list({ prefix: [...grantPrefix(org)] })) yield key as StoreKey;
  const invitations = listRecords(kv, { prefix: invitationPrefix(org) }, invitationRecord);
  for await (const { key, value } of invitations) {
    yield invitationPointerKey(value.hash);
    yield key;
  }
}

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
