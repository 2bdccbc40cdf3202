import type { z } from "zod";
import { upstreamKey, vaultKey } from "../store/gateway_keys.ts";
import * as keys from "../store/keys.ts";
import { MalformedRecord, parseRecord } from "../store/record.ts";
import * as identity from "../store/records/identity.ts";
import * as oauth from "../store/records/oauth.ts";
import * as policy from "../store/records/policy.ts";
import { type UpstreamRecord, upstreamRecord } from "../store/records/upstream.ts";
import { type VaultRecord, vaultRecord } from "../store/records/vault.ts";
import type { PolicyView } from "./chain.ts";
import { RuleIndex } from "./rule_index.ts";

/** A key or an agent, as the one who presents its secret. */
export type Credential =
  | { readonly kind: "api_key"; readonly record: identity.ApiKeyRecord }
  | { readonly kind: "agent"; readonly record: identity.AgentRecord };

/**
 * One org's policy in memory: everything that a decision looks at, and the versionstamp of
 * `policy_version` that it is the state of. A commit checks that stamp, so a decision made on a
 * snapshot that is no longer current never leaves.
 */
export class Snapshot implements PolicyView {
  readonly rules = new RuleIndex();
  readonly members = new Map<string, identity.MemberRecord>();
  readonly apiKeys = new Map<string, identity.ApiKeyRecord>();
  readonly agents = new Map<string, identity.AgentRecord>();
  /** What members let MCP clients do for them. */
  readonly grants = new Map<string, oauth.GrantRecord>();
  readonly tools = new Map<string, policy.ToolRecord>();
  readonly categories = new Map<string, policy.CategoryRecord>();
  readonly upstreams = new Map<string, UpstreamRecord>();
  /** What calls to upstreams carry, by id. */
  readonly vault = new Map<string, VaultRecord>();
  readonly #exposed = new Map<string, string>();
  readonly #tenants = new Set<string>();
  readonly #credentials = new Map<string, Credential>();
  readonly #accounts = new Map<string, identity.MemberRecord>();
  #org: policy.OrgRecord | null = null;
  #heard: ReadonlySet<string> = new Set();
  version = 0;
  /** Where its rows lie: see `placed`. */
  generation = 0;
  versionstamp: string | null = null;

  constructor(readonly orgId: string) {}

  /** False when there is no such org (yet), or not any more. */
  get exists(): boolean {
    return this.#org !== null && this.#org.deleted_at === undefined;
  }

  /** Whether there is a member to be told of what happens here: one who has accepted. */
  get hasHearers(): boolean {
    return this.#accounts.size > 0;
  }

  /** Whether anybody listens to what happens here at all. */
  get isHeard(): boolean {
    return this.hasHearers || this.#heard.size > 0;
  }

  /** Whether an endpoint hears of events of this type. */
  isHeardOutside(type: string): boolean {
    return this.#heard.has(type);
  }

  get org(): policy.OrgRecord {
    if (this.#org === null) throw new Error(`There is no organization ${this.orgId}.`);
    return this.#org;
  }

  tool(name: string): policy.ToolRecord | undefined {
    return this.tools.get(name);
  }

  /** The tool that has a name among those of all upstreams, by its name in the catalog. */
  exposedAs(name: string): string | undefined {
    return this.#exposed.get(name);
  }

  category(name: string): policy.CategoryRecord | undefined {
    return this.categories.get(name);
  }

  isTenantRegistered(id: string): boolean {
    return this.#tenants.has(id);
  }

  /** The key or agent whose secret has this hash, expired or not. */
  credential(secretHash: string): Credential | undefined {
    return this.#credentials.get(secretHash);
  }

  /** The membership of an account, accepted by its person. */
  memberOf(account: string): identity.MemberRecord | undefined {
    return this.#accounts.get(account);
  }

  /**
   * Takes one record over, or its absence, which is null.
   * @param key that it has in every generation
   * @throws {MalformedRecord}
   */
  apply(key: keys.StoreKey, value: unknown): void {
    const org = this.orgId;
    const name = String(key[2]);
    switch (key[0]) {
      case "org":
        this.#org = this.#parsed(key, policy.orgRecord, value, ({ id }) => keys.orgKey(id));
        break;
      case "heard": {
        const own = ({ org }: { readonly org: string }) => keys.heardKey(org);
        this.#heard = new Set(this.#parsed(key, policy.heardRecord, value, own)?.events);
        break;
      }
      case "tool": {
        const record = this.#parsed(
          key,
          policy.toolRecord,
          value,
          (tool) => keys.toolKey(org, tool.name),
        );
        const before = this.tools.get(name)?.upstream?.exposed_name;
        if (before !== undefined && this.#exposed.get(before) === name) {
          this.#exposed.delete(before);
        }
        const exposed = record?.upstream?.exposed_name;
        if (exposed !== undefined) this.#exposed.set(exposed, name);
        put(this.tools, name, record);
        break;
      }
      case "category": {
        const own = (category: policy.CategoryRecord) => keys.categoryKey(org, category.name);
        put(this.categories, name, this.#parsed(key, policy.categoryRecord, value, own));
        break;
      }
      case "tenant": {
        const record = this.#parsed(
          key,
          policy.tenantRecord,
          value,
          ({ id }) => keys.tenantKey(org, id),
        );
        if (record === null) this.#tenants.delete(name);
        else this.#tenants.add(record.id);
        break;
      }
      case "rule": {
        const own = ({ selector }: policy.RuleRecord) => keys.ruleKey(org, selector);
        const record = this.#parsed(key, policy.ruleRecord, value, own);
        if (record === null) this.rules.remove(keys.ruleSelector(key));
        else this.rules.set(record);
        break;
      }
      case "member": {
        const own = ({ email }: identity.MemberRecord) => keys.memberKey(org, email);
        const record = this.#parsed(key, identity.memberRecord, value, own);
        const old = this.members.get(name)?.account ?? null;
        if (old !== null) this.#accounts.delete(old);
        if (record !== null && record.account !== null) this.#accounts.set(record.account, record);
        put(this.members, name, record);
        break;
      }
      case "api_key": {
        const own = ({ id }: identity.ApiKeyRecord) => keys.apiKeyKey(org, id);
        const record = this.#parsed(key, identity.apiKeyRecord, value, own);
        this.#replaceCredential(
          this.apiKeys.get(name),
          record ? { kind: "api_key", record } : null,
        );
        put(this.apiKeys, name, record);
        break;
      }
      case "agent": {
        const own = ({ id }: identity.AgentRecord) => keys.agentKey(org, id);
        const record = this.#parsed(key, identity.agentRecord, value, own);
        this.#replaceCredential(this.agents.get(name), record ? { kind: "agent", record } : null);
        put(this.agents, name, record);
        break;
      }
      case "grant": {
        const own = ({ id }: oauth.GrantRecord) => keys.grantKey(org, id);
        put(this.grants, name, this.#parsed(key, oauth.grantRecord, value, own));
        break;
      }
      case "upstream": {
        const own = (upstream: UpstreamRecord) => upstreamKey(org, upstream.name);
        put(this.upstreams, name, this.#parsed(key, upstreamRecord, value, own));
        break;
      }
      case "vault": {
        const own = ({ id }: VaultRecord) => vaultKey(org, id);
        put(this.vault, name, this.#parsed(key, vaultRecord, value, own));
        break;
      }
      case "resource":
        break; // Resources are described, not decided by: rules name them by their external id.
      default:
        throw new Error(`A policy change names ${JSON.stringify(key)}, which is no policy record.`);
    }
  }

  /** The record of a key, which must be the one that is its own: a record that was moved is damaged. */
  #parsed<T>(
    key: keys.StoreKey,
    schema: z.ZodType<T>,
    value: unknown,
    ownKey: (record: T) => keys.StoreKey,
  ): T | null {
    if (value === null) return null;
    const place = keys.placed(key, this.generation);
    const record = parseRecord(place, schema, value);
    const own = ownKey(record);
    const same = own.length === key.length && own.every((part, i) => part === key[i]);
    if (same) return record;
    const right = keys.placed(own, this.generation);
    throw new MalformedRecord(place, `it belongs under ${JSON.stringify(right)}`);
  }

  #replaceCredential(old: { secret_hash: string } | undefined, next: Credential | null): void {
    if (old !== undefined) this.#credentials.delete(old.secret_hash);
    if (next !== null) this.#credentials.set(next.record.secret_hash, next);
  }
}

/** @throws {MalformedRecord} for a policy record that does not parse, or is none */
export function assertPolicyRecord(key: keys.StoreKey, value: unknown): void {
  new Snapshot(String(key[1])).apply(key, stored(value));
}

/** What a record holds: null in it is damage, for only one that is not there is absent. */
export function stored(value: unknown): unknown {
  return value ?? undefined;
}

function put<T>(map: Map<string, T>, name: string, value: T | null): void {
  if (value === null) map.delete(name);
  else map.set(name, value);
}
