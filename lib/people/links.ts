import { timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { secretHash } from "../identity/credentials.ts";
import { stillLasts } from "../ledger/clock.ts";
import type { Reader } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG, membersPrefix, orgPrefix, setUpLinkKey } from "../store/keys.ts";
import { type Kv, listRecords, readRecord } from "../store/kv.ts";
import { memberRecord } from "../store/records/identity.ts";
import { type SetUpLinkRecord, setUpLinkRecord } from "../store/records/people.ts";
import { orgRecord } from "../store/records/policy.ts";
import { taskCommand } from "../store/system.ts";

const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** What makes a link nobody else's: 32 random bytes in base64url. */
export function makeLinkSecret(random: (bytes: number) => Uint8Array): string {
  return random(32).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** What the store keeps of a link; null for text that cannot be of one. */
export function linkHash(secret: string): string | null {
  return SECRET.test(secret) ? secretHash(secret) : null;
}

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
export interface SetUpLink extends SetUp {
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
    load: async (reader) => (await reader.get(setUpLinkKey(), setUpLinkRecord))?.value ?? null,
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
  const url = new URL(`/set-up/${secret}`, settings.url).href;
  return { url, ...await shown(services, record) };
}

/** What a set-up link is for. @throws {Refusal} link_not_valid */
export async function seeSetUpLink(services: Services, link: string): Promise<SetUp> {
  const { deps } = services;
  const row = await readRecord(deps.kv, setUpLinkKey(), setUpLinkRecord);
  return await shown(services, openSetUpLink(row?.value ?? null, link, deps.now()));
}

/** Reads the set-up link; the commit checks that it is still the one. */
export async function loadSetUpLink(reader: Reader): Promise<SetUpLinkRecord | null> {
  return (await reader.get(setUpLinkKey(), setUpLinkRecord))?.value ?? null;
}

/** The set-up link that this text is the secret of. @throws {Refusal} link_not_valid */
export function openSetUpLink(
  record: SetUpLinkRecord | null,
  link: string,
  now: number,
): SetUpLinkRecord {
  const hash = linkHash(link);
  const opens = record !== null && hash !== null && stillLasts(record.expires_at, SET_UP_MS, now) &&
    timingSafeEqual(new TextEncoder().encode(hash), new TextEncoder().encode(record.hash));
  if (!opens) throw new Refusal("link_not_valid", { why: "ended" });
  return record;
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

/** What the start prints while the deployment has no owner with a passkey. */
export function setUpNotice({ url, organization, email, expires_at }: SetUpLink): string {
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
  return organization === null ? `${notice}\n\n${withoutBrowser()}` : notice;
}

function withoutBrowser(): string {
  return `Without a browser, for REST only: stop, and start once with a key of your own:

  COUNTERSIGN_BOOTSTRAP_KEY="cs_mgmt_$(openssl rand -hex 24)" ${taskCommand("start")}

That makes the organization "default" with this management key. Keep the key: it is not stored.`;
}
