import type { JsonObject } from "../base/json.ts";
import { pagePath } from "../base/page_path.ts";
import { asking, unanswered } from "../endpoints/ask.ts";
import { HEALTHY } from "../endpoints/health.ts";
import { hearingOf, loadHearing, putHearing, removeHearing } from "../endpoints/hearing.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf, type Caller } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { PrivateHosts } from "../outside/addresses.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { type Kv, listRecords } from "../store/kv.ts";
import { channelKey, channelPrefix, channelSecretKey } from "../store/news_keys.ts";
import {
  type ChannelKind,
  type ChannelRecord,
  channelRecord,
  type ChannelSettings,
} from "../store/records/channel.ts";
import type { Hearing } from "../store/records/endpoint.ts";
import type { ApprovalEventType } from "../store/records/event.ts";
import { testCard } from "./card.ts";
import { assertSecret, fieldsOf, type GivenFields, settingsOf } from "./given.ts";
import { CHANNELS, storeSecret, tell } from "./sending.ts";

/**
 * Channels as an org has them: made, changed, tried, removed. Each write is one commit with its entry.
 * What a channel is reached by goes in and never comes out.
 */

/** How many an org may have. */
export const MOST_CHANNELS = 20;

/** A channel as it is asked for. */
export interface NewChannel {
  readonly name: string;
  readonly kind: ChannelKind;
  /** Empty where its kind needs none. */
  readonly secret: string;
  /** What its kind asks for besides: see `ASKED`. */
  readonly fields: GivenFields;
  readonly events: readonly ApprovalEventType[];
  readonly scope: ChannelRecord["scope"];
}

/** What is to be another way; what is absent stays. The kind always does. */
export type ChannelChange = Partial<Omit<NewChannel, "kind">> & {
  readonly status?: ChannelRecord["status"];
};

/** By what request it is written, and which hosts may be private. */
export interface ChannelWrite {
  readonly request_id: string;
  readonly named: PrivateHosts;
}

const DEED = "Telling a channel of requests";

/**
 * Makes a channel.
 * @throws {Refusal} invalid_request, too_many_channels, role_required, recovery_held,
 *   fresh_assertion_required
 */
export function createChannel(
  asked: NewChannel,
  write: ChannelWrite,
): CallerOperation<readonly Hearing[], ChannelRecord> {
  return {
    load: loadHearing,
    plan(transaction, caller, hearing) {
      demand(caller, "send_outside", DEED);
      return makeChannel(transaction, caller, hearing, asked, write);
    },
  };
}

/** Puts a new channel into the commit, for a caller of whom it was demanded already. */
export function makeChannel(
  transaction: Transaction,
  caller: Caller,
  hearing: readonly Hearing[],
  { kind, name, secret, fields, events, scope }: NewChannel,
  { request_id, named }: ChannelWrite,
): ChannelRecord {
  const settings = settingsOf(kind, fields, named);
  assertSecret(kind, secret, named);
  const have = hearing.filter((one) => one.kind === "channel").length;
  if (have >= MOST_CHANNELS) throw new Refusal("too_many_channels", { most: MOST_CHANNELS });
  const record: ChannelRecord = {
    id: transaction.id("chn"),
    name,
    settings,
    events: [...events],
    scope,
    ...HEALTHY,
    last_success_at: null,
    created_at: transaction.at,
  };
  storeSecret(transaction, record.id, secret);
  storeChannel(transaction, hearing, record);
  append(transaction, caller, "channel.made", record, {
    data: { events: record.events, scope, request_id },
    hidden: { name, ...fieldsOf(settings) },
  });
  return record;
}

/** A channel that is there, and who hears of what besides. */
interface LoadedChannel {
  /** Null when there is none. */
  readonly record: ChannelRecord | null;
  readonly hearing: readonly Hearing[];
}

/**
 * Changes a channel. One that is set active again counts as sound until it fails anew, and one that
 * moves to another address is given its secret with it.
 * @throws {Refusal} not_found, invalid_request, role_required, recovery_held, fresh_assertion_required
 */
export function changeChannel(
  id: string,
  change: ChannelChange,
  { request_id, named }: ChannelWrite,
): CallerOperation<LoadedChannel, ChannelRecord> {
  return {
    load: (reader) => loadChannel(reader, id),
    plan(transaction, caller, { record, hearing }) {
      const old = found(id, record);
      const { name, secret, fields, events, scope, status } = change;
      const tellsMore = status === "active" ||
        [secret, fields, events, scope].some((part) => part !== undefined);
      if (tellsMore) demand(caller, "send_outside", DEED);
      else demand(caller, "configure");
      const { kind } = old.settings;
      // What is not changed is not judged anew: a host that is named no more must not keep it active.
      const settings = fields === undefined
        ? old.settings
        : settingsOf(kind, fields, named, fieldsOf(old.settings));
      // A secret does not go along to another address: who names one would be told it.
      const given = secret ?? (hasMoved(old.settings, settings) ? "" : undefined);
      if (given !== undefined) {
        assertSecret(kind, given, named);
        storeSecret(transaction, id, given);
      }
      const isTurned = status !== undefined && status !== old.status;
      const next: ChannelRecord = {
        ...old,
        name: name ?? old.name,
        settings,
        events: events === undefined ? old.events : [...events],
        scope: scope ?? old.scope,
        ...(isTurned ? { ...HEALTHY, status } : {}),
      };
      storeChannel(transaction, hearing, next);
      append(transaction, caller, "channel.changed", next, {
        data: {
          ...(events === undefined ? {} : { events: next.events }),
          ...(scope === undefined ? {} : { scope }),
          ...(status === undefined ? {} : { status }),
          ...(given === undefined ? {} : { secret_replaced: true }),
          request_id,
        },
        hidden: {
          ...(name === undefined ? {} : { name }),
          ...(fields === undefined ? {} : fieldsOf(settings)),
        },
      });
      return next;
    },
  };
}

/**
 * Whether a channel is at another address than before. One path of a host can be a server of other
 * people's than the next.
 */
function hasMoved(before: ChannelSettings, after: ChannelSettings): boolean {
  const addressOf = (settings: ChannelSettings) =>
    "url" in settings ? new URL(settings.url).href.replace(/\/*$/, "") : null;
  return addressOf(before) !== addressOf(after);
}

/** Removes a channel: it is told nothing any more. @throws {Refusal} not_found, role_required */
export function removeChannel(
  id: string,
  request_id: string,
): CallerOperation<LoadedChannel, ChannelRecord> {
  return {
    load: (reader) => loadChannel(reader, id),
    plan(transaction, caller, { record, hearing }) {
      const old = found(id, record);
      demand(caller, "configure");
      const org = transaction.snapshot.orgId;
      transaction.delete(channelKey(org, id));
      transaction.delete(channelSecretKey(org, id));
      removeHearing(transaction, hearing, id);
      append(transaction, caller, "channel.removed", old, { data: { request_id } });
      return old;
    },
  };
}

/** One channel, for whoever may look. @throws {Refusal} not_found */
export function readChannel(id: string): CallerOperation<ChannelRecord | null, ChannelRecord> {
  return {
    load: (reader) => CHANNELS.load(reader, id),
    plan: (_transaction, _caller, record) => found(id, record),
  };
}

/** The channels of an org, the oldest first. @throws {MalformedRecord} */
export async function listChannels(kv: Kv, org: string): Promise<ChannelRecord[]> {
  const rows = listRecords(kv, { prefix: channelPrefix(org) }, channelRecord);
  return await Array.fromAsync(rows, ({ value }) => value);
}

/** How many tests a channel takes in a minute: each is a message to people. */
const TESTS_A_MINUTE = 5;

/** What came of a test. */
export interface ChannelTest {
  readonly outcome: "sent" | "failed";
  /** Null where nobody answered. */
  readonly status: number | null;
  /** Why it failed, scrubbed, at most 256 characters; null where it did not. */
  readonly answer: string | null;
}

/**
 * Tells a channel that it was asked to, and waits for what comes of it. It changes nothing: neither
 * how sound the channel counts, nor whether it is active.
 * @throws {Refusal} rate_limited
 */
export async function testChannel(
  services: Pick<Services, "deps" | "ledgers" | "settings" | "rateLimits">,
  org: string,
  channel: ChannelRecord,
): Promise<ChannelTest> {
  const { deps, settings, rateLimits } = services;
  const limit = { id: `test ${channel.id}`, rate_limit_per_minute: TESTS_A_MINUTE };
  rateLimits.take(limit, deps.now());
  const card = testCard(settings.url.origin + pagePath("/notifications"));
  const known = { incident: null, tried: false };
  const outcome = await tell(services, asking(deps.hosts), { org, channel }, { card, known })
    .catch(unanswered);
  if (outcome === null) throw new Refusal("not_found", { what: `channel ${channel.id}` });
  switch (outcome.type) {
    case "sent":
      return { outcome: "sent", status: outcome.status, answer: null };
    case "busy":
      return { outcome: "failed", status: null, answer: "Too much is on its way to that host." };
    default:
      return { outcome: "failed", status: outcome.status, answer: outcome.error };
  }
}

async function loadChannel(reader: Reader, id: string): Promise<LoadedChannel> {
  const [record, hearing] = await Promise.all([CHANNELS.load(reader, id), loadHearing(reader)]);
  return { record, hearing };
}

/** @throws {Refusal} not_found */
function found(id: string, record: ChannelRecord | null): ChannelRecord {
  if (record === null) throw new Refusal("not_found", { what: `channel ${id}` });
  return record;
}

function storeChannel(
  transaction: Transaction,
  hearing: readonly Hearing[],
  record: ChannelRecord,
): void {
  CHANNELS.store(transaction, record);
  putHearing(transaction, hearing, hearingOf("channel", record, CHANNELS.scopeOf(record)));
}

/** Names, addresses and numbers of chats are kept apart: they say more than a log is to show. */
function append(
  transaction: Transaction,
  caller: Caller,
  type: "channel.made" | "channel.changed" | "channel.removed",
  { id, settings: { kind } }: ChannelRecord,
  { data, hidden = {} }: { readonly data: JsonObject; readonly hidden?: JsonObject },
): void {
  transaction.append({
    type,
    actor: actorOf(caller),
    subject: { channel: id },
    data: { kind, ...data },
    ...(Object.keys(hidden).length === 0 ? {} : { private: hidden }),
  });
}
