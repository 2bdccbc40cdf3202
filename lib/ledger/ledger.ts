import { IdMaker } from "../base/id.ts";
import type { Deps } from "../deps.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type Accepted, RecordedRefusal } from "../refusal.ts";
import * as keys from "../store/keys.ts";
import { isUnfit, landed, storeError, StoreUnavailable } from "../store/kv.ts";
import { type LogHead, NAME_BYTES } from "../store/records/log.ts";
import {
  type ClockDoubt,
  ClockRefused,
  clocksBehind,
  isAhead,
  type ProcessClock,
} from "./clock.ts";
import {
  type Attempt,
  attemptOf,
  type CommitPart,
  commitPart,
  planBatch,
  type PlannedOn,
  tell,
  type Waiting,
  writesGuarded,
} from "./commit.ts";
import { type CommitLimits, TransactionTooLarge } from "./commit_limits.ts";
import { GuardedRows } from "./guarded_rows.ts";
import { loadSnapshot, refreshSnapshot } from "./load_snapshot.ts";
import { LogTail } from "./log_tail.ts";
import type { Operation, Transaction } from "./transaction.ts";

/**
 * One org's commits in this process, and the patience of who waits for them. The promise: no caller
 * hears a result before its entries and writes are stored, each decision is of the current policy,
 * and whatever the store fails to say is found out or refused.
 */

/** More operations wait for this org's commits than may. */
export class Overloaded extends Error {
  readonly code = "overloaded";
}

const MAX_QUEUE = 10_000;
const MAX_BATCH = 512;
const MAX_ATTEMPTS = 60;

/** After so many refusals that neither policy nor log explains, operations are committed singly. */
const ISOLATE_AFTER = 6;

/** How many commits may go without an answer before the callers get one. */
const MAX_UNANSWERED = 2;

/** After so many refusals in a row a node asks the others to let it in. */
const ASK_AFTER = 3;

/** How long a node that was asked holds back, milliseconds: a few reads and a commit of another. */
const YIELD_MS = 25;

/**
 * What became of a commit: `lost` when the store failed to say, `unanswered` when it was silent,
 * `unfit` when it never takes one like it.
 */
type Fate = "committed" | "refused" | "lost" | "unanswered" | "unfit";

/** What the store says of a commit. */
export type CommitAnswer = Deno.KvCommitResult | Deno.KvCommitError;

/** An org's place among those of this process that share commits. */
export interface Seat {
  readonly limits: CommitLimits;
  /** Whether other orgs had a part in the commit before, and so may wait for the next. */
  readonly isShared: boolean;
  /** When the org may plan what it commits next; null for at once. */
  turn(): Promise<void> | null;
  /** The org has nothing to commit after all. */
  pass(): void;
  /**
   * Has a part committed. It lands at most once, and is told to have landed if it is known to have.
   * @param isAlone not in one commit with any other: for what is tried again
   * @throws what the store throws; the part may have landed then
   */
  commit(part: CommitPart, isAlone: boolean): Promise<CommitAnswer>;
}

/**
 * All commits of one org in this process. While one is on its way, operations gather; the next
 * commit carries them all, checks that policy version and log head are the ones it was made on,
 * and is made again when they are not. Callers get their answers only afterwards.
 */
export class OrgLedger {
  #queue: Waiting[] = [];
  /** What the commit on its way is for. */
  #batch: Waiting[] = [];
  /** What has landed while its callers do not know it yet, in order. */
  readonly #landed: Attempt[] = [];
  readonly #patience: Patience;
  readonly #ids: IdMaker;
  #running = false;
  #snapshot: Snapshot | null = null;
  #tail: LogTail | null = null;
  readonly #rows = new GuardedRows();
  /** The stamp of `log_turn` as last seen; undefined before that. */
  #turn: string | null | undefined;
  #doubted: ClockDoubt | null = null;

  constructor(
    readonly deps: Deps,
    readonly org: string,
    readonly announce: (topics: readonly string[]) => void,
    readonly clock: ProcessClock,
    readonly seat: Seat,
  ) {
    this.#ids = new IdMaker(deps.random);
    this.#patience = new Patience(deps, (before) => this.#tellLate(before));
  }

  /**
   * Runs an operation on the current policy and answers once its entries and writes are stored, or
   * after some seconds without that. `since` is when its caller came, by the clock that only counts on.
   * @throws what `plan` throws; the refusal that it returned and that was committed; {Overloaded}, {StoreUnavailable}, {MalformedRecord}
   */
  transact<L, R>(
    operation: Operation<L, R>,
    since = this.deps.monotonic(),
  ): Promise<Accepted<R>> {
    if (this.#queue.length >= MAX_QUEUE) return Promise.reject(new Overloaded());
    const { promise, resolve, reject } = Promise.withResolvers<Accepted<R>>();
    try {
      operation.prepare?.(this.deps, this.org);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#queue.push({
      operation: operation as Operation<unknown, unknown>,
      since,
      isTold: false,
      settle(outcome) {
        if ("error" in outcome) reject(outcome.error);
        else if (outcome.value instanceof RecordedRefusal) reject(outcome.value.refusal);
        else resolve(outcome.value as Accepted<R>);
      },
    });
    if (!this.#running) void this.#run();
    this.#patience.watch(since);
    return promise;
  }

  /** The policy as this process last knew it; null before it was first read. */
  get knownSnapshot(): Snapshot | null {
    return this.#snapshot;
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      const turn = this.seat.turn();
      if (turn !== null) await turn;
      this.#batch = this.#queue.splice(0, MAX_BATCH);
      // Nobody is left where all were told meanwhile that the store does not answer.
      const left = this.#batch.length > 0 ? await this.#commit(this.#batch) : [];
      this.#batch = [];
      this.#queue.unshift(...left);
    }
    this.seat.pass();
    this.#running = false;
  }

  /** Tells who has waited since before a moment that the store does not answer. */
  #tellLate(before: number): number | null {
    const error = new StoreUnavailable("no answer within the patience of the caller");
    let next: number | null = null;
    for (const waiting of [...this.#batch, ...this.#queue]) {
      if (waiting.isTold) continue;
      if (waiting.since > before) next = Math.min(next ?? waiting.since, waiting.since);
      else tell(waiting, { error });
    }
    this.#queue = this.#queue.filter(({ isTold }) => !isTold);
    return next;
  }

  /** Commits as much of a batch as one commit takes; answers those, returns the rest. */
  async #commit(batch: Waiting[]): Promise<Waiting[]> {
    const lost: Attempt[] = [];
    let common = "";
    let refusals = 0;
    let unexplained = 0;
    let unanswered = 0;
    let most = batch.length;
    try {
      for (;;) {
        const part = batch.slice(0, most);
        const [snapshot, end] = await this.#whereItStands();
        const planned = await planBatch(part, this.deps, snapshot, end);
        const { transaction, outcomes, left, usesGuarded } = planned;
        const rest = [...left, ...batch.slice(part.length)];
        const again = lost.length > 0;
        const name = transaction.isEmpty ? "" : this.deps.random(NAME_BYTES).toHex();
        common ||= name; // Not of one that writes nothing: it leaves no mark.
        const attempt = attemptOf(transaction, outcomes, { name, common, again });
        // What writes nothing checks nothing that a lost one would have written.
        const early = transaction.isEmpty ? await this.#findLanded(lost) : null;
        if (early !== null) return this.#answerLanded(early, batch);
        const isAlone = refusals > 0;
        const fate = await this.#store(transaction, attempt, { again, isAlone, usesGuarded });
        if (fate === "committed") {
          this.#answer(attempt);
          return rest;
        }
        if (fate === "unfit") {
          if (part.length > 1) {
            most = Math.ceil(part.length / 2);
            continue;
          }
          for (const waiting of part) tell(waiting, { error: new TransactionTooLarge() });
          return rest;
        }
        if (fate !== "refused") lost.push(attempt);
        refusals++;
        const asks = fate === "refused" && refusals % ASK_AFTER === 0;
        if (asks) await this.#askForTurn();
        const moved = await this.#catchUp();
        // Only now: one that lands after the head was read keeps the next attempt from landing.
        const landed = await this.#findLanded(lost);
        if (landed !== null) return this.#answerLanded(landed, batch);
        if (fate === "unanswered" && ++unanswered >= MAX_UNANSWERED) {
          throw new StoreUnavailable("commits without an answer");
        }
        if (refusals >= MAX_ATTEMPTS) throw new StoreUnavailable("too many refused commits");
        if (fate === "refused" && moved === "nothing" && ++unexplained >= ISOLATE_AFTER) most = 1;
        if (!asks) await this.#pause(moved === "turn" ? YIELD_MS : 0, refusals);
      }
    } catch (cause) {
      const error = storeError(cause);
      // Nobody knows what the store holds now: read everything again before the next commit.
      this.#snapshot = null;
      this.#tail = null;
      this.#turn = undefined;
      this.#rows.drop();
      this.deps.log("error", "A commit failed", { org: this.org, error: String(cause) });
      for (const waiting of batch) tell(waiting, { error });
      return [];
    }
  }

  /** The policy and the log's end, which the next commit is planned on; read where they are not known. */
  async #whereItStands(): Promise<[Snapshot, PlannedOn]> {
    const { kv } = this.deps;
    this.#snapshot ??= await loadSnapshot(kv, this.org);
    this.#tail ??= await LogTail.load(kv, this.org);
    if (this.#turn === undefined) {
      this.#turn = (await kv.get(keys.logTurnKey(this.org))).versionstamp;
    }
    const { head, versionstamp } = this.#tail;
    this.#rows.under(versionstamp);
    const now = this.deps.now();
    return [this.#snapshot, {
      size: head.size,
      time: { ...clocksBehind(head, now), doubt: this.#doubt(head, now) },
      ids: this.#ids,
      limits: this.seat.limits,
      rows: this.#rows,
    }];
  }

  /** Why nothing may be committed by this clock; null when it may. Said once for each time it begins. */
  #doubt(head: LogHead, now: number): ClockDoubt | null {
    const doubt = this.clock.hasDrifted ? "drifted" : isAhead(head, now) ? "ahead" : null;
    if (doubt !== null && doubt !== this.#doubted) {
      this.deps.log("error", new ClockRefused(doubt).message, {
        org: this.org,
        clock: new Date(now).toISOString(),
        newest_entry: new Date(head.at).toISOString(),
      });
    }
    this.#doubted = doubt;
    return doubt;
  }

  /** Hands a transaction to the store. What ended without writing still proves its policy current. */
  async #store(
    transaction: Transaction,
    attempt: Attempt,
    { again, isAlone, usesGuarded }: {
      readonly again: boolean;
      readonly isAlone: boolean;
      readonly usesGuarded: boolean;
    },
  ): Promise<Fate> {
    const { snapshot } = transaction;
    const tail = this.#tail;
    if (tail === null) return "refused";
    if (transaction.isEmpty) {
      this.seat.pass();
      const [current, head] = await this.deps.kv.getMany([
        keys.policyVersionKey(this.org),
        keys.logHeadKey(this.org),
      ]);
      const isCurrent = current.versionstamp === snapshot.versionstamp &&
        (!usesGuarded || head.versionstamp === tail.versionstamp);
      return isCurrent ? "committed" : "refused";
    }
    // Of an attempt whose answer was lost and the next one, whichever lands first keeps the other from
    // it: each writes the head or the mark that the other checks.
    const growth = transaction.leaves.length > 0 || again || writesGuarded(transaction)
      ? await tail.grown(this.deps.kv, this.org, transaction)
      : null;
    const written = await this.#rows.gather(this.deps.kv, this.org, transaction.writes);
    const part = commitPart(this.deps.sealer, transaction, {
      ...attempt,
      written,
      growth,
      turn: this.#turn ?? null,
      head: growth === null && !usesGuarded ? undefined : tail.versionstamp,
    });
    let result: CommitAnswer;
    try {
      result = await this.seat.commit(part, isAlone);
    } catch (error) {
      if (isUnfit(error)) return "unfit";
      this.deps.log("warn", "The store did not say whether it took a commit", {
        org: this.org,
        error: String(error),
      });
      this.#rows.drop();
      return error instanceof StoreUnavailable ? "unanswered" : "lost";
    }
    if (!result.ok) return "refused";
    if (transaction.acceptedJump !== null) this.clock.accept();
    else if (this.#doubted === null) this.clock.trust();
    if (growth !== null) this.#tail = growth.committed(result.versionstamp);
    const stamp = growth === null ? tail.versionstamp : result.versionstamp;
    this.#rows.follow(transaction.writes, stamp, written);
    if (transaction.generation !== snapshot.generation) {
      this.#snapshot = null;
    } else if (transaction.changesPolicy) {
      for (const { key, value } of transaction.policyChanges) snapshot.apply(key, value);
      snapshot.version = transaction.policyVersion;
      snapshot.versionstamp = result.versionstamp;
    }
    return "committed";
  }

  /** The attempt whose answer was lost but which is in the store, if there is one. */
  async #findLanded(lost: readonly Attempt[]): Promise<Attempt | null> {
    for (const attempt of lost) {
      if (await landed(this.deps.kv, attempt.mark) === null) continue;
      this.#tail = null;
      this.#snapshot = null;
      return attempt;
    }
    return null;
  }

  /**
   * Asks the other nodes to let this one in. One that commits without pause overtakes whoever has to
   * read the log's end first, every time; this moves a key that each of its commits checks.
   */
  async #askForTurn(): Promise<void> {
    const at = this.deps.now();
    const { versionstamp } = await this.deps.kv.set(keys.logTurnKey(this.org), { at });
    this.#turn = versionstamp;
  }

  /** Reads again what moved, and says what it was: above all, whether another node asked to be let in. */
  async #catchUp(): Promise<"turn" | "store" | "nothing"> {
    const { kv } = this.deps;
    const stampBefore = this.#snapshot?.versionstamp;
    this.#snapshot = this.#snapshot === null
      ? await loadSnapshot(kv, this.org)
      : await refreshSnapshot(kv, this.#snapshot);
    const head = await kv.get(keys.logHeadKey(this.org));
    const headMoved = head.versionstamp !== (this.#tail?.versionstamp ?? null);
    if (headMoved) this.#tail = null;
    const turn = await kv.get(keys.logTurnKey(this.org));
    const turnMoved = turn.versionstamp !== this.#turn;
    this.#turn = turn.versionstamp;
    if (turnMoved) return "turn";
    return headMoved || this.#snapshot.versionstamp !== stampBefore ? "store" : "nothing";
  }

  /** Answers once what is to be committed next is on its way: meanwhile the store would wait. */
  #answer(attempt: Attempt): void {
    this.#landed.push(attempt);
    if (this.#queue.length > 0 || this.seat.isShared) {
      this.deps.afterTurn(() => this.#tellLanded());
    } else this.#tellLanded();
  }

  #tellLanded(): void {
    for (const { outcomes, topics } of this.#landed.splice(0)) {
      for (const [waiting, outcome] of outcomes) tell(waiting, outcome);
      if (topics.length > 0) this.announce(topics);
    }
  }

  /** Answers an attempt whose own answer was lost; the rest of the batch is still to be done. */
  #answerLanded(landed: Attempt, batch: readonly Waiting[]): Waiting[] {
    this.#answer(landed);
    return batch.filter((waiting) => !landed.outcomes.has(waiting));
  }

  /** Jitter between attempts, so that nodes that collide do not collide again. */
  async #pause(least: number, refusals: number): Promise<void> {
    const limit = Math.min(2 ** refusals, 50);
    const [byte = 0] = this.deps.random(1);
    await this.deps.timer(least + limit * byte / 255).elapsed;
  }
}

/** How long an operation may wait for its answer, milliseconds. */
export const PATIENCE_MS = 4250;

/** How much later than that it may hear that there is none. */
const GRANULARITY_MS = 250;

/** What somebody waits for. */
export interface Awaited {
  /** By the clock that only counts on, milliseconds. */
  readonly since: number;
}

/**
 * One timer for everybody who waits for the commits of an org: a store that is away, or a policy that
 * takes long to load, is told to them while the commit goes on behind. It runs to its end when all have
 * their answers: a timer costs more than most commits wait.
 */
export class Patience {
  /** When the timer ends; null when there is none. */
  #due: number | null = null;

  constructor(
    readonly deps: Pick<Deps, "timer" | "monotonic">,
    /** Tells those who have waited since before a moment; gives when the next one came, if there is one. */
    readonly tell: (before: number) => number | null,
  ) {}

  /** Begins to watch, somebody having come at `since`; does nothing while it does. */
  watch(since: number): void {
    const due = since + PATIENCE_MS;
    if (this.#due !== null && this.#due <= due) return;
    this.#due = due;
    const left = Math.max(GRANULARITY_MS, due - this.deps.monotonic());
    void this.deps.timer(left).elapsed.then(() => {
      if (this.#due !== due) return;
      this.#due = null;
      const next = this.tell(this.deps.monotonic() - PATIENCE_MS);
      if (next !== null) this.watch(next);
    });
  }
}
