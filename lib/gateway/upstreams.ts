import { canonicalJson } from "../base/canonical.ts";
import type { JsonObject } from "../base/json.ts";
import { writeChange, type Written } from "../catalog/record_change.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { demand } from "../identity/deeds.ts";
import { schedule } from "../ledger/commit.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { addressProblem, type PrivateHosts } from "../outside/addresses.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type InputProblem, invalidRequest, Refusal } from "../refusal.ts";
import { scrubText } from "../scrub/scrub.ts";
import { actingOf } from "./definition.ts";
import { upstreamKey, upstreamStateKey } from "../store/gateway_keys.ts";
import type { ToolRecord, ToolUpstream } from "../store/records/policy.ts";
import {
  type UpstreamRecord,
  type UpstreamState,
  upstreamState,
} from "../store/records/upstream.ts";
import type { VaultGrantRecord } from "../store/records/vault.ts";
import { loadGrant } from "../vault/grant.ts";
import { listers, orgCredential } from "../vault/acting.ts";
import { misplacedAt } from "../vault/injection.ts";

/**
 * Upstreams of an org: registered, changed, paused, removed. Nothing of one runs but what it offers
 * (`refresh.ts`) and somebody approved.
 */

/** How many upstreams an org may have. */
export const MAX_UPSTREAMS = 50;

/** Between two times that an upstream is asked by itself what it offers, milliseconds. */
export const REFRESH_EVERY_MS = 15 * 60_000;

/** The fields of an upstream that a person writes. */
export const UPSTREAM_FIELDS = [
  "kind",
  "url",
  "headers",
  "credential",
  "timeout_seconds",
  "max_result_bytes",
  "status",
  "document",
  "operations",
] as const satisfies readonly (keyof UpstreamRecord)[];

export type UpstreamFields = Pick<UpstreamRecord, typeof UPSTREAM_FIELDS[number]>;

/** Headers that say who asks, or that are the protocol's own. */
const RESERVED_HEADERS =
  /^(authorization|proxy-.*|cookie|host|origin|referer|connection|upgrade|te|trailer|transfer-.*|content-.*|accept.*|user-agent|last-event-id|mcp-.*)$/;

/** What stands against an upstream as somebody describes it, by itself. */
export function upstreamProblems(
  { kind, url, headers }: Pick<UpstreamFields, "kind" | "url" | "headers">,
  named: PrivateHosts,
): InputProblem[] {
  const problems: InputProblem[] = [];
  const isApi = kind === "openapi";
  const path = isApi ? "/base_url" : "/url";
  const host = addressProblem(url, named);
  if (host !== null) problems.push({ path, message: host });
  else if (isApi && /[?#]/.test(url)) {
    problems.push({ path, message: "has a query or a fragment, and paths are put behind it" });
  }
  for (const [name, value] of Object.entries(headers)) {
    const path = `/headers/${name}`;
    if (RESERVED_HEADERS.test(name)) {
      problems.push({ path, message: "is a header that is not set here" });
    } else if (scrubText(value).text !== value) {
      problems.push({
        path,
        message: "looks like a secret or something personal, and whoever configures reads it",
      });
    }
  }
  return problems;
}

/**
 * Registers an upstream, or replaces what is said of it. One that is at another address afterwards, or
 * is sent other headers or another credential, is another upstream: none of its tools runs until
 * somebody approves it anew.
 * @throws {Refusal} invalid_request, too_many_upstreams, credential_not_for_origin, role_required,
 *   recovery_held, fresh_assertion_required
 */
export function putUpstream(
  name: string,
  fields: UpstreamFields,
  named: PrivateHosts,
  request_id: string,
): CallerOperation<UpstreamState | null, Written<UpstreamRecord>> {
  const errors = upstreamProblems(fields, named);
  if (errors.length > 0) throw new Refusal("invalid_request", { errors });
  return {
    load: (reader) => loadState(reader, name),
    plan(transaction, caller, state) {
      const { snapshot, at, now } = transaction;
      const old = snapshot.upstreams.get(name) ?? null;
      if (old?.kind === "mcp_stdio") {
        const message = "is the name of a program of this host, which its own file describes";
        throw new Refusal("invalid_request", { errors: [{ path: "/name", message }] });
      }
      if (old === null && snapshot.upstreams.size >= MAX_UPSTREAMS) {
        throw new Refusal("too_many_upstreams", { most: MAX_UPSTREAMS });
      }
      assertForOrigin(snapshot, fields);
      const document = fields.document ?? old?.document;
      const isApi = fields.kind === "openapi";
      if (isApi && document === undefined) {
        throw invalidRequest("/document", "is missing: what it offers is known by nothing else");
      }
      const moves = old === null || isElsewhere(old, fields);
      const next: UpstreamRecord = {
        name,
        ...fields,
        ...(isApi && document !== undefined ? { document, edition: snapshot.version + 1 } : {}),
        generation: moves ? snapshot.version + 1 : old.generation,
        created_at: old?.created_at ?? at,
        updated_at: at,
      };
      if (moves || (old.status === "paused" && fields.status === "active")) {
        demand(caller, "loosen", `Having tools of ${name} run through here`);
      }
      demand(caller, "configure");
      const changed = writeChange(transaction, { caller, request_id }, {
        noun: "upstream",
        key: upstreamKey(snapshot.orgId, name),
        subject: { upstream: name },
        old,
        next,
        fields: UPSTREAM_FIELDS,
        hidden: ["headers"],
        data: { generation: next.generation },
      });
      if (old === null || state === null) beginState(transaction, name, now + REFRESH_EVERY_MS);
      return {
        record: changed || old === null ? next : old,
        created: old === null,
        policy_version: transaction.policyVersion,
      };
    },
  };
}

function isElsewhere(old: UpstreamRecord, next: UpstreamFields): boolean {
  const names = new Set([...Object.keys(old.headers), ...Object.keys(next.headers)]);
  return old.kind !== next.kind || old.url !== next.url ||
    canonicalJson(old.credential && actingOf(old.credential)) !==
      canonicalJson(next.credential && actingOf(next.credential)) ||
    [...names].some((name) => old.headers[name] !== next.headers[name]);
}

/**
 * Holds a credential to where it may go: to no upstream at another origin.
 * @throws {Refusal} invalid_request for one that there is not, credential_not_for_origin
 */
function assertForOrigin(
  { vault }: Pick<Snapshot, "vault">,
  { credential, url }: Pick<UpstreamFields, "credential" | "url">,
): void {
  if (credential?.credential_id === undefined) return;
  const { credential_id } = credential;
  const kept = orgCredential({ vault }, credential_id);
  if (kept === null) {
    const message = "is no credential of this organization";
    const path = "/credential/credential_id";
    throw new Refusal("invalid_request", { errors: [{ path, message }] });
  }
  const misplaced = misplacedAt(kept, url);
  if (misplaced !== null) throw misplaced;
}

/** Begins to look after an upstream that is new. */
export function beginState(transaction: Transaction, name: string, refresh_at: number): void {
  const state: UpstreamState = {
    protocol: null,
    listed: 0,
    listed_at: null,
    refused: [],
    last_error: null,
    refresh_at,
  };
  transaction.set(upstreamStateKey(transaction.snapshot.orgId, name), state);
  schedule(transaction, { kind: "upstream_refresh", at: refresh_at, id: name });
}

/**
 * Pauses an upstream, or has it go on; a program of the host too. While it is paused nothing of it runs.
 * @throws {Refusal} not_found, role_required, recovery_held, fresh_assertion_required
 */
export function switchUpstream(
  name: string,
  status: UpstreamRecord["status"],
  request_id: string,
): CallerOperation<void, Written<UpstreamRecord>> {
  return {
    plan(transaction, caller) {
      const { snapshot, at } = transaction;
      const old = existingUpstream(snapshot, name);
      const next = { ...old, status, updated_at: at };
      if (old.status === "paused" && status === "active") {
        demand(caller, "loosen", `Having tools of ${name} run through here`);
      }
      demand(caller, "configure");
      const changed = writeChange(transaction, { caller, request_id }, {
        noun: "upstream",
        key: upstreamKey(snapshot.orgId, name),
        subject: { upstream: name },
        old,
        next,
        fields: UPSTREAM_FIELDS,
        hidden: ["headers"],
      });
      const record = changed ? next : old;
      return { record, created: false, policy_version: transaction.policyVersion };
    },
  };
}

/**
 * Removes an upstream: nothing of it runs any more from this commit on. What the catalog has of it
 * goes afterwards, in as many commits as that takes.
 * @throws {Refusal} not_found, role_required, recovery_held
 */
export function removeUpstream(
  name: string,
  request_id: string,
): CallerOperation<void, Written<UpstreamRecord>> {
  return {
    plan(transaction, caller) {
      const { snapshot, now } = transaction;
      const old = existingUpstream(snapshot, name);
      demand(caller, "configure");
      writeChange(transaction, { caller, request_id }, {
        noun: "upstream",
        key: upstreamKey(snapshot.orgId, name),
        subject: { upstream: name },
        old,
        next: null,
        fields: UPSTREAM_FIELDS,
      });
      transaction.delete(upstreamStateKey(snapshot.orgId, name));
      schedule(transaction, { kind: "upstream_refresh", at: now, id: name });
      return { record: old, created: false, policy_version: transaction.policyVersion };
    },
  };
}

/** The upstream of this name. @throws {Refusal} not_found */
export function existingUpstream(
  { upstreams }: Pick<Snapshot, "upstreams">,
  name: string,
): UpstreamRecord {
  const record = upstreams.get(name);
  if (record === undefined) throw new Refusal("not_found", { what: `upstream ${name}` });
  return record;
}

/** Reads what was last seen of an upstream, for the commit to check. */
export async function loadState(reader: Reader, name: string): Promise<UpstreamState | null> {
  const key = upstreamStateKey(reader.snapshot.orgId, name);
  return (await reader.get(key, upstreamState))?.value ?? null;
}

/** A tool of the catalog that runs at an upstream. */
export type UpstreamTool = ToolRecord & { readonly upstream: ToolUpstream };

/** The tools of the catalog that are of an upstream, or were of one of its name, by name. */
export function toolsOf({ tools }: Pick<Snapshot, "tools">, name: string): UpstreamTool[] {
  const found: UpstreamTool[] = [];
  for (const tool of tools.values()) {
    const { upstream } = tool;
    if (upstream?.name === name) found.push({ ...tool, upstream });
  }
  return found.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** An upstream as somebody looks at it. */
export interface SeenUpstream {
  readonly record: UpstreamRecord;
  /** Null before anything was seen of it. */
  readonly state: UpstreamState | null;
  readonly tools: readonly UpstreamTool[];
  /**
   * How what its calls carry stands; null where they carry nothing. Where members act: whether any of
   * them has one that is good.
   */
  readonly credential: "ready" | "needs_reconnect" | "missing" | null;
}

/** What is read of an upstream besides the policy. */
interface LoadedUpstream {
  readonly state: UpstreamState | null;
  /** The tokens of its credentials, where a provider issues them, by id. */
  readonly grants: ReadonlyMap<string, VaultGrantRecord | null>;
}

async function loadSeen(reader: Reader, name: string): Promise<LoadedUpstream> {
  const { fromStore, snapshot } = reader;
  const upstream = snapshot.upstreams.get(name);
  const issued = upstream === undefined
    ? []
    : listers(snapshot, upstream).filter(({ oauth }) => oauth !== null);
  const [state, ...grants] = await Promise.all([
    loadState(fromStore, name),
    ...issued.map(async ({ id }) => [id, await loadGrant(fromStore, id)] as const),
  ]);
  return { state, grants: new Map(grants) };
}

/** Looks at one upstream. @throws {Refusal} not_found */
export function seeUpstream(name: string): CallerOperation<LoadedUpstream, SeenUpstream> {
  return {
    load: (reader) => loadSeen(reader, name),
    plan({ snapshot }, _caller, loaded) {
      return seenOf(snapshot, existingUpstream(snapshot, name), loaded);
    },
  };
}

/** Looks at all upstreams, by name. */
export function seeUpstreams(): CallerOperation<
  ReadonlyMap<string, LoadedUpstream>,
  SeenUpstream[]
> {
  return {
    async load(reader) {
      const names = [...reader.snapshot.upstreams.keys()];
      return new Map(
        await Promise.all(
          names.map(async (name) => [name, await loadSeen(reader, name)] as const),
        ),
      );
    },
    plan({ snapshot }, _caller, states) {
      const records = [...snapshot.upstreams.values()].sort((a, b) => a.name < b.name ? -1 : 1);
      const none = { state: null, grants: new Map() };
      return records.map((record) => seenOf(snapshot, record, states.get(record.name) ?? none));
    },
  };
}

function seenOf(
  snapshot: Snapshot,
  record: UpstreamRecord,
  { state, grants }: LoadedUpstream,
): SeenUpstream {
  return {
    record,
    state,
    tools: toolsOf(snapshot, record.name),
    credential: credentialState(snapshot, record, grants),
  };
}

function credentialState(
  snapshot: Snapshot,
  upstream: UpstreamRecord,
  grants: LoadedUpstream["grants"],
): SeenUpstream["credential"] {
  const { credential } = upstream;
  if (credential === null) return null;
  const { credential_id: id } = credential;
  if (id !== undefined && !snapshot.vault.has(id)) return "missing";
  const states = listers(snapshot, upstream).map((one) =>
    one.oauth === null ? "ready" : grants.get(one.id)?.status ?? "needs_reconnect"
  );
  return states.includes("ready") ? "ready" : states.length === 0 ? "missing" : "needs_reconnect";
}

/** What upstreams look like in numbers and names, for whoever has to do something about it. */
export function toolCounts({ record, state, tools }: SeenUpstream): JsonObject {
  const count = (status: ToolRecord["status"]) =>
    tools.filter((tool) => tool.status === status).length;
  return {
    listed: state?.listed ?? 0,
    draft: count("draft"),
    approved: tools.filter((tool) => isCurrent(tool, record) && tool.status === "approved").length,
    changed: tools.filter(({ upstream }) => upstream.drifted).map(({ name }) => name),
    refused: (state?.refused ?? []).map(({ name, why }) => ({ name, why })),
  };
}

/** Whether a tool was seen where its upstream is now. */
export function isCurrent(
  { upstream }: { readonly upstream: Pick<ToolUpstream, "generation"> },
  record: Pick<UpstreamRecord, "generation"> | undefined,
): boolean {
  return upstream.generation === record?.generation;
}
