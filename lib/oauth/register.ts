import type { Client } from "../identity/client.ts";
import type { JsonValue } from "../json/json_value.ts";
import { isWithin } from "../ledger/clock.ts";
import type { Reader } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG, oauthClientKey, oauthRegistrationsKey } from "../store/keys.ts";
import { type RegisteredClient, registrationTimes } from "../store/records/oauth.ts";
import { CLIENT_NEW_MS } from "./client.ts";
import { redirectTarget } from "./redirect_uri.ts";
import { parseRegistration, type RegistrationFault } from "./registration_request.ts";

const HOUR = 60 * 60 * 1000;

/** Registrations an hour from one address; hosts in a cloud share one between many people. */
export const REGISTRATIONS_OF_ONE = 30;

/**
 * Registrations an hour in all: with `CLIENT_NEW_MS` and the size of one it bounds what strangers can
 * make the store hold.
 */
export const REGISTRATIONS_OF_ALL = 300;

const REDIRECTS_TOLD = 3;

/** Characters of one. */
const REDIRECT_TOLD = 100;

/** More clients registered within the hour than may. */
export interface TooManyRegistrations {
  readonly retry_after_seconds: number;
}

/**
 * Registers a client that nobody vouches for (RFC 7591). It grants nothing: a person is asked each
 * time, and told that the name is the client's own word. Without a use it ends in a week.
 * @throws {StoreUnavailable}
 */
export async function registerClient(
  { ledgers, deps }: Services,
  body: JsonValue,
  client: Client,
): Promise<RegisteredClient | RegistrationFault | TooManyRegistrations> {
  const asked = parseRegistration(body);
  if ("error" in asked) return asked;
  const source = deps.sealer.mac("registration", sourceOf(client.ip)).toHex();
  return await ledgers.transact(DEPLOYMENT_ORG, {
    load: async (reader) => ({
      one: await timesOf(reader, source),
      all: await timesOf(reader, "all"),
    }),
    plan(transaction, { one, all }): RegisteredClient | TooManyRegistrations {
      const { at, now } = transaction;
      for (
        const [times, most] of [[one, REGISTRATIONS_OF_ONE], [all, REGISTRATIONS_OF_ALL]] as const
      ) {
        const [oldest] = times.slice(-most);
        if (times.length >= most && oldest !== undefined) {
          return { retry_after_seconds: Math.max(1, Math.ceil((oldest + HOUR - now) / 1000)) };
        }
      }
      const record: RegisteredClient = {
        id: transaction.id("ocl"),
        name: asked.name,
        redirect_uris: [...asked.redirect_uris],
        created_at: at,
        used_at: now,
        expires_at: now + CLIENT_NEW_MS,
      };
      transaction.set(oauthClientKey(record.id), record, { expireIn: CLIENT_NEW_MS });
      transaction.append({
        type: "oauth.registered",
        actor: { type: "system", id: "registration" },
        subject: { client: record.id },
        data: {
          client_name: record.name,
          ...shownRedirects(record),
          request_id: client.request_id,
        },
        private: { client: { ip: client.ip, user_agent: client.user_agent } },
      });
      for (const [name, times] of [[source, one], ["all", all]] as const) {
        transaction.set(oauthRegistrationsKey(name), { at: [...times, now] }, { expireIn: HOUR });
      }
      return record;
    },
  });
}

/**
 * Where answers to a client may go, as far as an entry has room: strangers make these, and no log is
 * to grow by whatever they send.
 */
function shownRedirects({ redirect_uris }: RegisteredClient) {
  const targets = [...new Set(redirect_uris.map((uri) => redirectTarget(uri).shown))];
  return {
    redirects: targets.slice(0, REDIRECTS_TOLD).map((target) => target.slice(0, REDIRECT_TOLD)),
    redirect_uris: redirect_uris.length,
  };
}

/** What counts as one address: of IPv6 the network of a customer, who has all addresses in it. */
export function sourceOf(ip: string | null): string {
  if (ip === null) return "unknown";
  if (!ip.includes(":")) return ip;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = ip.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill("0"), ...after];
  return groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "").toLowerCase()).join(":");
}

/** Times of registrations within the last hour. */
async function timesOf(reader: Reader, source: string): Promise<number[]> {
  const row = await reader.get(oauthRegistrationsKey(source), registrationTimes);
  return (row?.value.at ?? []).filter((time) => isWithin(HOUR, time, reader.now));
}
