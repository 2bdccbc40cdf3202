import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import { z } from "zod";
import { pagePath } from "../base/page_path.ts";
import type { Client } from "../identity/caller.ts";
import { secretHash } from "../identity/credentials.ts";
import { passkeysOf } from "../identity/passkeys.ts";
import { RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import {
  accountKey,
  DEPLOYMENT_ORG,
  membersPrefix,
  recoveryCodeKey,
  recoveryLinkKey,
  recoverySetKey,
} from "../store/keys.ts";
import { listRecords, readRecord } from "../store/kv.ts";
import { memberRecord } from "../store/records/identity.ts";
import {
  accountRecord,
  recoveryCodeRecord,
  recoveryLinkRecord,
  recoverySetRecord,
} from "../store/records/people.ts";
import { taskCommand } from "../store/system.ts";
import type { Handout } from "./ceremonies.ts";
import {
  askCode,
  type CodeSent,
  counted,
  loadCode,
  loadCodeLimit,
  tryCode,
  typedAddress,
} from "./email_codes.ts";
import { loadAccountOf } from "./enrolment.ts";
import { NOTHING_LEFT } from "./left_behind.ts";
import { post, recoveryCodeLetter } from "./letters.ts";
import { makeLinkSecret, opensLink } from "./links.ts";
import { beginRecovery, loadOldAccess, type OldAccess, settleRecovery } from "./recovery.ts";
import { recoveryCodeHash } from "./recovery_codes.ts";

/**
 * The ways to a recovery: a code of the mailbox and a recovery code together, or a link of whoever
 * operates the host, which the start also offers where passkeys were left at another address. What
 * is the same whichever way it was stands in `recovery.ts`.
 */

const NO_ACCESS: OldAccess = { passkeys: [], sessions: [], left: NOTHING_LEFT };

/**
 * Sends a code to somebody who lost their passkeys, if there is an account under the address. The
 * answer is the same if there is none.
 * @param asked.flow the secret of the browser's cookie
 * @throws {Refusal} invalid_request, too_many_codes
 */
export async function sendRecoveryCode(
  services: Services,
  { email, flow }: { readonly email: string | null; readonly flow: string },
  client: Client,
): Promise<CodeSent> {
  const { deps, ledgers, settings } = services;
  const to = typedAddress(email);
  const { code, expires_at } = await counted(
    services,
    client,
    () =>
      ledgers.transact(DEPLOYMENT_ORG, {
        load: async (reader) => ({
          account: await loadAccountOf(reader, to),
          limit: await loadCodeLimit(reader, to),
        }),
        plan: (transaction, { account, limit }) =>
          askCode(transaction, { purpose: "recovery", flow }, limit, {
            data: {},
            counts: account !== null,
          }),
      }),
  );
  if (code !== null) post(services, recoveryCodeLetter(to, code, settings.url.origin));
  return { to, expires_at, mailed: deps.mail.configured };
}

/**
 * Takes the code from the mailbox and a recovery code together: the account's passkeys, sessions and
 * grants end, its orgs hold their member, and this browser may make a new passkey. Of parallel
 * attempts with one recovery code one succeeds.
 * @throws {Refusal} code_not_accepted, whichever of the two is wrong; too_many_codes
 */
export async function redeemRecoveryCode(
  services: Services,
  given: {
    readonly flow: string;
    /** From the mailbox. */
    readonly code: string;
    /** As typed. */
    readonly recovery_code: string;
  },
  client: Client,
): Promise<Handout<PublicKeyCredentialCreationOptionsJSON>> {
  const { deps, ledgers, settings } = services;
  const { flow } = given;
  const hash = recoveryCodeHash(given.recovery_code) ?? "";
  const begun = await counted(services, client, () =>
    ledgers.transact(DEPLOYMENT_ORG, {
      async load(reader) {
        const loaded = await loadCode(reader, { purpose: "recovery", flow });
        const account = await loadAccountOf(reader, loaded.record?.email ?? "");
        const id = account?.id ?? "";
        const set = (await reader.peek(recoverySetKey(id), recoverySetRecord))?.value.set;
        const code = (await reader.get(recoveryCodeKey(id, hash), recoveryCodeRecord))?.value.set;
        const isOurs = code !== undefined && code === set;
        // Not before: how long the reading takes would tell whether there is an account.
        const old = isOurs ? await loadOldAccess(deps, id) : NO_ACCESS;
        return { loaded, account, isOurs, old };
      },
      plan(transaction, { loaded, account, isOurs, old }) {
        // A wrong recovery code makes the other wrong too: it is counted, and neither tells of the
        // other. What nobody was mailed matches nothing.
        const right = tryCode(transaction, loaded, isOurs ? given.code : "");
        if (right instanceof RecordedRefusal) return right;
        if (account === null) throw new Refusal("code_not_accepted", {});
        transaction.delete(recoveryCodeKey(account.id, hash));
        return beginRecovery(transaction, settings, { account, old, by: "code", flow }, client);
      },
    }));
  await settleRecovery(services, begun);
  return begun.handout;
}

/** How long a link of the operator counts, milliseconds. */
const LINK_MS = 60 * 60 * 1000;

/** A new link. Its URL is known only now. */
interface RecoveryLink {
  readonly url: string;
  readonly email: string;
  /** Milliseconds since 1970. */
  readonly expires_at: number;
}

/** A link as a browser came by it. */
interface FollowedRecovery {
  readonly account: string;
  /** Its secret part. */
  readonly link: string;
}

/**
 * Makes the link by which the operator lets the owner of an address in again, without mailbox and
 * recovery code; the one before is void. For the command line and the start only.
 * @param email in lower case
 * @returns null when no account has the address
 */
export async function makeRecoveryLink(
  { deps, ledgers, settings }: Services,
  email: string,
): Promise<RecoveryLink | null> {
  const secret = makeLinkSecret(deps.random);
  return await ledgers.transact(DEPLOYMENT_ORG, {
    load: (reader) => loadAccountOf(reader, email),
    plan(transaction, account): RecoveryLink | null {
      if (account === null) return null;
      const expires_at = transaction.now + LINK_MS;
      const record = { hash: secretHash(secret), expires_at };
      transaction.set(recoveryLinkKey(account.id), record, { expireIn: LINK_MS });
      transaction.append({
        type: "recovery_link.made",
        actor: { type: "system", id: "recover" },
        subject: { account: account.id },
        data: { expires_at: new Date(expires_at).toISOString() },
        private: { email },
      });
      const url = new URL(
        pagePath("/recover/:account/:link", { account: account.id, link: secret }),
        settings.url,
      ).href;
      return { url, email, expires_at };
    },
  });
}

/** Whose account a link lets in. @throws {Refusal} link_not_valid */
export async function seeRecoveryLink(
  services: Services,
  followed: FollowedRecovery,
): Promise<{ readonly email: string }> {
  const { deps } = services;
  const { account: id, link } = followed;
  const row = await readRecord(deps.kv, recoveryLinkKey(id), recoveryLinkRecord);
  assertOpens(row?.value ?? null, link, deps.now());
  const account = await readRecord(deps.kv, accountKey(id), accountRecord);
  if (account === null) throw new Refusal("link_not_valid", { why: "ended" });
  return { email: account.value.email };
}

/**
 * Begins a recovery by a link of the operator. Until its time is over it may be begun anew; the new
 * passkey uses the link up.
 * @param followed.flow the secret of the browser's cookie
 * @throws {Refusal} link_not_valid
 */
export async function redeemRecoveryLink(
  services: Services,
  followed: FollowedRecovery & { readonly flow: string },
  client: Client,
): Promise<Handout<PublicKeyCredentialCreationOptionsJSON>> {
  const { deps, ledgers, settings } = services;
  const { account: id, link, flow } = followed;
  const begun = await counted(services, client, () =>
    ledgers.transact(DEPLOYMENT_ORG, {
      load: async (reader) => ({
        record: (await reader.get(recoveryLinkKey(id), recoveryLinkRecord))?.value ?? null,
        account: (await reader.get(accountKey(id), accountRecord))?.value ?? null,
        old: await loadOldAccess(deps, id),
      }),
      plan(transaction, { record, account, old }) {
        assertOpens(record, link, transaction.now);
        if (account === null) throw new Refusal("link_not_valid", { why: "ended" });
        return beginRecovery(transaction, settings, { account, old, by: "operator", flow }, client);
      },
    }));
  await settleRecovery(services, begun);
  return begun.handout;
}

/** @throws {Refusal} link_not_valid */
function assertOpens(
  record: z.infer<typeof recoveryLinkRecord> | null,
  link: string,
  now: number,
): void {
  if (!opensLink(record, { link, lifetime: LINK_MS, now })) {
    throw new Refusal("link_not_valid", { why: "ended" });
  }
}

/** What the operator is told who asked for a link. */
export function recoveryLinkNotice({ url, email, expires_at }: RecoveryLink): string {
  const until = new Date(expires_at).toISOString().slice(0, 16).replace("T", " ");
  return `Open this link in a browser of ${email}, once the service runs:

  ${url}

It ends the passkeys and sessions of that account and takes a new passkey. It works for one, until
${until} UTC. Whoever has it has the account: hand it to nobody else.`;
}

/** What the start says of owners whose passkeys were made for another host. */
export function movedNotice({ hosts, link }: MovedPasskeys, here: string): string {
  const what = `Owners have passkeys that work only at ${hosts.join(", ")}; this is ${here}.
Passkeys do not move: COUNTERSIGN_URL must stay, or everybody makes new ones.`;
  return link === null
    ? `${what} An owner can sign in here all the same;
\`${taskCommand("recover EMAIL")}\` lets the others in.`
    : `${what}

${recoveryLinkNotice(link)}`;
}

/** That owners have passkeys which work only under another address of this deployment. */
interface MovedPasskeys {
  /** The hosts that these were made for. */
  readonly hosts: readonly string[];
  /** For one owner, where none of them can sign in any more; null where some can. */
  readonly link: RecoveryLink | null;
}

/**
 * Looks, at the start, whether the deployment moved to another host: a passkey does not come along.
 * Makes the link by which an owner gets a new one, where no owner has any that works here.
 */
export async function movedPasskeys(services: Services): Promise<MovedPasskeys | null> {
  const { deps, settings } = services;
  const here = settings.url.hostname;
  const hosts = new Set<string>();
  const shutOut: string[] = [];
  let someCan = false;
  for (const account of await ownersOf(services)) {
    const hostsOf = new Set((await passkeysOf(deps.kv, account)).map(({ rp_id }) => rp_id));
    if (hostsOf.has(here)) someCan = true;
    else if (hostsOf.size > 0) shutOut.push(account);
    for (const host of hostsOf) if (host !== here) hosts.add(host);
  }
  if (hosts.size === 0) return null;
  return { hosts: [...hosts].sort(), link: someCan ? null : await linkFor(services, shutOut) };
}

/** The accounts of the owners of all orgs. */
async function ownersOf({ deps }: Services): Promise<Set<string>> {
  const owners = new Set<string>();
  const members = listRecords(deps.kv, { prefix: [...membersPrefix()] }, z.unknown());
  for await (const { key, value } of members) {
    const member = memberRecord.safeParse(value);
    if (!member.success) {
      deps.log("error", "A member is malformed", { org: String(key[1]) });
      continue;
    }
    const { role, account } = member.data;
    if (role === "owner" && account !== null) owners.add(account);
  }
  return owners;
}

/** The link for the owner whom the operator names, or for the first. */
async function linkFor(
  services: Services,
  accounts: readonly string[],
): Promise<RecoveryLink | null> {
  const { deps, settings } = services;
  const emails: string[] = [];
  for (const account of accounts) {
    const found = await readRecord(deps.kv, accountKey(account), accountRecord);
    if (found !== null) emails.push(found.value.email);
  }
  const { owner } = settings.bootstrap;
  const email = emails.find((one) => one === owner) ?? emails[0];
  return email === undefined ? null : await makeRecoveryLink(services, email);
}
