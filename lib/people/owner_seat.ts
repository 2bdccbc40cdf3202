import { bootstrapRecord } from "../catalog/create_org.ts";
import { ownerEnrolled } from "../identity/owner_enrolled.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { createOrgOperation } from "../orgs/create_org.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { agentKey, apiKeyKey, bootstrapKey, setUpLinkKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { type SetUpLinkRecord, setUpLinkRecord } from "../store/records/invitations.ts";
import { loadSetUpLink, openSetUpLink } from "./links.ts";
import { newMember } from "./membership.ts";
import { typedOrgName } from "./typed.ts";

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
