import { Buffer } from "node:buffer";
import type { Deps } from "../deps.ts";
import type { StoreKey } from "../store/keys.ts";
import { commitMarked, isUnfit, keyText, writeMark } from "../store/kv.ts";
import { ProcessClock } from "./clock.ts";
import type { CommitPart } from "./commit.ts";
import { type CommitLimits, KV_LIMITS, LEDGER_CHECKS } from "./commit_limits.ts";
import { type CommitAnswer, OrgLedger, type Seat } from "./ledger.ts";
import type { Operation } from "./transaction.ts";
import type { Accepted } from "../refusal.ts";

/**
 * The ledgers of all orgs that this process has to do with, how they share commits, and who listens
 * for what they commit.
 */

/** A wait for news of one topic. */
export interface Listening {
  /** Resolves at the first news after `listen` was called. */
  readonly news: Promise<void>;
  stop(): void;
}

/** The ledgers of all orgs in this process, and who waits here for what they commit. */
export class Ledgers {
  readonly #orgs = new Map<string, OrgLedger>();
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #commits: SharedCommits;
  readonly clock: ProcessClock;

  constructor(readonly deps: Deps, readonly limits: CommitLimits = KV_LIMITS) {
    this.clock = new ProcessClock(deps);
    this.#commits = new SharedCommits(deps, limits);
  }

  of(org: string): OrgLedger {
    let ledger = this.#orgs.get(org);
    if (ledger === undefined) {
      const announce = (topics: readonly string[]) => this.#announce(topics);
      ledger = new OrgLedger(this.deps, org, announce, this.clock, this.#commits.seat());
      this.#orgs.set(org, ledger);
    }
    return ledger;
  }

  /** See `OrgLedger.transact`. */
  transact<L, R>(org: string, operation: Operation<L, R>, since?: number): Promise<Accepted<R>> {
    return this.of(org).transact(operation, since);
  }

  /**
   * Listens for a topic that this process commits. News from other nodes do not come here: whoever
   * waits also looks by itself from time to time.
   */
  listen(topic: string): Listening {
    const { promise, resolve } = Promise.withResolvers<void>();
    let listeners = this.#listeners.get(topic);
    if (listeners === undefined) this.#listeners.set(topic, listeners = new Set());
    listeners.add(resolve);
    const stop = () => {
      listeners.delete(resolve);
      const current = this.#listeners.get(topic);
      if (current === listeners && listeners.size === 0) this.#listeners.delete(topic);
    };
    return { news: promise, stop };
  }

  #announce(topics: readonly string[]): void {
    for (const topic of topics) {
      for (const listener of this.#listeners.get(topic) ?? []) listener();
    }
  }
}

/** A part that waits for the store. */
interface Ready {
  readonly seat: OrgSeat;
  readonly part: CommitPart;
  /** When it was handed over, by the clock that only counts on. */
  readonly since: number;
  isAlone: boolean;
  readonly resolve: (answer: CommitAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** What is planned for longer before it goes to the store is planned anew, milliseconds. */
const STALE_MS = 1000;

/** How many commits an org makes by itself after a refusal: the more, the more follow one another. */
const FEWEST_APART = 8;
const MOST_APART = 512;

/** The place of one org, and what is remembered of its refusals. */
export class OrgSeat implements Seat {
  #apart = 0;
  #nextApart = FEWEST_APART;

  constructor(readonly shared: SharedCommits) {}

  get limits(): CommitLimits {
    return this.shared.limits;
  }

  get isShared(): boolean {
    return this.shared.lastParts > 1;
  }

  turn(): Promise<void> | null {
    return this.shared.turn(this);
  }

  pass(): void {
    this.shared.pass(this);
  }

  commit(part: CommitPart, isAlone: boolean): Promise<CommitAnswer> {
    return this.shared.commit(this, part, isAlone || this.#apart > 0);
  }

  /** A part of this org landed. */
  landed(): void {
    if (this.#apart > 0) this.#apart--;
    else this.#nextApart = FEWEST_APART;
  }

  /** A part of this org failed by itself, so it would have failed all that shared its commit. */
  failed(): void {
    this.#apart = this.#nextApart;
    this.#nextApart = Math.min(2 * this.#nextApart, MOST_APART);
  }
}

/**
 * The commits of all orgs of this process on their way to the store, which makes one of several orgs
 * in little more time than one of a single org. What orgs have to commit when it becomes free goes
 * there together, as parts of one commit, each with its own checks, its own mark and its own answer.
 */
export class SharedCommits {
  /** Who waits to plan, until the store is free: what is planned late carries more. */
  readonly #asking: { seat: OrgSeat; begin: () => void }[] = [];
  /** How often somebody began to wait. */
  #asked = 0;
  /** Who plans just now; those in `#ready` wait for them, but not until they have read anything. */
  readonly #planning = new Set<OrgSeat>();
  readonly #ready: Ready[] = [];
  /** Whose part just landed, until they say whether they have more to commit. */
  readonly #unheard = new Set<OrgSeat>();
  /** How many parts the commit before had. */
  lastParts = 0;
  #underWay = 0;
  #isGathering = false;
  #isIdling = false;
  #isEnding = false;

  constructor(
    readonly deps: Pick<Deps, "kv" | "monotonic" | "afterTurn">,
    readonly limits: CommitLimits,
  ) {}

  /** A new place. */
  seat(): OrgSeat {
    return new OrgSeat(this);
  }

  /** When an org may plan what it commits next; null for at once. */
  turn(seat: OrgSeat): Promise<void> | null {
    this.#planning.delete(seat);
    const isOn = this.#unheard.delete(seat);
    const isFirst = this.#asking.length === 0 && this.#unheard.size === 0;
    if (this.#isFree && isFirst && this.lastParts < 2) {
      this.#planning.add(seat);
      return null;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#asking.push({ seat, begin: resolve });
    this.#asked++;
    if (!this.#isFree) this.#idle();
    else if (isOn) this.#go();
    else this.#gather();
    return promise;
  }

  /** Where several orgs commit, waits for what has come from outside by now, and for nothing else. */
  #gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.deps.afterTurn(() => {
      this.#isGathering = false;
      this.#go();
    });
  }

  /**
   * Lets those plan who wait for the store, once nobody comes any more: the thread would wait with
   * them, and have all of it to do when the store is free.
   */
  #idle(): void {
    if (this.#isIdling) return;
    this.#isIdling = true;
    const asked = this.#asked;
    this.deps.afterTurn(() => {
      this.#isIdling = false;
      if (this.#isFree) return;
      if (this.#asked === asked) this.#wake();
      else this.#idle();
    });
  }

  /** An org plans no longer, and has nothing more to commit. */
  pass(seat: OrgSeat): void {
    const isHeard = this.#unheard.delete(seat);
    if (this.#planning.delete(seat) || isHeard) this.#go();
  }

  /** See `Seat.commit`. */
  commit(seat: OrgSeat, part: CommitPart, isAlone: boolean): Promise<CommitAnswer> {
    this.#planning.delete(seat);
    this.#unheard.delete(seat);
    const { promise, resolve, reject } = Promise.withResolvers<CommitAnswer>();
    const since = this.deps.monotonic();
    this.#ready.push({ seat, part, since, isAlone, resolve, reject });
    this.#go();
    return promise;
  }

  get #isFree(): boolean {
    return this.#underWay < this.limits.atOnce;
  }

  /** Does what can be done now: wakes who may plan, or sends what is planned. */
  #go(): void {
    if (this.#isGathering || this.#unheard.size > 0) return;
    if (this.#isFree) this.#wake();
    if (this.#planning.size > 0) {
      if (this.#ready.length > 0) this.#endPlanning();
      return;
    }
    while (this.#isFree && this.#ready.length > 0) {
      const parts = this.#pack();
      if (parts.length > 0) void this.#send(parts);
    }
    if (this.#isFree && this.#asking.length > 0) this.#go();
  }

  /** Lets as many plan as one commit has room for. */
  #wake(): void {
    const room = Math.floor((this.limits.checks + LEDGER_CHECKS) / LEDGER_CHECKS);
    const count = Math.max(room - this.#ready.length - this.#planning.size, 0);
    for (const { seat, begin } of this.#asking.splice(0, count)) {
      this.#planning.add(seat);
      begin();
    }
  }

  /** Waits for those who plan without waiting for the store themselves, and for no others. */
  #endPlanning(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.deps.afterTurn(() => {
      this.#isEnding = false;
      this.#planning.clear();
      this.#go();
    });
  }

  /** Takes the parts of the next commit from those that are ready: the first of them, and what fits. */
  #pack(): Ready[] {
    const before = this.deps.monotonic() - STALE_MS;
    const waiting = this.#ready.splice(0);
    const fresh = waiting.filter(({ since }) => since >= before);
    for (const { since, resolve } of waiting) if (since < before) resolve({ ok: false });
    const first = fresh.shift();
    if (first === undefined) return [];
    if (first.isAlone || fresh.length === 0) {
      this.#ready.push(...fresh);
      return [first];
    }
    const room = new Room(this.limits);
    room.take(first.part);
    const parts = [first];
    for (const ready of fresh) {
      if (ready.isAlone || !room.has(ready.part)) this.#ready.push(ready);
      else {
        room.take(ready.part);
        parts.push(ready);
      }
    }
    return parts;
  }

  async #send(parts: readonly Ready[]): Promise<void> {
    this.#underWay++;
    this.lastParts = parts.length;
    const [first] = parts;
    const isAlone = parts.length === 1;
    let isSent = false;
    try {
      if (first === undefined) return;
      const operation = this.deps.kv.atomic();
      for (const { part } of parts) put(operation, part);
      isSent = true;
      // All landed or none did, so one mark tells of all.
      const answer = await commitMarked(this.deps.kv, operation, first.part.mark);
      if (answer.ok || isAlone) {
        for (const { seat, resolve } of parts) {
          if (answer.ok) {
            seat.landed();
            this.#unheard.add(seat);
          } else seat.failed();
          resolve(answer);
        }
      } else this.#separate(parts);
    } catch (error) {
      if (!isAlone && (!isSent || isUnfit(error))) this.#separate(parts);
      else {
        for (const { seat, reject } of parts) {
          if (isAlone) seat.failed();
          reject(error);
        }
      }
    } finally {
      this.#underWay--;
      if (this.#unheard.size > 0) this.#hear();
      this.#go();
    }
  }

  /** Waits for what those do at once whose parts landed, and no longer: they may have gone. */
  #hear(): void {
    this.deps.afterTurn(() => {
      this.#unheard.clear();
      this.#go();
    });
  }

  /** What failed together says nothing of any one: each is committed by itself, before all others. */
  #separate(parts: readonly Ready[]): void {
    for (const ready of parts) ready.isAlone = true;
    this.#ready.unshift(...parts);
  }
}

/** Puts a part into a commit. */
function put(operation: Deno.AtomicOperation, part: CommitPart): void {
  for (const { key, versionstamp } of part.checks) {
    operation.check({ key: key as Deno.KvKey, versionstamp });
  }
  for (const { key, value, expireIn } of part.writes) {
    if (value === undefined) operation.delete(key as Deno.KvKey);
    else operation.set(key as Deno.KvKey, value, expireIn === undefined ? {} : { expireIn });
  }
  for (const { value, delay } of part.messages) operation.enqueue(value, { delay });
  if (part.marksItself) writeMark(operation, part.mark);
}

/** What a commit has room for beside the parts that it has. */
class Room {
  #checks: number;
  #mutations: number;
  #bytes: number;
  #keyBytes: number;
  readonly #orgs = new Set<unknown>();
  /** Of the rows with the name of another org, or none: those checked, those written, whose they are. */
  readonly #checked = new Set<string>();
  readonly #written = new Set<string>();
  readonly #named = new Set<unknown>();

  constructor({ checks, mutations, bytes, keyBytes }: CommitLimits) {
    this.#checks = checks + LEDGER_CHECKS;
    this.#mutations = mutations;
    this.#bytes = bytes;
    this.#keyBytes = keyBytes;
  }

  /**
   * Whether a part fits in. One that writes what another checks or writes does not: each was planned
   * as if the other did not exist. A row that is named after an org is looked at only where a part of
   * another org has it, and then the two do not go together.
   */
  has(part: CommitPart): boolean {
    const own = part.marksItself ? 1 : 0;
    return part.checks.length + own <= this.#checks &&
      part.writes.length + part.messages.length + own <= this.#mutations &&
      part.bytes <= this.#bytes && part.keyBytes <= this.#keyBytes &&
      !this.#named.has(part.org) && !this.#orgs.has(part.org) &&
      part.checks.every(({ key }) => isOwn(part, key) || this.#spares(key, this.#written)) &&
      part.writes.every(({ key }) =>
        isOwn(part, key) || this.#spares(key, this.#written) && this.#spares(key, this.#checked)
      );
  }

  take(part: CommitPart): void {
    const own = part.marksItself ? 1 : 0;
    this.#checks -= part.checks.length + own;
    this.#mutations -= part.writes.length + part.messages.length + own;
    this.#bytes -= part.bytes;
    this.#keyBytes -= part.keyBytes;
    this.#orgs.add(part.org);
    for (const { key } of part.checks) if (!isOwn(part, key)) this.#note(key, this.#checked);
    for (const { key } of part.writes) if (!isOwn(part, key)) this.#note(key, this.#written);
  }

  #spares(key: StoreKey, used: ReadonlySet<string>): boolean {
    return !this.#orgs.has(key[1]) && !used.has(keyText(key));
  }

  #note(key: StoreKey, used: Set<string>): void {
    this.#named.add(key[1]);
    used.add(keyText(key));
  }
}

function isOwn({ org }: CommitPart, key: StoreKey): boolean {
  return key[1] === org;
}

/** Rows that one commit removes at most, and bytes that their keys have. */
const MAX_ROWS = 200;
const MAX_KEY_BYTES = 50_000;

/**
 * Removes rows that nobody reads any more, as many with a commit as it takes: of a deleted org, whose
 * policy no node has to follow where nobody is let in, or of a policy that was replaced.
 */
export async function removeRows(
  { ledgers }: { readonly ledgers: Ledgers },
  org: string,
  rows: AsyncIterable<StoreKey>,
): Promise<void> {
  let batch: StoreKey[] = [];
  let bytes = 0;
  const remove = async () => {
    const keys = batch;
    batch = [];
    bytes = 0;
    if (keys.length === 0) return;
    await ledgers.transact(org, {
      plan: (transaction) => keys.forEach((key) => transaction.delete(key)),
    });
  };
  for await (const key of rows) {
    const size = Buffer.byteLength(keyText(key));
    if (batch.length === MAX_ROWS || bytes + size > MAX_KEY_BYTES) await remove();
    batch.push(key);
    bytes += size;
  }
  await remove();
}
