import { type Deps, systemRandom, systemTimer } from "../lib/deps.ts";
import { makeSecret, secretHash, type SecretKind } from "../lib/identity/secret.ts";
import type { JsonObject } from "../lib/json/json_value.ts";
import { makeServices } from "../lib/make_services.ts";
import { createOrgOperation } from "../lib/orgs/create_org.ts";
import type { Services } from "../lib/services.ts";
import { readSettings } from "../lib/settings/settings.ts";
import * as keys from "../lib/store/keys.ts";
import type { Kv } from "../lib/store/kv.ts";
import type { AgentRecord, ApiKeyRecord, MemberRecord } from "../lib/store/records/identity.ts";
import { Sealer } from "../lib/store/sealing.ts";
import { app } from "../routes/app.ts";

/** An answer as a client sees it. */
export interface Got {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body; null when it is not JSON. */
  // deno-lint-ignore no-explicit-any -- tests look at answers member by member
  readonly body: any;
  readonly text: string;
}

/** A clock that stands still until a test moves it. */
export class TestClock {
  constructor(public now = Date.UTC(2026, 0, 1)) {}

  advance(milliseconds: number): void {
    this.now += milliseconds;
  }
}

export interface FixtureOptions {
  /** The store; one in memory when absent. It is closed with the fixture. */
  readonly kv?: Kv;
  readonly clock?: TestClock;
  readonly deps?: Partial<Deps>;
  /** Share the sealing secret between nodes over one store. */
  readonly secret?: Uint8Array;
  readonly variables?: Record<string, string>;
}

/** A whole Countersign over real HTTP on a port of its own, with a clock that the test moves. */
export class Countersign implements AsyncDisposable {
  private constructor(
    readonly services: Services,
    readonly clock: TestClock,
    readonly secret: Uint8Array,
    readonly server: Deno.HttpServer<Deno.NetAddr>,
    readonly ownsKv: boolean,
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
    const settings = readSettings((variable) =>
      ({
        PORT: String(server.addr.port),
        COUNTERSIGN_URL: `http://127.0.0.1:${server.addr.port}`,
        ...options.variables,
      } as Record<string, string>)[variable]
    );
    const services = makeServices({
      kv,
      sealer: new Sealer(secret, null, systemRandom),
      queues: false,
      now: () => clock.now,
      random: systemRandom,
      timer: systemTimer,
      log: () => {},
      ...options.deps,
    }, settings);
    resolve(app(services));
    return new Countersign(services, clock, secret, server, options.kv === undefined);
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
    const response = await fetch(`http://127.0.0.1:${this.server.addr.port}${path}`, {
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
    await this.server.shutdown();
    if (this.ownsKv) this.services.deps.kv.close();
  }
}

/** An org in a fixture, and its credentials. */
export class TestOrg {
  readonly secrets: Partial<Record<SecretKind, string>> = {};

  constructor(readonly countersign: Countersign, readonly id: string) {}

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
    const secret = makeSecret(tier, systemRandom);
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
        member_behind: null,
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
    const secret = makeSecret("agent", systemRandom);
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
        member_behind: null,
        created_at: transaction.at,
        ...fields,
      };
      transaction.setPolicy(keys.agentKey(this.id, record.id), record);
      const index = { org: this.id, kind: "agent", id: record.id };
      transaction.set(keys.credentialKey(record.secret_hash), index);
    });
    return secret;
  }

  /** Makes a member of any role without the API. */
  async member(email: string, fields: Partial<MemberRecord> = {}): Promise<MemberRecord> {
    return await this.transact((transaction) => {
      const record: MemberRecord = {
        id: transaction.id("usr"),
        email,
        role: "approver",
        groups: [],
        has_passkey: false,
        created_at: transaction.at,
        ...fields,
      };
      transaction.setPolicy(keys.memberKey(this.id, email), record);
      return record;
    });
  }

  /** An approved tool without the API of tools. */
  async tool(name: string, fields: JsonObject = {}): Promise<void> {
    const { draftToolRecord } = await import("../lib/policy/chain.ts");
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
    plan: (transaction: import("../lib/ledger/transaction.ts").Transaction) => R,
  ): Promise<R> {
    return await this.countersign.services.ledgers.transact(this.id, { plan });
  }

  #secret(tier: "management" | "standard" | "approver"): string {
    const secret = this.secrets[tier];
    if (secret === undefined) throw new Error(`The org has no ${tier} key yet.`);
    return secret;
  }
}
