import type { JsonObject } from "../../lib/base/json.ts";
import { createOrgOperation } from "../../lib/catalog/create_org.ts";
import type { Deps } from "../../lib/deps.ts";
import { asMember, memberCaller, type MemberOperation } from "../../lib/identity/acting.ts";
import type { MemberCaller } from "../../lib/identity/caller.ts";
import { makeSecret, secretHash, type SecretKind } from "../../lib/identity/credentials.ts";
import { beginSession } from "../../lib/identity/sessions.ts";
import type { Network } from "../../lib/outside/connection.ts";
import { hostFetch, keepingFetch } from "../../lib/outside/guarded_fetch.ts";
import { HostSlots } from "../../lib/outside/host_slots.ts";
import { internet } from "../../lib/outside/internet.ts";
import type { Right } from "../../lib/policy/rights.ts";
import type { Accepted } from "../../lib/refusal.ts";
import { readSettings } from "../../lib/server/settings.ts";
import { makeServices } from "../../lib/server/wiring.ts";
import type { Services } from "../../lib/services.ts";
import * as keys from "../../lib/store/keys.ts";
import type { Kv } from "../../lib/store/kv.ts";
import type { AgentRecord, ApiKeyRecord, MemberRecord } from "../../lib/store/records/identity.ts";
import type { AccountRecord } from "../../lib/store/records/people.ts";
import { Sealer } from "../../lib/store/sealing.ts";
import {
  afterTurn,
  everyMinute,
  systemRandom,
  systemTimer,
  type Timer,
} from "../../lib/store/system.ts";
import { UpstreamConnections } from "../../lib/upstreams/connections.ts";
import { app } from "../../routes/app.ts";
import type { Route } from "../../routes/http/route.ts";
import { MailBox, PushBox } from "./mail_box.ts";
import { StrangerSites } from "./stranger_sites.ts";

/** An answer as a client sees it. */
export interface Got {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body; null when it is not JSON. */
  // deno-lint-ignore no-explicit-any -- tests look at answers member by member
  readonly body: any;
  readonly text: string;
}

/** No test asks the internet: of all names those alone are found that `COUNTERSIGN_PRIVATE_HOSTS` has. */
const NAMED_ALONE: Network = {
  ...internet,
  resolve: (host, signal, own) => own ? internet.resolve(host, signal, own) : Promise.resolve([]),
};

const SLOTS = { at_once: 64, waiting: 200, in_all: 500 };

/** The timers of a node, which end with it: some run on when nobody waits any more. */
class EndedTimers {
  readonly #running = new Set<Timer>();

  constructor(readonly made: Deps["timer"]) {}

  readonly timer = (milliseconds: number): Timer => {
    const timer = this.made(milliseconds);
    this.#running.add(timer);
    void timer.elapsed.then(() => this.#running.delete(timer));
    return timer;
  };

  end(): void {
    for (const timer of this.#running) timer.cancel();
  }
}

/** A clock that stands still until a test moves it. */
export class TestClock {
  /** By how much it was set while it ran. */
  #set = 0;

  constructor(public now = Date.UTC(2026, 0, 1)) {}

  /** What only counts on. */
  get monotonic(): number {
    return this.now - this.#set;
  }

  advance(milliseconds: number): void {
    this.now += milliseconds;
  }

  /** Sets the clock, as an operator does or a machine that wakes up. */
  set(milliseconds: number): void {
    this.now += milliseconds;
    this.#set += milliseconds;
  }
}

export interface FixtureOptions {
  /** What hosts that members name are reached by. */
  readonly network?: Network;
  /** The store; one in memory when absent. It is closed with the fixture. */
  readonly kv?: Kv;
  readonly clock?: TestClock;
  readonly deps?: Partial<Deps>;
  /** Share the sealing secret between nodes over one store. */
  readonly secret?: Uint8Array;
  readonly variables?: Record<string, string>;
  /** Be http://localhost, where browsers allow passkeys, in place of http://127.0.0.1. */
  readonly localhost?: boolean;
  /** Routes to serve in place of the API's. */
  readonly routes?: readonly Route[];
  /** What says that the process stops. */
  readonly stopping?: AbortSignal;
}

/** A whole Countersign over real HTTP on a port of its own, with a clock that the test moves. */
export class Countersign implements AsyncDisposable {
  private constructor(
    readonly services: Services,
    readonly clock: TestClock,
    readonly secret: Uint8Array,
    readonly server: Deno.HttpServer<Deno.NetAddr>,
    /** Where it answers. */
    readonly origin: string,
    readonly ownsKv: boolean,
    /** The mails that were sent. */
    readonly mail: MailBox,
    /** The pushes that were sent. */
    readonly pushes: PushBox,
    /** What hosts that clients name answer. */
    readonly sites: StrangerSites,
    readonly timers: EndedTimers,
  ) {}

  static async start(options: FixtureOptions = {}): Promise<Countersign> {
    const clock = options.clock ?? new TestClock();
    const kv = options.kv ?? await Deno.openKv(":memory:");
    const secret = options.secret ?? systemRandom(48);
    const { promise: handler, resolve } = Promise.withResolvers<ReturnType<typeof app>>();
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      async (request, connection) => (await handler).fetch(request, connection),
    );
    const origin = `http://${options.localhost ? "localhost" : "127.0.0.1"}:${server.addr.port}`;
    const settings = readSettings((variable) =>
      ({
        PORT: String(server.addr.port),
        COUNTERSIGN_URL: origin,
        ...options.variables,
      } as Record<string, string>)[variable]
    );
    const mail = new MailBox();
    const pushes = new PushBox();
    const sites = new StrangerSites();
    const timers = new EndedTimers(options.deps?.timer ?? systemTimer);
    const ways = {
      network: options.network ?? NAMED_ALONE,
      timer: timers.timer,
      named: settings.private_hosts,
    };
    const deps: Deps = {
      kv,
      sealer: new Sealer(secret, null, systemRandom),
      queues: false,
      afterTurn,
      everyMinute,
      now: () => clock.now,
      monotonic: () => clock.monotonic,
      random: systemRandom,
      log: () => {},
      mail,
      push: pushes.push,
      strangers: sites.fetch,
      hosts: hostFetch({ ...ways, slots: new HostSlots({ ...SLOTS, at_once: 2 }) }),
      upstreams: new UpstreamConnections({
        keeping: keepingFetch({
          ...ways,
          slots: new HostSlots(SLOTS),
          monotonic: () => clock.monotonic,
        }),
        timer: timers.timer,
        programs: new Map(),
        monotonic: () => clock.monotonic,
      }),
      ...options.deps,
      timer: timers.timer,
    };
    const services = makeServices(deps, settings, options.stopping);
    resolve(app(services, options.routes));
    const ownsKv = options.kv === undefined;
    return new Countersign(
      services,
      clock,
      secret,
      server,
      origin,
      ownsKv,
      mail,
      pushes,
      sites,
      timers,
    );
  }

  /** Another node over the same store, to be disposed before this one. */
  another(variables: Record<string, string> = {}): Promise<Countersign> {
    const { kv } = this.services.deps;
    return Countersign.start({ kv, clock: this.clock, secret: this.secret, variables });
  }

  /** A new org with one key of each tier, made without the API. */
  async org(): Promise<TestOrg> {
    const { deps, settings, ids, ledgers } = this.services;
    const id = ids.make("org", this.clock.now);
    const org = { id, name: "test", host: settings.url.host };
    await ledgers.transact(
      id,
      await createOrgOperation(deps, org, { type: "system", id: "test" }),
    );
    const made = new TestOrg(this, id);
    for (const tier of ["management", "standard", "approver"] as const) await made.key(tier);
    return made;
  }

  /** One request over HTTP. A string body goes out as it is, anything else as JSON. */
  async request(
    method: string,
    path: string,
    options: { key?: string; body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Got> {
    const { key, body, headers = {} } = options;
    const response = await fetch(this.origin + path, {
      method,
      headers: { ...(key === undefined ? {} : { "x-api-key": key }), ...headers },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "") &&
      !/ndjson/.test(response.headers.get("content-type") ?? "");
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== "" ? JSON.parse(text) : null,
      text,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.services.deps.upstreams.close();
    await this.server.shutdown();
    if (this.ownsKv) this.services.deps.kv.close();
    this.timers.end();
  }
}

/** A member who is signed in, without any ceremony. */
export interface SignedIn {
  /** What the session cookie holds. */
  readonly secret: string;
  /** Under which the session is stored; `asMember` takes it. */
  readonly hash: string;
  readonly member: MemberRecord;
  /** The member as the session's first operation sees them. */
  readonly caller: MemberCaller;
}

export interface SignedInOptions {
  /** Whether the session has a fresh assertion; true when absent. */
  readonly fresh?: boolean;
  /** Whether a recovery holds the member for a day; false when absent. */
  readonly held?: boolean;
  readonly email?: string;
  /** What they call themselves; nothing when absent. */
  readonly name?: string;
  readonly groups?: MemberRecord["groups"];
}

/** What a member is who has not accepted the membership yet. */
export const INVITED = { account: null, has_passkey: false } as const;

/** What an org of a test lives in. */
export type Home = Pick<Countersign, "services" | "request">;

/** An org in a fixture, and its credentials. */
export class TestOrg<H extends Home = Countersign> {
  readonly secrets: Partial<Record<SecretKind, string>> = {};

  constructor(readonly countersign: H, readonly id: string) {}

  get management(): string {
    return this.#secret("management");
  }
  get standard(): string {
    return this.#secret("standard");
  }
  get approver(): string {
    return this.#secret("approver");
  }

  /** A request with the standard key, or with another secret. */
  post(path: string, body: unknown, key = this.standard, headers = {}): Promise<Got> {
    return this.countersign.request("POST", path, { key, body, headers });
  }
  get(path: string, key = this.standard, headers = {}): Promise<Got> {
    return this.countersign.request("GET", path, { key, headers });
  }
  /** A change of the configuration with the management key. */
  manage(method: string, path: string, body?: unknown, headers = {}): Promise<Got> {
    return this.countersign.request(method, path, { key: this.management, body, headers });
  }

  /** Makes a key without the API. The first of each tier is the org's own. */
  async key(
    tier: "management" | "standard" | "approver",
    fields: Partial<ApiKeyRecord> = {},
  ): Promise<string> {
    const secret = makeSecret(tier, this.countersign.services.deps.random);
    await this.transact((transaction) => {
      const record: ApiKeyRecord = {
        id: transaction.id("key"),
        name: tier,
        tier,
        secret_hash: secretHash(secret),
        trust_tier: 0,
        tenant_ids: null,
        expires_at: null,
        rate_limit_per_minute: null,
        audit_private: false,
        bootstrap: false,
        kept: false,
        mandate_ids: null,
        may_grant: false,
        user_passkeys: false,
        members_behind: [],
        created_at: transaction.at,
        ...fields,
      };
      transaction.setPolicy(keys.apiKeyKey(this.id, record.id), record);
      const index = { org: this.id, kind: "api_key", id: record.id };
      transaction.set(keys.credentialKey(record.secret_hash), index);
    });
    this.secrets[tier] ??= secret;
    return secret;
  }

  /** Makes an agent without the API and returns its token. */
  async agent(fields: Partial<AgentRecord> = {}): Promise<string> {
    const secret = makeSecret("agent", this.countersign.services.deps.random);
    await this.transact((transaction) => {
      const record: AgentRecord = {
        id: transaction.id("agt"),
        name: "agent",
        secret_hash: secretHash(secret),
        trust_tier: 0,
        tenant_ids: null,
        expires_at: null,
        rate_limit_per_minute: null,
        kill_switch: { active: false, reason: null },
        void_before: 0,
        mandate_ids: null,
        members_behind: [],
        created_at: transaction.at,
        ...fields,
      };
      transaction.setPolicy(keys.agentKey(this.id, record.id), record);
      const index = { org: this.id, kind: "agent", id: record.id };
      transaction.set(keys.credentialKey(record.secret_hash), index);
    });
    return secret;
  }

  /** Makes a member of any role without the API, who has accepted the membership under a passkey. */
  async member(email: string, fields: Partial<MemberRecord> = {}): Promise<MemberRecord> {
    return await this.transact((transaction) => {
      const record: MemberRecord = {
        id: transaction.id("usr"),
        email,
        name: null,
        role: "approver",
        groups: [],
        account: transaction.id("acc"),
        has_passkey: true,
        held_until: null,
        created_at: transaction.at,
        ...fields,
      };
      transaction.setPolicy(keys.memberKey(this.id, email), record);
      return record;
    });
  }

  /** A new member of a role with an account and a live session, made without the API. */
  async signedIn(role: MemberRecord["role"], options: SignedInOptions = {}): Promise<SignedIn> {
    const { fresh = true, held = false, groups = [] } = options;
    const { deps, ids, ledgers } = this.countersign.services;
    const account = ids.make("acc", deps.now());
    const email = options.email ?? `${role}-${account.slice(-8).toLowerCase()}@example.com`;
    const { secret, record, member } = await this.transact((transaction) => {
      const { at } = transaction;
      const person: AccountRecord = {
        id: account,
        email,
        orgs: [this.id],
        had_passkey: true,
        recovered_at: null,
        orgless_since: null,
        orgs_made: [],
        created_at: at,
      };
      transaction.set(keys.accountKey(account), person);
      transaction.set(keys.accountByEmailKey(email), { account });
      const member: MemberRecord = {
        id: transaction.id("usr"),
        email,
        name: options.name ?? null,
        role,
        groups,
        account,
        has_passkey: true,
        held_until: held ? at + 24 * 60 * 60 * 1000 : null,
        created_at: at,
      };
      transaction.setPolicy(keys.memberKey(this.id, email), member);
      const passkey = { account, org: this.id, credential_id: "none", user_agent: null };
      const begun = beginSession(transaction, passkey);
      const record = { ...begun.record, fresh_until: fresh ? begun.record.fresh_until : at };
      transaction.set(keys.sessionKey(secretHash(begun.secret)), record);
      return { secret: begun.secret, record, member };
    });
    const caller = await ledgers.transact(this.id, {
      plan: ({ snapshot, now }) => memberCaller(snapshot, record, now),
    });
    return { secret, hash: secretHash(secret), member, caller };
  }

  /** Runs an operation for a member, as a page or route that asks for `right` does. */
  as<L, R>(
    session: SignedIn,
    right: Right,
    operation: MemberOperation<L, R>,
  ): Promise<Accepted<R>> {
    return this.countersign.services.ledgers.transact(
      this.id,
      asMember(session, right, operation),
    );
  }

  /** An approved tool without the API of tools. */
  async tool(name: string, fields: JsonObject = {}): Promise<void> {
    const { draftToolRecord } = await import("../../lib/policy/draft_tool.ts");
    await this.transact((transaction) => {
      transaction.setPolicy(keys.toolKey(this.id, name), {
        ...draftToolRecord(name, transaction.id("tol"), transaction.at),
        status: "approved",
        annotations_acknowledged: true,
        discovered: false,
        default_permission: "allowed",
        ...fields,
      });
    });
  }

  async transact<R>(
    plan: (transaction: import("../../lib/ledger/transaction.ts").Transaction) => R,
  ): Promise<R> {
    return await this.countersign.services.ledgers.transact(this.id, { plan });
  }

  #secret(tier: "management" | "standard" | "approver"): string {
    const secret = this.secrets[tier];
    if (secret === undefined) throw new Error(`The org has no ${tier} key yet.`);
    return secret;
  }
}
