import { Buffer } from "node:buffer";
import { PushBrowser, vapidClaims } from "../helpers/push_browser.ts";
import type { Chance } from "./chance.ts";
import type { Said, Server, WireRequest } from "./wires.ts";

/** A push that arrived, whether or not the service could say so. */
export interface Pushed {
  /** Milliseconds of the world's time. */
  readonly at: number;
  /** Which browser it is for. */
  readonly browser: string;
  /** What it was answered. Taken is what was answered by 201. */
  readonly status: number | null;
  /** What the browser makes of it by its keys; null where it can make nothing of it. */
  readonly read: Readonly<Record<string, string>> | null;
  /** The request as the service sees it, heads and body. */
  readonly seen: string;
  /** The key that it is signed by; null where its signature fits none. */
  readonly signer: string | null;
}

/** How long a late answer takes, milliseconds: more than a push may. */
const LATE_MS = 15_000;

/** What it may answer in place of 201, and how likely. */
const TROUBLES = { gone: 1, refused: 1, busy: 3, broken: 4, late: 2, silent: 2 } as const;

/** A push service, and the browsers that take pushes from it, of one org. */
export class PushService implements Server {
  readonly #browsers = new Map<string, PushBrowser>();
  /** Those that take nothing any more, and say so by the same status each time. */
  readonly #gone = new Map<string, number>();

  constructor(
    readonly host: string,
    readonly now: () => number,
    readonly chance: Chance,
    /** How likely it is that something goes wrong with a push. */
    readonly trouble: () => number,
    readonly pushed: (push: Pushed) => void,
  ) {}

  /** Another browser that can be subscribed; its name is its path. */
  browser(): PushBrowser {
    const name = this.chance.bytes(8).toHex();
    const browser = new PushBrowser(`https://${this.host}/${name}`);
    this.#browsers.set(name, browser);
    return browser;
  }

  answer(request: WireRequest): Said {
    const name = request.path.slice(1);
    const { chance } = this;
    const said = this.#said(name);
    const headers = Object.fromEntries(request.headers);
    const arrived = { endpoint: "", headers, body: request.bytes };
    this.pushed({
      at: this.now(),
      browser: name,
      status: said?.status ?? null,
      read: orNull(() => this.#browsers.get(name)?.read(arrived) ?? null),
      seen: `${JSON.stringify(headers)} ${Buffer.from(request.bytes).toString("latin1")}`,
      signer: orNull(() => vapidClaims(arrived).key),
    });
    return said && { body: "", ...said, takes: said.takes + chance.between(1, 300) };
  }

  #said(name: string): Pick<NonNullable<Said>, "status" | "headers" | "takes"> | null {
    const { chance } = this;
    const at = (status: number, headers = {}, takes = 0) => ({ status, headers, takes });
    const gone = this.#gone.get(name);
    if (gone !== undefined) return at(gone);
    if (!chance.happens(this.trouble())) return at(201);
    switch (chance.weighted(TROUBLES)) {
      case "gone": {
        const status = chance.pick([404, 410]);
        this.#gone.set(name, status);
        return at(status);
      }
      case "refused":
        return at(413);
      case "busy":
        return at(429, chance.happens(0.5) ? { "retry-after": "20" } : {});
      case "broken":
        return at(chance.pick([500, 502, 503]));
      case "late":
        return at(201, {}, LATE_MS);
      case "silent":
        return null;
    }
  }
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
