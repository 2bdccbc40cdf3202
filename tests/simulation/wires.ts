import { joinBytes } from "../../lib/base/bytes.ts";
import { guardedFetch, hostFetch, keepingFetch } from "../../lib/outside/guarded_fetch.ts";
import type { Connection, Dialled, Network } from "../../lib/outside/connection.ts";
import { guardedPush } from "../../lib/outside/push.ts";
import { HostSlots } from "../../lib/outside/host_slots.ts";
import { UpstreamConnections } from "../../lib/upstreams/connections.ts";
import type { Deps } from "../../lib/deps.ts";
import type { Chance } from "./chance.ts";
import type { FaultName } from "./faults.ts";
import { type Owner, type Schedule, WORLD } from "./schedule.ts";

/**
 * The network between nodes and servers of others, byte for byte: connections that are refused, break
 * at any byte, stay silent or lie idle until the other side has closed them. All of the product's own
 * HTTP runs over it.
 */

/** A request as a server reads it. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** The same as it came. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What a server does with one; null for a server that never says anything. */
export type Said = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** What comes behind the answer on the same connection, though nobody asked for it. */
  readonly behind?: string;
  /** How long it takes until it answers, milliseconds. */
  readonly takes: number;
} | null;

/** A server behind a name. */
export interface Server {
  answer(request: WireRequest): Said;
}

/** How long it is from a node to a server, milliseconds. */
const WAY_MS = { from: 2, to: 60 };

/** How long servers leave a connection that nobody uses. */
const IDLE_MS = { from: 200, to: 20_000 };

/** How late a late answer is. */
const LATE_MS = { from: 1000, to: 120_000 };

/** Most bytes that come at once. */
const PIECE = 64 * 1024;

/** What breaks says so. */
class Broken extends Error {}

/** All servers that there are, and the ways to them. */
export class Wires {
  readonly #servers = new Map<string, Server>();
  readonly #chance: Chance;

  constructor(
    readonly schedule: Schedule,
    chance: Chance,
    /** Whether a fault happens now. */
    readonly strikes: (name: FaultName) => boolean,
    /** Ends a process. */
    readonly kill: (owner: Owner) => void,
  ) {
    this.#chance = chance.fork("wires");
  }

  put(host: string, server: Server): void {
    this.#servers.set(host, server);
  }

  /** What a process asks hosts and upstreams by, made as the product makes it of a real network. */
  of(
    owner: Owner,
    { monotonic, timer }: Pick<Deps, "monotonic" | "timer">,
  ): Pick<Deps, "hosts" | "push" | "upstreams"> {
    const ways = { network: this.#network(owner), timer, named: new Set<string>() };
    const slots = () => new HostSlots({ at_once: 64, waiting: 200, in_all: 500 });
    return {
      hosts: hostFetch({ ...ways, slots: slots() }),
      push: guardedPush(guardedFetch(ways.network, timer)),
      upstreams: new UpstreamConnections({
        keeping: keepingFetch({ ...ways, slots: slots(), monotonic }),
        timer,
        programs: new Map(),
        monotonic,
      }),
    };
  }

  #network(owner: Owner): Network {
    const pause = (what: string) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.schedule.after(this.#way(), owner, what, resolve);
      return promise;
    };
    return {
      resolve: async (host) => {
        await pause("name");
        return this.#servers.has(host) ? ["93.184.216.34"] : [];
      },
      connect: async ({ host }: Dialled) => {
        await pause("connection");
        const server = this.#servers.get(host);
        if (server === undefined || this.strikes("host_away")) throw new Broken("refused");
        return new Wire(this, owner, server, this.#chance);
      },
    };
  }

  #way(): number {
    return this.#chance.between(WAY_MS.from, WAY_MS.to);
  }

  /** When something that a server says is there. */
  arrives(owner: Owner, takes: number, what: string, act: () => void): void {
    this.schedule.after(takes + this.#way(), owner, what, act);
  }
}

/** One connection, both ends of it. */
class Wire implements Connection {
  readonly #came: Uint8Array[] = [];
  #isOver = false;
  #isBroken = false;
  #isClosed = false;
  #wake: (() => void) | null = null;
  /** Counts what the server says, by which it knows whether the connection lay idle. */
  #turn = 0;

  constructor(
    readonly wires: Wires,
    readonly owner: Owner,
    readonly server: Server,
    readonly chance: Chance,
  ) {}

  get isQuiet(): boolean {
    return this.#came.length === 0 && !this.#isOver && !this.#isBroken && !this.#isClosed;
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#came.length === 0) {
      if (this.#isClosed) throw new Broken("closed");
      if (this.#isBroken) throw new Broken("reset");
      if (this.#isOver) return null;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    const [first = into] = this.#came;
    const some = first.subarray(0, into.length);
    into.set(some);
    if (some.length < first.length) this.#came[0] = first.subarray(some.length);
    else this.#came.shift();
    return some.length;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#isClosed || this.#isBroken) return Promise.reject(new Broken("closed"));
    const request = readRequest(bytes);
    this.#turn++;
    // What is under way when a process dies arrives all the same.
    this.wires.arrives(WORLD, 0, "request to a host", () => this.#arrived(request));
    return Promise.resolve();
  }

  close(): void {
    this.#isClosed = true;
    this.#woken();
  }

  #arrived(request: WireRequest): void {
    const { wires, chance } = this;
    // The other side closed it as this came: it never looks at it.
    if (this.#isOver) return this.#later(0, () => this.#isBroken = true);
    if (wires.strikes("host_lost")) return this.#later(0, () => this.#isBroken = true);
    const said = this.server.answer(request);
    if (wires.strikes("sender_killed")) wires.kill(this.owner);
    if (said === null || wires.strikes("host_silent")) return;
    const late = wires.strikes("host_late") ? chance.between(LATE_MS.from, LATE_MS.to) : 0;
    const bytes = answerBytes(said);
    const isCut = wires.strikes("host_cut");
    // It may end before anything of it came, by which nobody can tell that it was asked at all.
    const most = chance.happens(0.3) ? 1 : bytes.length;
    const sent = isCut ? bytes.subarray(0, chance.below(most)) : bytes;
    const turn = this.#turn;
    this.#later(said.takes + late, () => {
      for (let at = 0; at < sent.length; at += PIECE) {
        this.#came.push(sent.subarray(at, at + PIECE));
      }
      if (isCut) this.#isBroken = chance.happens(0.5);
      if (isCut) this.#isOver = true;
      else this.#closeWhenIdle(turn);
    });
  }

  #closeWhenIdle(turn: number): void {
    this.wires.schedule.after(this.chance.between(IDLE_MS.from, IDLE_MS.to), WORLD, "idle", () => {
      if (turn !== this.#turn || this.#isClosed) return;
      // It is closed there; that this is so is heard a little later.
      this.#isOver = true;
      this.#woken();
    });
  }

  #later(takes: number, act: () => void): void {
    this.wires.arrives(this.owner, takes, "host answers", () => {
      if (this.#isClosed) return;
      act();
      this.#woken();
    });
  }

  #woken(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

const decoder = new TextDecoder();

const encoder = new TextEncoder();

/** A request as this product writes it: whole, and with the length of its body. */
function readRequest(bytes: Uint8Array): WireRequest {
  const text = decoder.decode(bytes);
  const end = text.indexOf("\r\n\r\n");
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const [method = "", path = ""] = first.split(" ");
  const headers = new Map(lines.map((line) => {
    const at = line.indexOf(": ");
    return [line.slice(0, at), line.slice(at + 2)] as const;
  }));
  // Heads are of one byte a character, so the body begins at the same place of both.
  return { method, path, headers, body: text.slice(end + 4), bytes: bytes.slice(end + 4) };
}

function answerBytes({ status, headers, body, behind = "" }: NonNullable<Said>): Uint8Array {
  const content = encoder.encode(body);
  const lines = [
    `HTTP/1.1 ${status} Whatever`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${content.length}`,
  ];
  const head = encoder.encode(`${lines.join("\r\n")}\r\n\r\n`);
  return joinBytes([head, content, encoder.encode(behind)]);
}
