import { IdMaker } from "../lib/base/id.ts";
import { createOrgOperation } from "../lib/catalog/create_org.ts";
import type { Deps } from "../lib/deps.ts";
import { makeSecret, secretHash } from "../lib/identity/credentials.ts";
import { Ledgers } from "../lib/ledger/ledgers.ts";
import type { Transaction } from "../lib/ledger/transaction.ts";
import { consoleMailer } from "../lib/outside/mailer.ts";
import { draftToolRecord } from "../lib/policy/draft_tool.ts";
import * as keys from "../lib/store/keys.ts";
import type { AgentRecord, ApiKeyRecord } from "../lib/store/records/identity.ts";
import type { RuleRecord, TenantRecord, ToolRecord } from "../lib/store/records/policy.ts";
import { Sealer } from "../lib/store/sealing.ts";
import { afterTurn, everyMinute, systemRandom, systemTimer } from "../lib/store/system.ts";
import { CATEGORY, type SamplePolicy, TAG, TOOLS } from "./sample_policy.ts";

const SYSTEM = { type: "system", id: "bench" } as const;
/** Policy records that one commit takes: their keys may have 70,000 bytes together. */
const RECORDS_A_COMMIT = 400;
const ENTRIES_AN_OPERATION = 100;
/** Enough that a commit is always full, few enough that little memory waits. */
const OPERATIONS_AT_ONCE = 8;

/** What a server is asked with. */
export interface SeededOrg {
  /** A standard key without a rate limit. */
  readonly key: string;
  /** The token of an agent without a rate limit. */
  readonly agent: string;
  readonly management: string;
}

/** What a server over the store is started with, and the organization that is asked by itself. */
export interface SeededStore extends SeededOrg {
  readonly path: string;
  /** COUNTERSIGN_SECRET */
  readonly sealingSecret: string;
  /** All organizations, each with the whole policy; the first is the one above. */
  readonly orgs: readonly SeededOrg[];
}

/** Says how far a long load is, `done` of `all`. */
export type Progress = (what: string, done: number, all: number) => void;

/**
 * Makes a store with an org, its policy and as many log entries as asked, through the ledger; with
 * as many orgs of the same policy as asked, of which the others have no more entries than it takes.
 */
export async function seedStore(
  path: string,
  policy: SamplePolicy,
  options: { orgs?: number; entries?: number; progress?: Progress } = {},
): Promise<SeededStore> {
  const { orgs: count = 1, entries = 0, progress = () => {} } = options;
  const sealingSecret = systemRandom(48).toBase64();
  const kv = await Deno.openKv(path);
  const deps: Deps = {
    kv,
    queues: true,
    afterTurn,
    everyMinute,
    sealer: new Sealer(new TextEncoder().encode(sealingSecret), null, systemRandom),
    now: Date.now,
    monotonic: () => performance.now(),
    random: systemRandom,
    timer: systemTimer,
    log: (level, message, fields) => console.error(level, message, fields),
    mail: consoleMailer(console.error),
    push: () => Promise.reject(new Error("The benchmark pushes nothing.")),
    strangers: () => Promise.reject(new Error("The benchmark asks nobody.")),
    hosts: () => Promise.reject(new Error("The benchmark asks no host.")),
    upstreams: { take: () => null, close: () => Promise.resolve() },
  };
  const ledgers = new Ledgers(deps);
  const first = await seedOrg(ledgers, deps, policy, { entries, progress });
  const orgs = [first];
  while (orgs.length < count) {
    orgs.push(await seedOrg(ledgers, deps, policy, { entries: 0, progress: () => {} }));
  }
  kv.close();
  return { path, sealingSecret, ...first, orgs };
}

async function seedOrg(
  ledgers: Ledgers,
  deps: Deps,
  policy: SamplePolicy,
  { entries, progress }: { entries: number; progress: Progress },
): Promise<SeededOrg> {
  const org = new IdMaker(systemRandom).make("org", Date.now());
  const create = await createOrgOperation(
    deps,
    { id: org, name: "bench", host: "localhost" },
    SYSTEM,
  );
  await ledgers.transact(org, create);
  const key = makeSecret("standard", systemRandom);
  const agent = makeSecret("agent", systemRandom);
  const management = makeSecret("management", systemRandom);
  await ledgers.transact(org, {
    plan(transaction) {
      writeKey(transaction, "standard", key);
      writeKey(transaction, "management", management);
      writeTools(transaction);
      writeAgent(transaction, agent);
    },
  });
  await writeInParts(ledgers, org, policy.tenants, writeTenant, () => {});
  await writeInParts(
    ledgers,
    org,
    policy.rules,
    writeRule,
    (done, all) => progress("rules", done, all),
  );
  await appendEntries(ledgers, org, entries, (done) => progress("entries", done, entries));
  return { key, agent, management };
}

function writeKey(
  transaction: Transaction,
  tier: "standard" | "management",
  secret: string,
): void {
  const org = transaction.snapshot.orgId;
  const record: ApiKeyRecord = {
    id: transaction.id("key"),
    name: "bench",
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
  };
  transaction.setPolicy(keys.apiKeyKey(org, record.id), record);
  transaction.set(keys.credentialKey(record.secret_hash), { org, kind: "api_key", id: record.id });
}

function writeTools(transaction: Transaction): void {
  const org = transaction.snapshot.orgId;
  transaction.setPolicy(keys.categoryKey(org, CATEGORY), {
    name: CATEGORY,
    default_permission: "requires_approval",
  });
  for (const name of TOOLS) {
    const tool: ToolRecord = {
      ...draftToolRecord(name, transaction.id("tol"), transaction.at),
      category: CATEGORY,
      tags: [TAG],
      default_permission: null,
      annotations_acknowledged: true,
      status: "approved",
      discovered: false,
    };
    transaction.setPolicy(keys.toolKey(org, name), tool);
  }
}

function writeAgent(transaction: Transaction, secret: string): void {
  const org = transaction.snapshot.orgId;
  const record: AgentRecord = {
    id: transaction.id("agt"),
    name: "bench",
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
  };
  transaction.setPolicy(keys.agentKey(org, record.id), record);
  transaction.set(keys.credentialKey(record.secret_hash), { org, kind: "agent", id: record.id });
}

function writeTenant(transaction: Transaction, id: string): void {
  const record: TenantRecord = { id, name: null, metadata: {}, created_at: transaction.at };
  transaction.setPolicy(keys.tenantKey(transaction.snapshot.orgId, id), record);
}

function writeRule(transaction: Transaction, rule: SamplePolicy["rules"][number]): void {
  const record: RuleRecord = {
    id: transaction.id("rul"),
    ...rule,
    note: null,
    created_at: transaction.at,
    updated_at: transaction.at,
  };
  transaction.setPolicy(keys.ruleKey(transaction.snapshot.orgId, rule.selector), record);
}

async function writeInParts<T>(
  ledgers: Ledgers,
  org: string,
  items: readonly T[],
  write: (transaction: Transaction, item: T) => void,
  progress: (done: number, all: number) => void,
): Promise<void> {
  for (let from = 0; from < items.length; from += RECORDS_A_COMMIT) {
    const part = items.slice(from, from + RECORDS_A_COMMIT);
    await ledgers.transact(org, {
      plan(transaction) {
        for (const item of part) write(transaction, item);
      },
    });
    progress(from + part.length, items.length);
  }
}

/** Entries such as a check writes, private parts and all. */
async function appendEntries(
  ledgers: Ledgers,
  org: string,
  count: number,
  progress: (done: number) => void,
): Promise<void> {
  let started = 0;
  let done = 0;
  const work = async () => {
    while (started < count) {
      const from = started;
      const to = started = Math.min(from + ENTRIES_AN_OPERATION, count);
      await ledgers.transact(org, {
        plan(transaction) {
          for (let i = from; i < to; i++) appendEntry(transaction, i);
        },
      });
      done += to - from;
      progress(done);
    }
  };
  await Promise.all(Array.from({ length: OPERATIONS_AT_ONCE }, work));
}

function appendEntry(transaction: Transaction, i: number): void {
  transaction.append({
    id: transaction.id("dec"),
    type: "permission.checked",
    actor: SYSTEM,
    subject: {
      method: "RESTART",
      resource: `server-${i % 5000}`,
      tenant: `tenant-${i % 1000}`,
      tool: TOOLS[i % TOOLS.length] ?? "",
    },
    data: {
      action_digest: "sha256:" + "0".repeat(64),
      permission: "allowed",
      policy_version: transaction.snapshot.version,
      reference_id: null,
      request_id: transaction.id("req"),
      resolved_from: "org_tool",
      rule_id: null,
    },
    private: {
      client: { ip: "127.0.0.1", user_agent: "bench" },
      reason: `The health check of instance ${i} fails since an hour and a restart clears it`,
    },
  });
}
