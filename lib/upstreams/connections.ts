import type { KeepingFetch } from "../deps.ts";
import type { HostPrograms } from "./host_file.ts";
import { HttpApi } from "./http_api.ts";
import { HttpSession } from "./mcp_http.ts";
import { McpUpstream, type UpstreamClock } from "./mcp_upstream.ts";
import {
  MAX_IN_FLIGHT,
  type UpstreamCredential,
  type UpstreamPlace,
  type UpstreamPort,
  type UpstreamPorts,
  type UpstreamTarget,
} from "./port.ts";
import { notSent } from "./rpc.ts";
import { startProgram } from "./stdio_session.ts";

/**
 * The upstreams that this process is connected to: one connection for an upstream of an org, kept for
 * a minute after its last call. What one org says of an upstream never reaches another's connection,
 * nor does what it said before it changed it, or what another credential let in.
 */

/** What connections are made of. */
export interface UpstreamWays extends UpstreamClock {
  /** What an upstream is asked by over HTTP: connections are kept for itself and for no other. */
  readonly keeping: () => KeepingFetch;
  /** Programs of this host that are upstreams; none unless it was started to run them. */
  readonly programs: HostPrograms;
}

/** How long a connection is kept that nobody uses. */
const IDLE_MS = 60_000;

/** How long servers may take for a handshake: with one answer, and in all, milliseconds. */
const HTTP = { answer_ms: 10_000, opening_ms: 15_000, is_process: false };

/** A program may fetch itself at first. */
const PROCESS = { answer_ms: 20_000, opening_ms: 60_000, is_process: true };

interface Closable extends UpstreamPort {
  close(): Promise<void>;
}

interface Kept {
  readonly upstream: Closable;
  inFlight: number;
  /** Called off when somebody takes a place. */
  idle: { cancel(): void } | null;
}

export class UpstreamConnections implements UpstreamPorts {
  readonly #kept = new Map<string, Kept>();
  readonly #ending = new Set<Promise<void>>();
  /** Calls at each upstream, whosever credential they carry. */
  readonly #running = new Map<string, number>();

  constructor(readonly ways: UpstreamWays) {}

  take(
    { org_id, name, target, credential }: {
      readonly org_id: string;
      readonly name: string;
      readonly target: UpstreamTarget;
      readonly credential: UpstreamCredential | null;
    },
  ): UpstreamPlace | null {
    const place = JSON.stringify([org_id, name]);
    const running = this.#running.get(place) ?? 0;
    if (running >= MAX_IN_FLIGHT) return null;
    this.#running.set(place, running + 1);
    const key = JSON.stringify([org_id, name, target, credential?.id ?? null]);
    const kept = this.#kept.getOrInsertComputed(key, () => ({
      upstream: this.#made(target, credential),
      inFlight: 0,
      idle: null,
    }));
    kept.inFlight++;
    kept.idle?.cancel();
    kept.idle = null;
    let isHeld = true;
    return {
      port: kept.upstream,
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        const left = (this.#running.get(place) ?? 1) - 1;
        if (left === 0) this.#running.delete(place);
        else this.#running.set(place, left);
        if (--kept.inFlight === 0) this.#rest(key, kept);
      },
    };
  }

  async close(): Promise<void> {
    for (const [key, kept] of this.#kept) this.#end(key, kept);
    await Promise.all(this.#ending);
  }

  #made(target: UpstreamTarget, credential: UpstreamCredential | null): Closable {
    const { keeping, timer, monotonic, programs } = this.ways;
    const { url, headers } = target;
    if (target.kind === "openapi") {
      return new HttpApi({ hosts: keeping(), timer, monotonic, target, credential });
    }
    if (target.kind === "mcp") {
      const { ask: hosts, close } = keeping();
      return new McpUpstream(this.ways, {
        open: () => new HttpSession({ hosts, timer, monotonic, url, headers, credential }),
        close,
        ...HTTP,
      });
    }
    const program = programs.get(url);
    const says =
      "This process was not started with the program that it is, as it is described now.";
    return new McpUpstream(this.ways, {
      open: () =>
        program === undefined ? notSent("unreachable", says) : startProgram(program, timer),
      close: () => {},
      ...PROCESS,
    });
  }

  #rest(key: string, kept: Kept): void {
    const timer = this.ways.timer(IDLE_MS);
    kept.idle = timer;
    void timer.elapsed.then(() => {
      if (kept.idle === timer) this.#end(key, kept);
    });
  }

  #end(key: string, kept: Kept): void {
    kept.idle?.cancel();
    kept.idle = null;
    if (this.#kept.get(key) === kept) this.#kept.delete(key);
    const ending = kept.upstream.close().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
