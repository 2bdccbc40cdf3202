import type { Deps } from "../../lib/deps.ts";
import type { JsonValue } from "../../lib/base/json.ts";
import { type Got, TestOrg } from "../helpers/countersign.ts";
import { createOrgOperation } from "../../lib/catalog/create_org.ts";
import { Chance } from "./chance.ts";
import { type FaultName, type Faults, NO_FAULTS } from "./faults.ts";
import { type Asked, History, type Question } from "./history.ts";
import { MailServer } from "./mail_server.ts";
import { NodeClock, type NodeSettings, ORIGIN, SimulatedNode } from "./node.ts";
import { Outside } from "./outside.ts";
import { Schedule, WORLD } from "./schedule.ts";
import { entriesOf, onlooker, peopleOf } from "./onlooker.ts";
import { SimulatedStore } from "./store.ts";
import { Wires } from "./wires.ts";

/** How long a client waits for an answer before it counts as lost, milliseconds. */
const PATIENCE_MS = 90_000;

/** How long a process that died is down. */
const DOWN_MS = { from: 500, to: 20_000 };

/** How long a store stays full. */
const FULL_MS = { from: 1000, to: 30_000 };

const MINUTE_MS = 60_000;

/** How far apart are the moments at which a node may die, a clock be set, a store fill; on average. */
const NOW_AND_THEN_MS = 10_000;

/** How far from the world's time a clock is set at most: less than what the product believes. */
const MOST_SET_MS = 2 * MINUTE_MS;

const JSON_TYPE = "application/json";

export type SimulatedOrg = TestOrg<World>;

/** Several nodes over one store, the network before them, and what goes wrong with all of it. */
export class World {
  readonly schedule: Schedule;
  readonly store: SimulatedStore;
  readonly history = new History();
  readonly nodes: SimulatedNode[] = [];
  readonly outside: Outside;
  /** Servers of others, and the ways to them. */
  readonly wires: Wires;
  readonly mail: MailServer;
  readonly #clocks: NodeClock[] = [];
  #settings: NodeSettings;
  readonly #strikes: Readonly<Record<FaultName, Chance>>;
  readonly #network: Chance;
  #faults: Faults = NO_FAULTS;
  #wellSince: number | null = null;
  /** When what went wrong with the deployment ended, or all its processes did, last. */
  #disturbed = -Infinity;
  #starts = 0;
  /** Actors end when they next look. */
  isEnding = false;

  constructor(readonly chance: Chance, nodes: number, queues: boolean) {
    this.schedule = new Schedule(chance);
    this.#strikes = Object.fromEntries(
      Object.keys(NO_FAULTS).map((name) => [name, chance.fork(`fault ${name}`)]),
    ) as Record<FaultName, Chance>;
    this.store = new SimulatedStore(this.schedule, chance, (name) => this.happens(name));
    this.store.watcher = (commit) => {
      for (const { org, entry } of entriesOf(commit)) {
        this.history.happened({ is: "logged", org, entry, now: this.schedule.now });
      }
      for (const stored of peopleOf(commit)) this.history.happened(stored);
    };
    this.wires = new Wires(
      this.schedule,
      chance,
      (name) => this.happens(name),
      (owner) => this.#kill(this.nodes.findIndex((node) => node.owner === owner)),
    );
    this.#network = chance.fork("network");
    this.outside = new Outside(this.schedule, chance);
    this.mail = new MailServer(
      this.schedule,
      chance,
      (mail) =>
        this.history.happened({
          is: "mailed",
          org: null,
          mail,
          at: this.schedule.now,
          isCalm: this.isCalm,
        }),
      (mail) => this.history.happened({ is: "written", org: null, mail }),
    );
    this.#settings = { secret: chance.fork("secret").bytes(48), previous: null, queues };
    const drifts = chance.fork("drifts");
    for (let i = 0; i < nodes; i++) {
      this.#clocks.push(new NodeClock(this.schedule, drifts.between(-1, 1) * 2e-5));
    }
  }

  /** The services of a node, for what is made without the API. */
  get services() {
    return this.#node(0).services;
  }

  /** Starts all nodes, one after the other. */
  async start(): Promise<void> {
    for (let i = 0; i < this.#clocks.length; i++) await this.#startNode(i);
  }

  /** A new org with a key of each tier. */
  async org(name: string): Promise<SimulatedOrg> {
    const { deps, settings, ids, ledgers } = this.services;
    const id = ids.make("org", deps.now());
    const org = { id, name, host: settings.url.host };
    this.history.happened({ is: "founded", org: id });
    await ledgers.transact(
      id,
      await createOrgOperation(deps, org, { type: "system", id: "simulation" }),
    );
    const made: SimulatedOrg = new TestOrg<World>(this, id);
    for (const tier of ["management", "standard", "approver"] as const) await made.key(tier);
    return made;
  }

  /** From now on these go wrong. */
  suffer(faults: Faults): void {
    this.#faults = faults;
    this.tellTime();
    this.mail.suffer();
    this.#nowAndThen("killed", (chance) => this.#kill(chance.below(this.nodes.length)));
    this.#nowAndThen("clock_set", (chance) => {
      chance.pick(this.#clocks).offset = Math.floor(chance.between(-MOST_SET_MS, MOST_SET_MS));
    });
    this.#nowAndThen("full", (chance) => {
      this.store.isFull = true;
      this.schedule.after(chance.between(FULL_MS.from, FULL_MS.to), WORLD, "room again", () => {
        this.store.isFull = false;
      });
    });
  }

  /** Nothing goes wrong any more, and every clock is right. */
  heal(): void {
    if (!this.#isWell) this.#disturbed = this.schedule.now;
    this.#faults = NO_FAULTS;
    this.#wellSince = this.schedule.now;
    this.mail.heal();
    this.store.isFull = false;
    for (const clock of this.#clocks) clock.offset = 0;
  }

  /** The operator gives the deployment another secret: every process is started anew with both. */
  rotateSecret(): void {
    const { secret: previous, queues } = this.#settings;
    const secret = this.chance.fork("secret after").bytes(48);
    this.#settings = { secret, previous, queues };
    this.#restartAll();
  }

  /** The operator brings back the store as it was when this was called: answers how. */
  backUp(): () => void {
    const restore = this.store.rows.copy();
    return () => {
      this.#restartAll(restore);
    };
  }

  get #isWell(): boolean {
    return Object.values(this.#faults).every((likelihood) => likelihood === 0);
  }

  /** Whether nothing goes wrong with the deployment itself, nor did just now; whatever others do. */
  get isCalm(): boolean {
    return this.#isWell && this.schedule.now > this.#disturbed + MINUTE_MS;
  }

  /** Says to whoever holds promises how late it is. */
  tellTime(): void {
    const { schedule: { now } } = this;
    const { isCalm } = this;
    this.history.happened({ is: "passed", org: null, now, well_since: this.#wellSince, isCalm });
  }

  /** What it takes to look into the store as it is, between two turns. */
  get onlooking(): Deps {
    return { ...this.services.deps, kv: onlooker(this.store.rows) };
  }

  /** Waits in the world's time. */
  pause(milliseconds: number): Promise<void> {
    return this.schedule.timer(milliseconds, WORLD).elapsed;
  }

  /** A request as a client of the network makes it, and what it hears. Never fails. */
  async ask(
    question: Question,
    secret: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Asked> {
    const asked = this.history.begin(question, this.schedule.now);
    const got = await this.#send(question, secret, headers);
    asked.answered_at = this.schedule.now;
    if (got !== null) {
      asked.status = got.response.status;
      asked.headers = got.response.headers;
      asked.clock = got.clock;
      asked.answer = got.text.startsWith("{") ? JSON.parse(got.text) : got.text;
    }
    this.history.happened({ is: "answered", org: asked.org, asked });
    if (got === null) return asked;
    this.schedule.note(
      `${asked.number} ${question.actor} ${question.deed} ${asked.status} ${
        asked.answer.code ?? ""
      }`,
    );
    return asked;
  }

  /** A request to the first node, while nothing goes wrong, for an org that is being made. */
  async request(
    method: string,
    path: string,
    { key, body, headers = {} }: {
      key?: string;
      body?: unknown;
      headers?: Record<string, string>;
    } = {},
  ): Promise<Got> {
    const question: Question = {
      actor: "maker",
      org: "",
      deed: "make",
      method,
      path,
      body: body as JsonValue | undefined,
      credential: "maker",
      key: null,
    };
    const { status, answer, headers: got } = await this.ask(question, key ?? "", headers);
    return {
      status: status ?? 0,
      headers: got ?? new Headers(),
      body: answer,
      text: JSON.stringify(answer),
    };
  }

  /** Whether a fault strikes now. */
  happens(name: FaultName): boolean {
    const likelihood = this.#faults[name];
    return likelihood > 0 && this.#strikes[name].happens(likelihood);
  }

  async #send(
    { method, path, body }: Question,
    secret: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<{ response: Response; text: string; clock: number } | null> {
    const patience = this.schedule.timer(PATIENCE_MS, WORLD);
    const way = async () => {
      await this.pause(this.#network.between(0.1, 3));
      if (this.happens("request_lost")) return null;
      const node = this.#network.pick(this.nodes);
      if (!node.isReady) return null;
      const arrived = node.clock.now;
      const answer = await node.answer(
        new Request(ORIGIN + path, {
          method,
          headers: {
            host: "localhost:8000",
            ...(secret === "" ? {} : { "x-api-key": secret }),
            ...(body === undefined ? {} : { "content-type": JSON_TYPE }),
            ...headers,
          },
          body: body === undefined ? null : written(body, headers),
        }),
      );
      const answered = node.clock.now;
      await this.pause(this.#network.between(0.1, 3));
      if (answer === null || this.happens("response_lost")) return null;
      return { ...answer, clock: Math.min(arrived, answered) };
    };
    const got = await Promise.race([way(), patience.elapsed.then(() => null)]);
    patience.cancel();
    return got;
  }

  #node(at: number): SimulatedNode {
    const node = this.nodes[at];
    if (node === undefined) throw new RangeError("There is no such node.");
    return node;
  }

  /** Every now and then something may strike that is no part of a call. */
  #nowAndThen(name: FaultName, strike: (chance: Chance) => void): void {
    const chance = this.#strikes[name];
    const again = () => {
      if (this.#faults === NO_FAULTS) return;
      this.schedule.after(chance.between(0, 2 * NOW_AND_THEN_MS), WORLD, `may be ${name}`, () => {
        if (this.happens(name)) strike(chance);
        again();
      });
    };
    again();
  }

  /** Ends every process, does something to the store, and starts them all. */
  #restartAll(meanwhile: () => void = () => {}): void {
    for (const node of this.nodes) node.kill();
    this.#disturbed = this.schedule.now;
    this.tellTime();
    meanwhile();
    for (const at of this.nodes.keys()) void this.#startNode(at);
  }

  #kill(at: number): void {
    const node = this.nodes[at];
    if (node?.isReady !== true) return;
    this.schedule.note(`killed ${node.owner.name}`);
    node.kill();
    const down = this.#strikes.killed.between(DOWN_MS.from, DOWN_MS.to);
    this.schedule.after(down, WORLD, "start again", () => {
      // Somebody else may have started it meanwhile.
      if (this.nodes[at] === node) void this.#startNode(at);
    });
  }

  /** Starts a process in the place of the one before, over and over as a supervisor does. */
  async #startNode(at: number): Promise<void> {
    const clock = this.#clocks[at];
    if (clock === undefined) throw new RangeError("There is no such clock.");
    for (;;) {
      const name = `n${at}.${++this.#starts}`;
      const node = new SimulatedNode(
        this.schedule,
        this.store,
        clock,
        name,
        this.#settings,
        this.chance,
        this.mail,
        this.outside,
        this.wires,
      );
      this.nodes[at] = node;
      try {
        await node.start();
        return;
      } catch (error) {
        this.schedule.note(`${name} did not start: ${error}`);
        node.kill();
        await this.pause(1000);
      }
      if (this.nodes[at] !== node) return;
    }
  }
}

/** A body as its headers say that it is written: JSON, or a form, whose fields may come several times. */
function written(body: JsonValue, headers: Readonly<Record<string, string>>): BodyInit {
  if ((headers["content-type"] ?? JSON_TYPE) === JSON_TYPE) return JSON.stringify(body);
  const fields = Object.entries(body as Record<string, string | string[]>);
  return new URLSearchParams(
    fields.flatMap(([name, values]) => [values].flat().map((value) => [name, value])),
  );
}
