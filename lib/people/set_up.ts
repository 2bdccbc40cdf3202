import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import { z } from "zod";
import { pagePath } from "../base/page_path.ts";
import { createOrgOperation } from "../catalog/create_org.ts";
import { type Client, ownerEnrolled } from "../identity/caller.ts";
import { secretHash } from "../identity/credentials.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import {
  agentKey,
  apiKeyKey,
  bootstrapKey,
  DEPLOYMENT_ORG,
  membersPrefix,
  orgPrefix,
  setUpLinkKey,
} from "../store/keys.ts";
import { type Kv, listRecords, readRecord } from "../store/kv.ts";
import { bootstrapRecord, memberRecord } from "../store/records/identity.ts";
import { setUpData, type SetUpLinkRecord, setUpLinkRecord } from "../store/records/people.ts";
import { orgRecord } from "../store/records/policy.ts";
import { taskCommand } from "../store/system.ts";
import { type Handout, peekCeremony } from "./ceremonies.ts";
import { type CodeSent, typedAddress } from "./email_codes.ts";
import type { FirstEntered, GivenPasskey } from "./enrolment.ts";
import {
  acceptLink,
  confirmLinkCode,
  finishLink,
  type FollowedLink,
  type LinkedSeat,
  type LinkTarget,
  makeLinkSecret,
  opensLink,
  sendLinkCode,
} from "./links.ts";
import { makeOwner, SYSTEM, typedOrgName } from "./make_org.ts";

/**
 * How a deployment comes to its first owner: the start prints a link while no owner has a passkey, and
 * whoever follows it becomes one, of an org that is there or is made by the same commit. The link is
 * as good as the deployment: it counts for an hour, once, and each start voids the one before.
 */

/** How long a set-up link counts, milliseconds. */
export const SET_UP_MS = 60 * 60 * 1000;

/** What a set-up link is for; what is null its reader names. */
export interface SetUp {
  /** Name of the org. */
  readonly organization: string | null;
  readonly email: string | null;
  /** Milliseconds since 1970. */
  readonly expires_at: number;
}

/** A new set-up link. Its URL is known only now. */
interface SetUpLink extends SetUp {
  readonly url: string;
}

/** Whom a new link is for. */
type Target = Pick<SetUpLinkRecord, "org" | "email">;

/**
 * Makes the link by which the first owner comes in, while there is no owner with a passkey; the one
 * before is void. For the start only: who has it rules the deployment.
 */
export async function makeSetUpLink(services: Services): Promise<SetUpLink | null> {
  const { ledgers, settings } = services;
  const target = await firstOwner(services);
  const secret = makeLinkSecret(services.deps.random);
  const record = await ledgers.transact(DEPLOYMENT_ORG, {
    load: loadSetUpLink,
    plan(transaction, old): SetUpLinkRecord | null {
      if (target === null) {
        if (old !== null) transaction.delete(setUpLinkKey());
        return null;
      }
      const expires_at = transaction.now + SET_UP_MS;
      const made: SetUpLinkRecord = { hash: secretHash(secret), ...target, expires_at };
      transaction.set(setUpLinkKey(), made, { expireIn: SET_UP_MS });
      transaction.append({
        type: "set_up_link.made",
        actor: { type: "system", id: "set_up" },
        subject: target.org === null ? {} : { org: target.org },
        data: { expires_at: new Date(expires_at).toISOString() },
      });
      return made;
    },
  });
  if (record === null) return null;
  const url = new URL(pagePath("/set-up/:link", { link: secret }), settings.url).href;
  return { url, ...await shown(services, record) };
}

/** What a set-up link is for. @throws {Refusal} link_not_valid */
export async function seeSetUpLink(services: Services, link: string): Promise<SetUp> {
  const { deps } = services;
  const row = await readRecord(deps.kv, setUpLinkKey(), setUpLinkRecord);
  return await shown(services, openSetUpLink(row?.value ?? null, link, deps.now()));
}

/** The org that lacks an owner, and the owner it is to have; null when some owner has a passkey. */
async function firstOwner({ deps, settings }: Services): Promise<Target | null> {
  const expected: { org: string; email: string }[] = [];
  for await (
    const { key, value } of listRecords(deps.kv, { prefix: [...membersPrefix()] }, z.unknown())
  ) {
    const org = String(key[1]);
    const member = memberRecord.safeParse(value);
    if (!member.success) {
      // It may be an owner: who cannot be read must not be replaced by whoever reads the console.
      deps.log("error", "A member is malformed, so no set-up link is made", { org });
      return null;
    }
    const { role, has_passkey, email } = member.data;
    if (role === "owner" && has_passkey) return null;
    if (role === "owner") expected.push({ org, email });
  }
  const { owner } = settings.bootstrap;
  const one = expected.find(({ email }) => email === owner) ?? expected[0];
  return { org: one?.org ?? await firstOrg(deps.kv), email: owner ?? one?.email ?? null };
}

/** The oldest org; null when there is none besides the deployment's own. */
async function firstOrg(kv: Kv): Promise<string | null> {
  for await (const { key, value } of listRecords(kv, { prefix: [...orgPrefix()] }, z.unknown())) {
    const deleted = orgRecord.safeParse(value).data?.deleted_at !== undefined;
    if (key[1] !== DEPLOYMENT_ORG && !deleted) return String(key[1]);
  }
  return null;
}

async function shown(
  { ledgers }: Services,
  { org, email, expires_at }: SetUpLinkRecord,
): Promise<SetUp> {
  const organization = org === null ? null : await ledgers.transact(org, {
    plan: ({ snapshot }) => snapshot.exists ? snapshot.org.name : null,
  });
  return { organization, email, expires_at };
}

/**
 * What the start prints while the deployment has no owner with a passkey.
 * @param isPlatform whether a platform starts it, which has no command line and takes variables elsewhere
 */
export function setUpNotice(
  { url, organization, email, expires_at }: SetUpLink,
  isPlatform: boolean,
): string {
  const place = organization === null
    ? "the owner of a new organization"
    : `an owner of the organization "${organization}"`;
  const who = email === null ? "whoever opens it" : email;
  const until = new Date(expires_at).toISOString().slice(0, 16).replace("T", " ");
  const notice = `Nobody owns this deployment yet. Open this link where you want your passkey:

  ${url}

It makes ${who} ${place}.
It works once, until ${until} UTC; each start makes a new one in its place
until there is an owner with a passkey. Keep it to yourself.`;
  return organization === null ? `${notice}\n\n${withoutBrowser(isPlatform)}` : notice;
}

function withoutBrowser(isPlatform: boolean): string {
  const how = isPlatform
    ? `Without a browser, for REST only: make a key of your own by

  echo "cs_mgmt_$(openssl rand -hex 24)"

and deploy once with it in the environment variable COUNTERSIGN_BOOTSTRAP_KEY.`
    : `Without a browser, for REST only: stop, and start once with a key of your own:

  COUNTERSIGN_BOOTSTRAP_KEY="cs_mgmt_$(openssl rand -hex 24)" ${taskCommand("start")}`;
  return `${how}

That makes the organization "default" with this management key. Keep the key: it is not stored.`;
}

/**
 * Sends a code to the address that is to be the owner's. Whoever has the link names it, and the org,
 * unless the link is for certain ones.
 * @throws {Refusal} link_not_valid, invalid_request, too_many_codes
 */
export function sendSetUpCode(
  services: Services,
  { link, flow, organization, email: typed }: FollowedLink & {
    readonly organization: string | null;
    readonly email: string | null;
  },
  client: Client,
): Promise<CodeSent> {
  return sendLinkCode(services, flow, client, () => ({
    ...setUpTarget(link),
    asked(record, now) {
      const open = openSetUpLink(record, link, now);
      const email = open.email ?? typedAddress(typed);
      const data: z.infer<typeof setUpData> = {
        set_up: open.hash,
        email,
        organization: open.org === null ? typedOrgName(organization) : "",
      };
      return { email, data };
    },
  }));
}

/**
 * Takes the code, and asks for the passkey that it opens.
 * @throws {Refusal} link_not_valid, code_not_accepted, too_many_codes
 */
export function confirmSetUpCode(
  services: Services,
  { link, ...given }: FollowedLink & { readonly code: string },
  client: Client,
): Promise<Handout<PublicKeyCredentialCreationOptionsJSON>> {
  return confirmLinkCode(services, given, client, () => setUpTarget(link));
}

/**
 * Takes the first passkey of the first owner: account, org, membership, session and recovery codes
 * are one commit.
 * @throws {Refusal} link_not_valid, assertion_not_accepted
 */
export function finishSetUp(
  services: Services,
  { link, ...given }: FollowedLink & GivenPasskey,
  client: Client,
): Promise<FirstEntered> {
  return finishLink(services, given, client, async () => {
    const begun = setUpData.safeParse((await peekCeremony(services, given.nonce))?.data).data;
    if (begun === undefined) throw new Refusal("assertion_not_accepted", { why: "ceremony_ended" });
    const seat = await ownerSeat(services, link, begun.organization);
    return { ...seat, email: begun.email };
  });
}

/**
 * Makes somebody who is signed in already the first owner. No code: their passkey has shown who they
 * are.
 * @throws {Refusal} session_ended, link_not_valid, invalid_request
 */
export function acceptSetUp(
  services: Services,
  session: PresentedSession,
  { link, organization }: { readonly link: string; readonly organization: string | null },
  client: Client,
): Promise<{ readonly org: string }> {
  return acceptLink(services, session, client, () => ownerSeat(services, link, organization));
}

/** Reads the set-up link; the commit checks that it is still the one. */
async function loadSetUpLink(reader: Reader): Promise<SetUpLinkRecord | null> {
  return (await reader.get(setUpLinkKey(), setUpLinkRecord))?.value ?? null;
}

/** The set-up link that this text is the secret of. @throws {Refusal} link_not_valid */
function openSetUpLink(
  record: SetUpLinkRecord | null,
  link: string,
  now: number,
): SetUpLinkRecord {
  if (!opensLink(record, { link, lifetime: SET_UP_MS, now })) {
    throw new Refusal("link_not_valid", { why: "ended" });
  }
  return record;
}

/** Where codes are asked for: before there is an org, in the log of the deployment. */
function setUpTarget(link: string): LinkTarget<SetUpLinkRecord | null, SetUpLinkRecord> {
  return {
    by: "set_up",
    org: DEPLOYMENT_ORG,
    load: loadSetUpLink,
    open: ({ now }, record) => openSetUpLink(record, link, now),
  };
}

/**
 * The place that a set-up link leads to: of the owner of an org, which may be still to be made.
 * @param organization what a new org is to be called
 * @throws {Refusal} link_not_valid; invalid_request where the link makes an org and has no name for it
 */
async function ownerSeat(
  services: Services,
  link: string,
  organization: string | null,
): Promise<LinkedSeat<SetUpLinkRecord | null, SetUpLinkRecord>> {
  const { deps, ids, settings } = services;
  const row = await readRecord(deps.kv, setUpLinkKey(), setUpLinkRecord);
  const existing = openSetUpLink(row?.value ?? null, link, deps.now()).org;
  const org = existing ?? ids.make("org", deps.now());
  const { host } = settings.url;
  const makeOrg = existing === null
    ? await createOrgOperation(deps, { id: org, name: typedOrgName(organization), host }, SYSTEM)
    : null;
  return {
    by: "set_up",
    org,
    async load(reader) {
      // Read under a check: a start that makes the first org at this moment collides with this.
      if (makeOrg !== null) await reader.get(bootstrapKey(), bootstrapRecord);
      return await loadSetUpLink(reader);
    },
    open({ snapshot, now }, loaded) {
      const record = openSetUpLink(loaded, link, now);
      if (record.org !== existing || ownerEnrolled(snapshot)) {
        throw new Refusal("link_not_valid", { why: "ended" });
      }
      return record;
    },
    take(transaction, _open, email) {
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

/** Of keys, and of agents, for which nobody answers yet. */
const MOST_ANSWERED_FOR = 200;

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
