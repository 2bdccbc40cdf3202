import { createOrgOperation } from "../catalog/create_org.ts";
import { type AccountCaller, asAccount, requireFreshAccount } from "../identity/acting.ts";
import { type Client, ownerEnrolled } from "../identity/caller.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { isWithin } from "../ledger/clock.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { agentKey, apiKeyKey, bootstrapKey, setUpLinkKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { bootstrapRecord, type MemberRecord } from "../store/records/identity.ts";
import {
  type AccountRecord,
  type SetUpLinkRecord,
  setUpLinkRecord,
} from "../store/records/people.ts";
import { typedOrgName } from "./email_codes.ts";
import { loadSetUpLink, openSetUpLink } from "./links.ts";
import { joinOrg, MAX_ORGS, newMember, passkeysInOrg } from "./membership.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** Organizations that one person makes in a day: each has a log that stays, whoever leaves it. */
export const MADE_A_DAY = 3;

/**
 * Has whoever is signed in make another organization: it, its log, their membership as its owner and
 * that their session looks at it are one commit. The log of the deployment says who made it.
 * @throws {Refusal} session_ended, invalid_request, fresh_assertion_required, too_many_organizations
 */
export async function makeOrg(
  { deps, ids, ledgers, settings }: Services,
  session: PresentedSession,
  organization: string,
  client: Client,
): Promise<{ readonly org: string; readonly name: string }> {
  const name = typedOrgName(organization);
  const org = ids.make("org", deps.now());
  const create = await createOrgOperation(deps, { id: org, name, host: settings.url.host }, SYSTEM);
  await ledgers.transact(
    org,
    asAccount(session, {
      load: (_reader, { account }) => passkeysInOrg(deps.kv, account.id, org),
      plan(transaction, caller, passkeys) {
        requireFreshAccount(caller, "Making an organization");
        const maker = countedMaker(caller, transaction.now);
        create.plan(transaction, undefined);
        const member = makeOwner(transaction, maker.account.email);
        joinOrg(transaction, maker, { member, by: "set_up", passkeys }, client);
        tellIdentityEvent(transaction, { id: maker.account.id, orgs: [] }, {
          type: "org.made",
          data: { org, session: session.record.id },
        }, client);
      },
    }),
  );
  return { org, name };
}

/** The caller with one more organization made. @throws {Refusal} too_many_organizations */
function countedMaker(caller: AccountCaller, now: number): AccountCaller {
  const { account } = caller;
  if (account.orgs.length >= MAX_ORGS) {
    throw new Refusal("too_many_organizations", { most: MAX_ORGS, within: "all" });
  }
  const recent = account.orgs_made.filter((at) => isWithin(DAY_MS, at, now));
  if (recent.length >= MADE_A_DAY) {
    throw new Refusal("too_many_organizations", { most: MADE_A_DAY, within: "day" });
  }
  const counted: AccountRecord = { ...account, orgs_made: [...recent, now] };
  return { ...caller, account: counted };
}

/** Who makes an organization and its first owner, in the log of it. */
export const SYSTEM: Actor = { type: "system", id: "set_up" };

/** Of keys, and of agents, for which nobody answers yet. */
const MOST_ANSWERED_FOR = 200;

/** The place that a set-up link leads to: of the owner of an org, which may be still to be made. */
export interface OwnerSeat {
  readonly org: string;
  readonly load: (reader: Reader) => Promise<SetUpLinkRecord | null>;
  /**
   * Uses the link up and makes the place, and the org where there is none. The caller accepts the
   * membership in the same commit.
   * @throws {Refusal} link_not_valid
   */
  readonly take: (
    transaction: Transaction,
    loaded: SetUpLinkRecord | null,
    email: string,
  ) => MemberRecord;
}

/**
 * Finds the place that a set-up link leads to.
 * @param organization what a new org is to be called
 * @throws {Refusal} link_not_valid; invalid_request where the link makes an org and has no name for it
 */
export async function ownerSeat(
  services: Services,
  link: string,
  organization: string | null,
): Promise<OwnerSeat> {
  const { deps, ids, settings } = services;
  const row = await readRecord(deps.kv, setUpLinkKey(), setUpLinkRecord);
  const existing = openSetUpLink(row?.value ?? null, link, deps.now()).org;
  const org = existing ?? ids.make("org", deps.now());
  const { host } = settings.url;
  const makeOrg = existing === null
    ? await createOrgOperation(deps, { id: org, name: typedOrgName(organization), host }, SYSTEM)
    : null;
  return {
    org,
    async load(reader) {
      // Read under a check: a start that makes the first org at this moment collides with this.
      if (makeOrg !== null) await reader.get(bootstrapKey(), bootstrapRecord);
      return await loadSetUpLink(reader);
    },
    take(transaction, loaded, email) {
      const { snapshot, now } = transaction;
      const record = openSetUpLink(loaded, link, now);
      if (record.org !== existing || ownerEnrolled(snapshot)) {
        throw new Refusal("link_not_valid", { why: "ended" });
      }
      transaction.delete(setUpLinkKey());
      if (makeOrg !== null) {
        makeOrg.plan(transaction, undefined);
        transaction.set(bootstrapKey(), { org });
      }
      const owner = makeOwner(transaction, email);
      answerForOperators(transaction, owner.id);
      return owner;
    },
  };
}

/** Makes an address an owner of the org; nobody has accepted the membership yet. */
export function makeOwner(transaction: Transaction, email: string): MemberRecord {
  const old = transaction.snapshot.members.get(email) ?? null;
  if (old?.role === "owner") return old;
  const member: MemberRecord = {
    ...(old ?? newMember(transaction, { email, role: "owner", groups: [] })),
    role: "owner",
  };
  transaction.append({
    type: "member.set",
    actor: SYSTEM,
    subject: { member: member.id },
    data: { role: "owner", groups: [...member.groups] },
    private: { email },
  });
  return member;
}

/**
 * The operator prints the link, and chose the keys of the environment. Where they named no owner,
 * nobody answers for those keys, nor for what was made by them: whoever takes the place does from now
 * on. One commit takes only so many; what is left over answers for nobody, as before.
 */
function answerForOperators(transaction: Transaction, member: string): void {
  const { orgId, apiKeys, agents } = transaction.snapshot;
  const isNobodys = (of: { readonly members_behind: readonly string[] }) =>
    of.members_behind.length === 0;
  const members_behind = [member];
  const keys = [...apiKeys.values()].filter(isNobodys);
  // The keys of the environment come first, which make others.
  keys.sort((a, b) => Number(b.bootstrap) - Number(a.bootstrap));
  for (const key of keys.slice(0, MOST_ANSWERED_FOR)) {
    transaction.setPolicy(apiKeyKey(orgId, key.id), { ...key, members_behind });
  }
  for (const agent of [...agents.values()].filter(isNobodys).slice(0, MOST_ANSWERED_FOR)) {
    transaction.setPolicy(agentKey(orgId, agent.id), { ...agent, members_behind });
  }
}
