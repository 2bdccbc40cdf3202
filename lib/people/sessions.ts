import type { Client } from "../identity/client.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import { secretHash } from "../identity/secret.ts";
import {
  endSession,
  type NewSession,
  type PresentedSession,
  renewSession,
} from "../identity/sessions.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG } from "../store/keys.ts";
import { type AccountCaller, asAccount } from "./account_operation.ts";
import { endLeft, endLeftInOrg, type LeftByAccount, loadLeft } from "./left_behind.ts";
import { sessionsOf } from "./sessions_of.ts";

/** What signing out everywhere ended, and this browser's session under its new secret. */
export interface SignedOutEverywhere extends NewSession {
  readonly sessions: number;
  /** Browsers that took pushes. */
  readonly browsers: number;
  /** Programs that acted for the person. */
  readonly connections: number;
}

/**
 * Ends all sessions of whoever is signed in but this one, and whatever any of them left behind. This
 * one goes on under a new secret: a thief has a copy of a cookie, and so of this very session.
 * Stopped halfway it has ended the sessions, and is done again.
 * @throws {Refusal} session_ended
 */
export async function signOutEverywhere(
  services: Ending,
  session: PresentedSession,
  client: Client,
): Promise<SignedOutEverywhere> {
  const first = await endOnce(services, session, client);
  const { secret, record } = first;
  const renewed: PresentedSession = { hash: secretHash(secret), record };
  // What came in while the first look was under way; from now on nothing can come but from here.
  await ending(services, renewed, () => {});
  const because = "signed_out" as const;
  const { request_id } = client;
  for (const org of first.orgs) {
    await services.ledgers.transact(
      org,
      asAccount(renewed, {
        plan(transaction, { account }) {
          const { snapshot } = transaction;
          const member = snapshot.exists ? snapshot.memberOf(account.id) : undefined;
          if (member === undefined) return;
          const actor = { type: "member", id: member.id } as const;
          endLeftInOrg(transaction, member, { because, actor, request_id });
        },
      }),
    );
  }
  return first;
}

type Ending = Pick<Services, "deps" | "ledgers">;

async function endOnce(services: Ending, session: PresentedSession, client: Client) {
  return await ending(services, session, (transaction, caller, { others, left }) => {
    const { account, session: current } = caller;
    const ended = {
      sessions: others.length,
      browsers: left.subscriptions.length,
      connections: left.grants.length,
    };
    tellIdentityEvent(transaction, account, {
      type: "session.ended",
      data: { by: "everywhere", renewed: current.record.id, ...ended },
    }, client);
    return { ...renewSession(transaction, current), ...ended, orgs: account.orgs };
  });
}

interface Found {
  readonly others: readonly PresentedSession[];
  readonly left: LeftByAccount;
}

/** Ends, in one commit with what `plan` adds, whatever there is but the session itself. */
async function ending<R>(
  { deps, ledgers }: Ending,
  session: PresentedSession,
  plan: (transaction: Transaction, caller: AccountCaller, found: Found) => R,
): Promise<R> {
  return await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      load: async (_reader, { account }): Promise<Found> => ({
        others: (await sessionsOf(deps, account.id)).filter(({ hash }) => hash !== session.hash),
        left: await loadLeft(deps.kv, account.id),
      }),
      plan(transaction, caller, found) {
        for (const other of found.others) endSession(transaction, other);
        endLeft(transaction, found.left);
        return plan(transaction, caller, found);
      },
    }),
  );
}
