import type { HostAnswer, HostFetch, HostRequest } from "../../lib/deps.ts";
import { StrangerFetchFailed } from "../../lib/outside/http_answer.ts";
import type { Chance } from "./chance.ts";
import { type Owner, type Schedule, WORLD } from "./schedule.ts";

/** The hosts of others that nodes ask: what arrives there, and when something comes back. */

/** What arrived at a host. */
export interface Arrived {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a host answers, and how long it takes for it, milliseconds; null for a silent one. */
export type HostReply =
  | { readonly status: number; readonly headers?: Headers; readonly takes: number }
  | null;

/** A host of somebody else. */
export interface Host {
  /** Whether a request reaches it now. */
  isReached(): boolean;
  answer(arrived: Arrived): HostReply;
}

/** How long it is to a host and back, milliseconds. */
const WAY_MS = { from: 5, to: 200 };

/** All hosts that there are. Whatever is not among them is not reached. */
export class Outside {
  readonly #hosts = new Map<string, Host>();
  readonly #chance: Chance;

  constructor(readonly schedule: Schedule, chance: Chance) {
    this.#chance = chance.fork("outside");
  }

  put(name: string, host: Host): void {
    this.#hosts.set(name, host);
  }

  /**
   * The way there of one process, whose requests arrive although it has ended meanwhile.
   * @param others the way to all other hosts
   */
  of(owner: Owner, others: HostFetch): HostFetch {
    return (request) =>
      this.#hosts.has(new URL(request.url).hostname) ? this.#ask(owner, request) : others(request);
  }

  #ask(owner: Owner, request: HostRequest): Promise<HostAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<HostAnswer>();
    const host = this.#hosts.get(new URL(request.url).hostname);
    const after = (milliseconds: number, what: string, act: () => void) =>
      this.schedule.after(milliseconds, owner, what, act);
    const fail = (code: "unreachable" | "timed_out", text: string) => () =>
      reject(new StrangerFetchFailed(code, text));
    after(request.limit_ms, "host silent", fail("timed_out", "It took too long."));
    this.schedule.after(this.#way(), WORLD, "request to a host", () => {
      if (host?.isReached() !== true) {
        return void after(this.#way(), "host away", fail("unreachable", "Nobody is there."));
      }
      const { url, method, headers = {}, body } = request;
      const text = body === undefined ? "" : new TextDecoder().decode(body);
      const reply = host.answer({ url, method, headers, body: text });
      if (reply === null) return;
      const { status, headers: head = new Headers(), takes } = reply;
      after(takes + this.#way(), "host answers", () => {
        resolve({ status, headers: head, body: null });
      });
    });
    return promise;
  }

  #way(): number {
    return this.#chance.between(WAY_MS.from, WAY_MS.to);
  }
}
