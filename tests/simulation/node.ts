import type { Deps } from "../../lib/deps.ts";
import { bootstrap } from "../../lib/catalog/create_org.ts";
import { startDueWork } from "../../lib/server/due_worker.ts";
import { migrate } from "../../lib/server/migrations.ts";
import { startSecretRotation } from "../../lib/server/rotation.ts";
import { readSettings } from "../../lib/server/settings.ts";
import { makeServices } from "../../lib/server/wiring.ts";
import type { Services } from "../../lib/services.ts";
import { proveSecret } from "../../lib/store/open_store.ts";
import { Sealer } from "../../lib/store/sealing.ts";
import { StrangerFetchFailed } from "../../lib/outside/http_answer.ts";
import { app } from "../../routes/app.ts";
import type { Chance } from "./chance.ts";
import type { MailServer } from "./mail_server.ts";
import type { Outside } from "./outside.ts";
import type { Owner, Schedule } from "./schedule.ts";
import type { SimulatedStore } from "./store.ts";
import type { Wires } from "./wires.ts";

/**
 * One process of the product, whole, over the store of the simulation: the code that `deno task start`
 * runs, from the HTTP surface down, with what comes from outside put in its place.
 */

/** Where a request of the simulation goes, which every node answers. */
export const ORIGIN = "http://localhost:8000";

/** How nodes are set up. */
export interface NodeSettings {
  readonly secret: Uint8Array;
  /** The one before, while the store is sealed anew. */
  readonly previous: Uint8Array | null;
  /** Whether the store delivers messages. */
  readonly queues: boolean;
}

/** A clock of a node: it may be set, and runs a little too fast or too slow. */
export class NodeClock {
  /** By how much it was set, milliseconds. */
  offset = 0;

  /** @param drift by which part of the time it is ahead of the world's, less where negative */
  constructor(readonly schedule: Schedule, readonly drift: number) {}

  get now(): number {
    return Math.floor(this.monotonic + this.offset);
  }

  /** What only counts on. */
  get monotonic(): number {
    const { now } = this.schedule;
    return now + (now - Date.UTC(2026, 0, 1)) * this.drift;
  }
}

/** A process, from its start to its death. */
export class SimulatedNode {
  readonly owner: Owner;
  readonly services: Services;
  readonly #app: ReturnType<typeof app>;
  /** Whether it serves. */
  isReady = false;
  /** Called as it dies, for each request under way. */
  readonly #underWay = new Set<() => void>();

  constructor(
    readonly schedule: Schedule,
    store: SimulatedStore,
    readonly clock: NodeClock,
    name: string,
    { secret, previous, queues }: NodeSettings,
    chance: Chance,
    mail: MailServer,
    outside: Outside,
    wires: Wires,
  ) {
    const owner = this.owner = { name, isAlive: true };
    const random = chance.fork(`random of ${name}`);
    const refuse = () => Promise.reject(new StrangerFetchFailed("unreachable", "Nobody is there."));
    const times = {
      monotonic: () => clock.monotonic,
      timer: (milliseconds: number) => schedule.timer(milliseconds, owner),
    };
    const { hosts, push, upstreams } = wires.of(owner, times);
    const deps: Deps = {
      ...times,
      kv: store.of(owner),
      queues,
      sealer: new Sealer(secret, previous, (bytes) => random.bytes(bytes)),
      now: () => clock.now,
      random: (bytes) => random.bytes(bytes),
      afterTurn: (callback) => void schedule.after(0, owner, "after turn", callback),
      everyMinute: (name, work, stop) => this.#everyMinute(name, work, stop),
      log: (level, message) => schedule.note(`${level} ${message}`),
      mail: mail.of(owner),
      push,
      strangers: refuse,
      hosts: outside.of(owner, hosts),
      upstreams,
    };
    const settings = readSettings((variable) =>
      ({ PORT: "8000", COUNTERSIGN_URL: ORIGIN, COUNTERSIGN_KV: ":memory:" } as Record<
        string,
        string
      >)[variable]
    );
    this.services = makeServices(deps, settings);
    this.#app = app(this.services);
  }

  /** Does what a process does before it serves; fails as that does. */
  async start(): Promise<void> {
    await proveSecret(this.services.deps);
    await this.services.processTimes.look();
    await migrate(this.services);
    await bootstrap(this.services);
    this.services.lastUsed.start();
    this.services.failedAttempts.start();
    this.services.processTimes.start();
    startDueWork(this.services);
    startSecretRotation(this.services);
    this.isReady = true;
  }

  /** Ends it as kill -9 does: of what it was about to do nothing happens any more. */
  kill(): void {
    this.owner.isAlive = false;
    this.isReady = false;
    for (const cut of this.#underWay) cut();
  }

  /**
   * Has it answer a request; null where its connection is cut before the answer is whole.
   */
  async answer(request: Request): Promise<{ response: Response; text: string } | null> {
    const { promise: cut, resolve } = Promise.withResolvers<null>();
    const onCut = () => resolve(null);
    this.#underWay.add(onCut);
    try {
      const remoteAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1 } as const;
      const whole = async () => {
        const response = await this.#app.fetch(request, { remoteAddr });
        return { response, text: await response.text() };
      };
      return await Promise.race([whole(), cut]);
    } finally {
      this.#underWay.delete(onCut);
    }
  }

  #everyMinute(name: string, work: () => Promise<void>, stop: AbortSignal): void {
    this.schedule.after(60_000, this.owner, name, () => {
      if (stop.aborted) return;
      void work();
      this.#everyMinute(name, work, stop);
    });
  }
}
