import { externalIdProblem } from "../base/text.ts";
import { createOrgOperation } from "../catalog/create_org.ts";
import { type AccountCaller, asAccount, requireFreshAccount } from "../identity/acting.ts";
import type { Client } from "../identity/caller.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { isWithin } from "../ledger/clock.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import type { AccountRecord } from "../store/records/people.ts";
import { assertRoomForOrg, joinOrg, newMember, passkeysInOrg } from "./membership.ts";

/**
 * Making an organization, and making somebody its owner. Each has a log that stays for good, so
 * one person makes few.
 */

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
  assertRoomForOrg(account);
  const recent = account.orgs_made.filter((at) => isWithin(DAY_MS, at, now));
  if (recent.length >= MADE_A_DAY) {
    throw new Refusal("too_many_organizations", { most: MADE_A_DAY, within: "day" });
  }
  const counted: AccountRecord = { ...account, orgs_made: [...recent, now] };
  return { ...caller, account: counted };
}

/** Who makes an organization and its first owner, in the log of it. */
export const SYSTEM: Actor = { type: "system", id: "set_up" };

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

const MAX_NAME = 100;

/** The name of an org as a person typed it. @throws {Refusal} invalid_request */
export function typedOrgName(text: string | null): string {
  const name = text?.trim() ?? "";
  const problem = name === ""
    ? "must not be empty"
    : name.length > MAX_NAME
    ? `has at most ${MAX_NAME} characters`
    : externalIdProblem(name);
  if (problem !== null) throw invalidRequest("/organization", problem);
  return name;
}
