import { noted } from "../approvals/list.ts";
import { isRequester } from "../approvals/seen.ts";
import { eventsOf, openUntil, settledApproval } from "../approvals/state.ts";
import { firstId, idTime } from "../base/id.ts";
import { askerOf, type MachineCaller } from "../identity/caller.ts";
import { clocksAt } from "../ledger/clock.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import {
  approvalCountKey,
  approvalKey,
  approvalOpenPrefix,
  approvalPrefix,
  approvalReadyPrefix,
  type StoreKey,
} from "../store/keys.ts";
import { listRecords, readRecords } from "../store/kv.ts";
import { approvalPointer, type ApprovalRecord, approvalRecord } from "../store/records/approval.ts";
import type { ApprovalEventType } from "../store/records/event.ts";
import { type ToldApproval, toldApproval } from "./told.ts";

/**
 * What a requester hears of its own requests while it listens: the events that endpoints are told,
 * each once and in the order of each request. Nothing is written for it. It looks at the requests
 * themselves, and the record of one tells which events it has had; so what another node did is heard
 * as well, and nothing is missed that came and went between two looks.
 */

/** Requests of the org that are looked at for the requester's own when it begins to listen. */
const LOOKED_AT_FIRST = 200;

/** Requests that are looked at for new ones in one look; the next goes on from there. */
const LOOKED_AT = 500;

/** Requests that were decided and may still be taken back: so many, the newest, are followed. */
const DECIDED_FOLLOWED = 50;

/** One event of a request of the caller's own. */
export interface OwnEvent {
  readonly event: ApprovalEventType;
  readonly data: ToldApproval;
}

/** What is known of a request that may still move. */
interface Followed {
  /** How many of its events were told. */
  readonly told: number;
  readonly isPending: boolean;
  /** When it ends by itself, milliseconds; null where it does not. */
  readonly until: number | null;
}

/** Who listens, as the policy of this moment has them. */
export interface Hearer {
  readonly caller: MachineCaller;
  readonly snapshot: Snapshot;
}

/** The requests of one caller, from look to look. */
export class OwnRequests {
  readonly #followed = new Map<string, Followed>();
  /** Where the next look for new requests begins: the first id of the millisecond seen last. */
  #from = "";
  /** The caller's own of that millisecond, which the next look finds again. */
  readonly #again = new Set<string>();

  private constructor(readonly services: Pick<Services, "deps" | "ledgers" | "settings">) {}

  /** Begins to listen: what has happened by now is no news. @throws {MalformedRecord} */
  static async begin(
    services: Pick<Services, "deps" | "ledgers" | "settings">,
    { caller, snapshot }: Hearer,
  ): Promise<OwnRequests> {
    const own = new OwnRequests(services);
    const { kv } = services.deps;
    const org = snapshot.orgId;
    const newest = await Array.fromAsync(
      listRecords(kv, { prefix: approvalPrefix(org) }, approvalRecord, {
        reverse: true,
        limit: LOOKED_AT_FIRST,
        batchSize: LOOKED_AT_FIRST,
      }),
      ({ value }) => value,
    );
    // Others could have been made since, which then are news.
    const last = newest[0]?.id ?? "";
    for (const record of newest.reverse()) {
      if (own.#isNew(caller, record)) own.#follow(record);
    }
    const pointers: string[] = [];
    const asker = askerOf(caller);
    for (const prefix of [approvalOpenPrefix(org, asker), approvalReadyPrefix(org, asker)]) {
      for await (const { value } of listRecords(kv, { prefix }, approvalPointer)) {
        if (value.id <= last && !own.#followed.has(value.id)) pointers.push(value.id);
      }
    }
    const keys = pointers.map((id) => approvalKey(org, id));
    for await (const record of readRecords(kv, keys, approvalRecord)) {
      if (record !== null && isRequester(caller, record)) own.#follow(record);
    }
    return own;
  }

  /** Rows that change with what is listened to, on whatever node. */
  rows({ caller, snapshot }: Hearer): StoreKey[] {
    const org = snapshot.orgId;
    // Every move of what is pending writes the first; what was decided moves by itself.
    const decided = [...this.#followed].filter(([, { isPending }]) => !isPending);
    return [
      approvalCountKey(org, caller.id),
      ...decided.map(([id]) => approvalKey(org, id)),
    ];
  }

  /** When one of them ends by itself, milliseconds; null for none. */
  get due(): number | null {
    const ends = [...this.#followed.values()].flatMap(({ until }) => until ?? []);
    return ends.length === 0 ? null : Math.min(...ends);
  }

  /**
   * What happened since the last look.
   * @throws {MalformedRecord}, {StoreUnavailable}, {CannotOpen}
   */
  async look(hearer: Hearer): Promise<OwnEvent[]> {
    const { kv } = this.services.deps;
    const org = hearer.snapshot.orgId;
    const events: OwnEvent[] = [];
    const keys = [...this.#followed.keys()].map((id) => approvalKey(org, id));
    for await (const record of readRecords(kv, keys, approvalRecord)) {
      if (record !== null) events.push(...await this.#eventsOf(hearer, record));
    }
    for (const record of await this.#made(hearer)) {
      events.push(...await this.#eventsOf(hearer, record));
    }
    return events;
  }

  /** The caller's own that were made since the last look. */
  async #made({ caller, snapshot }: Hearer): Promise<ApprovalRecord[]> {
    const { kv } = this.services.deps;
    const prefix = approvalPrefix(snapshot.orgId);
    const made: ApprovalRecord[] = [];
    for (let more = true; more;) {
      const start = this.#from;
      const range = start === "" ? { prefix } : { prefix, start: [...prefix, start] };
      const options = { limit: LOOKED_AT, batchSize: 100 };
      let found = 0;
      for await (const { value } of listRecords(kv, range, approvalRecord, options)) {
        found++;
        if (this.#isNew(caller, value)) made.push(value);
      }
      more = found === LOOKED_AT && this.#from !== start;
    }
    return made;
  }

  async #eventsOf({ snapshot }: Hearer, stored: ApprovalRecord): Promise<OwnEvent[]> {
    const { services } = this;
    const org = snapshot.orgId;
    const settled = settledApproval(stored, snapshot, clocksAt(services.deps.now()));
    // What time or the policy did is told by the commit that notes it, as to every endpoint.
    const record = settled === stored ? stored : await noted(services, org, stored);
    const fresh = eventsOf(record).slice(this.#followed.get(record.id)?.told ?? 0);
    this.#follow(record);
    return fresh.map((event) => ({ event, data: toldApproval(services, org, event, record) }));
  }

  /** Whether a request of the org is the caller's and was not seen before. */
  #isNew(caller: MachineCaller, record: ApprovalRecord): boolean {
    const { id } = record;
    const from = firstId("apr", idTime(id) ?? 0);
    if (from > this.#from) {
      this.#from = from;
      this.#again.clear();
    }
    if (!isRequester(caller, record) || this.#again.has(id)) return false;
    this.#again.add(id);
    return !this.#followed.has(id);
  }

  /** Goes on looking at a request, all of whose events are told, as long as it may have others. */
  #follow(record: ApprovalRecord): void {
    const { id, progress: { state } } = record;
    this.#followed.delete(id);
    const isPending = state === "pending";
    if (!isPending && !["approved", "used", "lapsed"].includes(state)) return;
    const until = isPending ? openUntil(record) : null;
    this.#followed.set(id, { told: eventsOf(record).length, isPending, until });
    const decided = [...this.#followed].filter(([, { isPending }]) => !isPending);
    const over = Math.max(0, decided.length - DECIDED_FOLLOWED);
    for (const [oldest] of decided.slice(0, over)) this.#followed.delete(oldest);
  }
}
