import type { Chance } from "./chance.ts";
import type { FaultName } from "./faults.ts";
import type { Said, Server, WireRequest } from "./wires.ts";

/** A refresh token that arrived, whatever became of the answer. */
export interface Presented {
  readonly refresh: string;
  /** Whether it is used up by that: no, where the server said that it took none. */
  readonly isTaken: boolean;
  /** What it was exchanged for; null for nothing. */
  readonly gives: { readonly refresh: string; readonly access: string } | null;
}

/** How long an access token lasts, seconds. */
const LASTS_SECONDS = [20, 60, 60, 120];

interface Family {
  /** The one refresh token that is good; null once all of them were taken back. */
  current: string | null;
}

/**
 * An authorization server that rotates refresh tokens, and takes all of a consent back when one comes a
 * second time. Besides, it is busy, fails before or after it has rotated, and takes access tokens back.
 */
export class TokenServer implements Server {
  readonly #families = new Map<string, Family>();
  /** Until when access tokens are good, milliseconds of the world's time. */
  readonly #access = new Map<string, number>();
  #count = 0;

  constructor(
    readonly issuer: string,
    readonly now: () => number,
    readonly chance: Chance,
    readonly strikes: (name: FaultName) => boolean,
    readonly presented: (presented: Presented) => void,
    readonly shown: (access: string) => void,
  ) {}

  /** A refresh token of a new consent. */
  consent(): string {
    const family: Family = { current: null };
    return this.#next(family);
  }

  /** Whether what is shown is an access token that is good now. */
  lets(authorization: string | undefined): boolean {
    const token = authorization?.replace(/^Bearer /, "") ?? "";
    this.shown(token);
    if (this.strikes("host_forgets")) this.#access.delete(token);
    return this.now() < (this.#access.get(token) ?? 0);
  }

  answer({ method, path, body }: WireRequest): Said {
    const takes = this.chance.between(5, 300);
    if (method === "GET") {
      if (!path.startsWith("/.well-known/oauth-authorization-server")) {
        return said(404, {}, takes);
      }
      const { issuer } = this;
      return said(200, { issuer, token_endpoint: `${issuer}/token` }, takes);
    }
    const refresh = new URLSearchParams(body).get("refresh_token") ?? "";
    if (this.strikes("host_busy")) {
      this.presented({ refresh, isTaken: false, gives: null });
      return said(this.chance.pick([429, 503]), {}, takes);
    }
    const family = this.#families.get(refresh);
    const isLying = this.strikes("host_lies");
    if (family?.current !== refresh || (isLying && this.chance.happens(0.3))) {
      const isGood = family?.current === refresh;
      if (family !== undefined) family.current = null;
      this.presented({ refresh, isTaken: true, gives: null });
      return isGood ? said(500, {}, takes) : said(400, { error: "invalid_grant" }, takes);
    }
    const next = this.#next(family);
    const access = `access-token-${++this.#count}`;
    const seconds = this.chance.pick(LASTS_SECONDS);
    this.#access.set(access, this.now() + seconds * 1000);
    this.presented({ refresh, isTaken: true, gives: { refresh: next, access } });
    if (isLying) return said(this.chance.pick([500, 200]), { access_token: 7 }, takes);
    return said(200, {
      token_type: "Bearer",
      access_token: access,
      refresh_token: next,
      expires_in: seconds,
    }, takes);
  }

  #next(family: Family): string {
    const refresh = `refresh-token-${++this.#count}`;
    family.current = refresh;
    this.#families.set(refresh, family);
    return refresh;
  }
}

function said(status: number, body: unknown, takes: number): Said {
  return {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
    body: JSON.stringify(body),
    takes,
  };
}
