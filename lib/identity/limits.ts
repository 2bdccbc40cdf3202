import { isIP } from "node:net";
import { Refusal } from "../refusal.ts";
import type { LogLine } from "../store/system.ts";
import type { Caller } from "./caller.ts";

/**
 * How much one caller, one source, or one credential may ask of this process, and who a source is
 * behind a proxy. Each process counts alone and in memory: the limits protect it, and are no quota.
 */

const WINDOW_MS = 60_000;

/** What is left of a caller's minute. */
export interface RateState {
  readonly limit: number;
  readonly remaining: number;
  readonly reset_seconds: number;
}

/**
 * Counts requests per credential and minute, in this process: with n nodes a caller may get up to
 * n times as much, which protects each node as well.
 */
export class RateLimits {
  readonly #windows = new Map<string, { start: number; count: number }>();

  /**
   * Counts requests: one, or as many as a call holds besides the one it was counted for already.
   * @param count what does not fit whole is refused whole, and not counted
   * @throws {Refusal} rate_limited
   */
  take(
    caller: Pick<Caller, "id" | "rate_limit_per_minute">,
    now: number,
    count = 1,
  ): RateState | null {
    const limit = caller.rate_limit_per_minute;
    if (limit === null) return null;
    let window = this.#windows.get(caller.id);
    if (window === undefined || now - window.start >= WINDOW_MS || now < window.start) {
      this.#windows.set(caller.id, window = { start: now, count: 0 });
    }
    const reset_seconds = Math.ceil((window.start + WINDOW_MS - now) / 1000);
    const left = limit - window.count;
    if (count > left) {
      throw new Refusal("rate_limited", { limit, left, retry_after_seconds: reset_seconds });
    }
    window.count += count;
    return { limit, remaining: limit - window.count, reset_seconds };
  }
}

/**
 * Requests a minute of one source that may store something for a visitor nobody knows. An office
 * behind one address signs a hundred people in.
 */
export const SOURCE_RATE_LIMIT = 300;

/** Sources told apart in one minute; those that come later share one limit, ten times as high. */
export const MAX_LIMITED_SOURCES = 10_000;

const OTHER_SOURCES = "other";

/**
 * Counts what visitors send before anybody knows them, by where it comes from: what they begin is
 * stored for minutes, and a stranger must not fill the store with it. Each process counts alone.
 */
export class SourceLimits {
  readonly #counts = new Map<string, number>();
  #start = 0;

  /**
   * Counts one request.
   * @param address of its sender; null when it is not known
   * @throws {Refusal} rate_limited
   */
  take(address: string | null, now: number): void {
    if (now - this.#start >= WINDOW_MS || now < this.#start) {
      this.#counts.clear();
      this.#start = now;
    }
    const named = address === null ? OTHER_SOURCES : sourceOf(address);
    const isFull = this.#counts.size >= MAX_LIMITED_SOURCES && !this.#counts.has(named);
    const source = isFull ? OTHER_SOURCES : named;
    const limit = source === OTHER_SOURCES ? 10 * SOURCE_RATE_LIMIT : SOURCE_RATE_LIMIT;
    const count = this.#counts.get(source) ?? 0;
    if (count >= limit) {
      const retry_after_seconds = Math.ceil((this.#start + WINDOW_MS - now) / 1000);
      throw new Refusal("rate_limited", { limit, left: 0, retry_after_seconds });
    }
    this.#counts.set(source, count + 1);
  }
}

/** Whose an address is: of IPv6 its first half, since whoever has one has all that begin alike. */
export function sourceOf(address: string): string {
  if (!address.includes(":")) return address;
  // `::ffff:192.0.2.1` is an IPv4 address in the other's clothes.
  if (address.includes(".")) return address.split(":").at(-1) ?? address;
  const [before = [], after] = (address.split("%")[0] ?? "").split("::").map(groupsOf);
  const gap = after === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array(gap).fill("0"), ...after ?? []].slice(0, 4).join(":");
}

function groupsOf(part: string): string[] {
  return part === "" ? [] : part.split(":").map((group) => parseInt(group, 16).toString(16));
}

/** Most calls of one credential that wait at the same time on one node. */
const MAX_HELD_CALLS = 50;

/** How many calls each credential holds on this node. */
export class HeldCalls {
  readonly #counts = new Map<string, number>();

  /** @throws {Refusal} too_many_pending */
  take(credential: string): void {
    const count = this.#counts.get(credential) ?? 0;
    if (count >= MAX_HELD_CALLS) {
      throw new Refusal("too_many_pending", {
        limit: `${MAX_HELD_CALLS} held calls a credential`,
        retry_after_seconds: 1,
      });
    }
    this.#counts.set(credential, count + 1);
  }

  release(credential: string): void {
    const count = (this.#counts.get(credential) ?? 0) - 1;
    if (count > 0) this.#counts.set(credential, count);
    else this.#counts.delete(credential);
  }
}

/** How many sockets of one credential, and of this process, are open. */
const MAX_SOCKETS = { credential: 20, process: 500 } as const;

/** Counts sockets. One counts until its peer, too, has let go of it. */
export class OpenSockets {
  readonly #counts = new Map<string, number>();
  #all = 0;
  #none: (() => void)[] = [];

  /** @throws {Refusal} too_many_sockets */
  take(credential: string): void {
    const count = this.#counts.get(credential) ?? 0;
    const limit = count >= MAX_SOCKETS.credential
      ? `${MAX_SOCKETS.credential} a credential`
      : this.#all >= MAX_SOCKETS.process
      ? `${MAX_SOCKETS.process} of the process`
      : null;
    if (limit !== null) throw new Refusal("too_many_sockets", { limit, retry_after_seconds: 10 });
    this.#counts.set(credential, count + 1);
    this.#all++;
  }

  release(credential: string): void {
    this.#all--;
    const count = (this.#counts.get(credential) ?? 0) - 1;
    if (count > 0) this.#counts.set(credential, count);
    else this.#counts.delete(credential);
    if (this.#all === 0) this.#none.splice(0).forEach((resolve) => resolve());
  }

  /** Resolves once none is open. */
  none(): Promise<void> {
    if (this.#all === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#none.push(resolve);
    return promise;
  }
}

/** How many calls of one caller, and of all of this process, are under way at upstreams. */
const MAX_RUNNING = { caller: 4, process: 32 } as const;

/** Counts calls that are under way at upstreams. */
export class RunningCalls {
  readonly #counts = new Map<string, number>();
  #all = 0;

  /** @throws {Refusal} too_many_running */
  take(caller: string): void {
    const count = this.#counts.get(caller) ?? 0;
    const limit = count >= MAX_RUNNING.caller
      ? `${MAX_RUNNING.caller} calls a caller`
      : this.#all >= MAX_RUNNING.process
      ? `${MAX_RUNNING.process} calls a process`
      : null;
    if (limit !== null) throw new Refusal("too_many_running", { limit, retry_after_seconds: 1 });
    this.#counts.set(caller, count + 1);
    this.#all++;
  }

  release(caller: string): void {
    this.#all--;
    const count = (this.#counts.get(caller) ?? 0) - 1;
    if (count > 0) this.#counts.set(caller, count);
    else this.#counts.delete(caller);
  }
}

/** The longest address that is taken from a header. */
const MAX_CHARACTERS = 64;

/** An address as proxies write it, some of them in brackets or with a port behind it. */
const WRITTEN = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]+)?$/;

/** The address without what stands around it, for each connection has a port of its own; null for none. */
function addressOf(written: string): string | null {
  const [, six, four] = WRITTEN.exec(written) ?? [];
  const address = six ?? four ?? written;
  return isIP(address) === 0 ? null : address;
}

/** Reads who a request was forwarded for, as far as the operator trusts who says so. */
export class ForwardedFor {
  #isIgnored = false;

  /** @param proxies how many proxies stand before this process; each appends whom it got it from */
  constructor(readonly proxies: number, readonly log: LogLine) {}

  /** Whether some request came through a proxy that the settings do not know of. */
  get isIgnored(): boolean {
    return this.#isIgnored;
  }

  /**
   * The client by `X-Forwarded-For`: counted from the right, for what stands further left was sent by
   * the client. Null where nothing is trusted, or fewer proxies than there are have written it.
   */
  client(header: string | null): string | null {
    if (header === null) return null;
    if (this.proxies === 0) {
      this.#ignored();
      return null;
    }
    const written = header.split(",").at(-this.proxies)?.trim() ?? "";
    return addressOf(written.slice(0, MAX_CHARACTERS));
  }

  #ignored(): void {
    if (this.#isIgnored) return;
    this.#isIgnored = true;
    this.log(
      "warn",
      "X-Forwarded-For is ignored: behind a proxy all clients count as one. Set " +
        "COUNTERSIGN_TRUSTED_PROXY to the number of proxies; without one somebody makes it up",
    );
  }
}
