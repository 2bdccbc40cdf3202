import { Buffer } from "node:buffer";
import { serialize } from "node:v8";
import type { JsonObject } from "../base/json.ts";
import { schedule } from "../ledger/commit.ts";
import { TransactionTooLarge } from "../ledger/commit_limits.ts";
import { removeRows } from "../ledger/ledgers.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import { upstreamStateKey, upstreamToolPrefix } from "../store/gateway_keys.ts";
import { dueKey, type StoreKey } from "../store/keys.ts";
import type { Kv } from "../store/kv.ts";
import type { DueWork } from "../store/records/log.ts";
import type { RefusedTool, UpstreamRecord, UpstreamState } from "../store/records/upstream.ts";
import { turns } from "../store/system.ts";
import type { Listed, ListedTool, NotListed } from "../upstreams/port.ts";
import { listers, triedListers } from "../vault/acting.ts";
import { credentialFor } from "../vault/opening.ts";
import { definitionDigest, type Offer, Offers } from "./definition.ts";
import { documentKeys, type KeptDocument, listDocument, removeDocuments } from "./document.ts";
import {
  type ChangedTool,
  drifted,
  isStill,
  loadDefinitions,
  ownOf,
  type Taken,
  takeOffers,
  withdrawTool,
} from "./follow.ts";
import { isCurrent, loadState, REFRESH_EVERY_MS, toolsOf, type UpstreamTool } from "./upstreams.ts";

/**
 * Brings the catalog up to what an upstream offers. What is new becomes a draft; what is defined in
 * another way than before is a draft again, and its requests end with that; what is offered no more
 * goes out of use. In commits of their own size: each closes or opens whole tools, each looks at the
 * catalog anew, and a process that ends in between leaves the rest to the next refresh.
 */

/** What a refresh changed. Tools by their names in the catalog. */
export interface Refreshed {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly ChangedTool[];
}

/** Most bytes of tools and definitions, and most tools, that are meant for one commit. */
const COMMIT = { bytes: 560_000, tools: 100 } as const;

/**
 * Asks an upstream what it offers, and has the catalog follow. One that does not answer leaves the
 * catalog as it is, but for tools that were approved at another address than it has now.
 * Null where there is no such upstream, or it is paused.
 */
export async function refreshUpstream(
  services: Services,
  org: string,
  name: string,
  { due = null, read = null }: {
    /** The work that it is; absent where somebody asks. */
    readonly due?: DueWork | null;
    /** What was read of its document just now. */
    readonly read?: KeptDocument | null;
  } = {},
): Promise<Refreshed | NotListed | null> {
  const { ledgers, stopping } = services;
  const found = await ledgers.transact(org, {
    plan({ snapshot }) {
      const upstream = snapshot.upstreams.get(name) ?? null;
      return upstream === null ? null : { upstream, by: listers(snapshot, upstream) };
    },
  });
  if (found === null) return null;
  const { upstream, by } = found;
  const moved = await closeMoved(services, org, upstream);
  if (upstream.status === "paused") {
    await note(services, org, { upstream, listed: null, refused: [] }, due);
    return null;
  }
  if (upstream.kind === "openapi" && await isFollowed(services, org, upstream)) {
    if (due !== null) await note(services, org, { upstream, listed: null, refused: [] }, due);
    return { added: [], removed: [], changed: moved };
  }
  const isAsked = due === null;
  const listed = await listWith(services, org, { upstream, by, isAsked, read }, stopping);
  if (listed.is === "not_listed") {
    await note(services, org, { upstream, listed, refused: [] }, due);
    return listed;
  }
  const offers = new Offers(upstream);
  const taken = await takeAll(services, org, offers, { upstream, listed: listed.tools });
  const removed = await withdraw(services, org, upstream, offers.names);
  const all = [...listed.refused, ...offers.refused, ...taken.flatMap(({ refused }) => refused)];
  await note(services, org, { upstream, listed, refused: all.slice(0, 100) }, due);
  return {
    added: taken.flatMap(({ added }) => added),
    removed,
    changed: [...moved, ...taken.flatMap(({ changed }) => changed)],
  };
}

/**
 * Has the catalog follow what an upstream lists, in several commits: while one is on its way to the
 * store, what the next is to carry is read.
 */
async function takeAll(
  { ledgers, deps }: Services,
  org: string,
  offers: Offers,
  { upstream, listed }: {
    readonly upstream: UpstreamRecord;
    readonly listed: readonly ListedTool[];
  },
): Promise<Taken[]> {
  const taken: Taken[] = [];
  let underWay = Promise.resolve();
  const commit = async (part: readonly Offer[]): Promise<void> => {
    try {
      taken.push(await ledgers.transact(org, takeOffers(upstream, part)));
    } catch (error) {
      // What was approved before may be stored with it, which nobody has measured.
      if (!(error instanceof TransactionTooLarge) || part.length === 1) throw error;
      const half = Math.ceil(part.length / 2);
      await commit(part.slice(0, half));
      await commit(part.slice(half));
    }
  };
  const take = async (part: readonly Offer[]) => {
    await underWay;
    underWay = commit(part);
    // Whoever waits for it next is told.
    underWay.catch(() => {});
  };
  let part = new Part<Offer>();
  const turn = turns(deps);
  for (const one of listed) {
    const others = turn();
    if (others !== null) await others;
    const offer = offers.read(one);
    if (offer === null) continue;
    // As a row of its own, and in the tool's, where characters may have two bytes.
    const bytes = 3 * Buffer.byteLength(offer.texts.definition);
    if (!part.has(bytes)) {
      await take(part.all);
      part = new Part();
    }
    part.add(offer, bytes);
  }
  if (part.all.length > 0) await take(part.all);
  await underWay;
  return taken;
}

/** Refreshes that are under way, by the process that they are of. */
const UNDER_WAY = new WeakMap<Services, Map<string, ReturnType<typeof refreshUpstream>>>();

/** The same, once for all who want it meanwhile. */
export function refreshOnce(
  services: Services,
  org: string,
  name: string,
): ReturnType<typeof refreshUpstream> {
  const all = UNDER_WAY.getOrInsertComputed(services, () => new Map());
  const key = `${org} ${name}`;
  return all.getOrInsertComputed(
    key,
    () => refreshUpstream(services, org, name).finally(() => all.delete(key)),
  );
}

/** Asks an upstream with one credential after the other that it may be asked with. */
async function listWith(
  services: Services,
  org: string,
  { upstream, by, isAsked, read }: {
    readonly upstream: UpstreamRecord;
    readonly by: ReturnType<typeof listers>;
    readonly isAsked: boolean;
    readonly read: KeptDocument | null;
  },
  signal: AbortSignal,
): Promise<Listed | NotListed> {
  const { credential } = upstream;
  const ask = (id: string | null) => list(services, org, { upstream, read }, id, signal);
  if (credential === null) return await ask(null);
  const tried = await triedListers(services, org, by, credential.mode, isAsked);
  if (tried.length === 0 && by.length > 0 && credential.credential_id !== undefined) return RESTING;
  let listed: Listed | NotListed | null = null;
  for (const id of tried.length === 0 ? [null] : tried) {
    listed = await ask(id);
    const isTaken = listed.is === "listed" ||
      !["needs_reconnect", "unauthorized"].includes(listed.why);
    if (isTaken) return listed;
  }
  return listed ?? RESTING;
}

const RESTING: NotListed = {
  is: "not_listed",
  why: "stopped",
  says:
    "Nobody has called it for 60 days, so its credential rests: it is asked again with the next call.",
};

async function list(
  services: Services,
  org: string,
  { upstream, read }: { readonly upstream: UpstreamRecord; readonly read: KeptDocument | null },
  credential: string | null,
  signal: AbortSignal,
): Promise<Listed | NotListed> {
  const { name, kind, url, headers } = upstream;
  if (kind === "openapi") return await listDocument(services.deps.kv, org, upstream, read);
  const place = services.deps.upstreams.take({
    org_id: org,
    name,
    target: { kind, url, headers },
    credential: credentialFor(services, org, credential),
  });
  if (place === null) {
    return { is: "not_listed", why: "busy", says: "As many calls as may run there already." };
  }
  try {
    return await place.port.list(signal);
  } finally {
    place.release();
  }
}

/** Whether the catalog has what an HTTP API offers: that changes with its record, and by nothing else. */
async function isFollowed(
  { ledgers }: Services,
  org: string,
  { name, edition }: UpstreamRecord,
): Promise<boolean> {
  const state = await ledgers.transact(org, {
    load: (reader: Reader) => loadState(reader, name),
    plan: (_transaction: Transaction, state) => state,
  });
  return edition !== undefined && state?.followed === edition;
}

/** What of a tool is in a commit besides its definition and schema: the rest of its row, its entry, keys. */
const TOOL_BYTES = 4000;

/** What is meant for one commit. */
class Part<T> {
  readonly all: T[] = [];
  #bytes = 0;

  /** Whether it has room for one more of so many bytes; an empty one always has. */
  has(bytes: number): boolean {
    const { length } = this.all;
    return length === 0 ||
      (length < COMMIT.tools && this.#bytes + bytes + TOOL_BYTES <= COMMIT.bytes);
  }

  add(one: T, bytes: number): void {
    this.all.push(one);
    this.#bytes += bytes + TOOL_BYTES;
  }
}

/** Tools in as many commits as they take. */
function inParts(tools: readonly UpstreamTool[]): UpstreamTool[][] {
  const parts: Part<UpstreamTool>[] = [];
  for (const tool of tools) {
    // Its definition goes with it.
    const bytes = 2 * serialize(tool).length;
    if (parts.at(-1)?.has(bytes) !== true) parts.push(new Part());
    parts.at(-1)?.add(tool, bytes);
  }
  return parts.map(({ all }) => all);
}

/** Where an upstream is at another address than when its tools were seen, all of them are others now. */
async function closeMoved(
  { ledgers }: Services,
  org: string,
  upstream: UpstreamRecord,
): Promise<ChangedTool[]> {
  const differs = ["/upstream"];
  const isMoved = (tool: UpstreamTool) => !isCurrent(tool, upstream);
  const moved = await ledgers.transact(org, {
    plan: ({ snapshot }) => toolsOf(snapshot, upstream.name).filter(isMoved),
  });
  const closed: ChangedTool[] = [];
  for (const part of inParts(moved)) {
    const done = await ledgers.transact(org, {
      load: (reader: Reader) =>
        loadDefinitions(
          reader,
          upstream.name,
          part.map(({ name, upstream: { tool } }) => ({ tool, catalog_name: name, digest: null })),
        ),
      plan(transaction: Transaction, definitions: ReadonlyMap<string, JsonObject>) {
        const { snapshot } = transaction;
        if (!isStill(snapshot, upstream)) return [];
        return part.flatMap(({ name }) => {
          const old = ownOf(snapshot.tool(name) ?? null, upstream.name);
          if (old === null || !isMoved(old)) return [];
          const earlier = definitions.get(old.upstream.tool);
          const digest = definitionDigest(upstream, earlier ?? {});
          const { description, parameters, upstream: { method = null } } = old;
          const { generation } = upstream;
          const next = { description, parameters, digest, generation, method };
          drifted(transaction, old, next, { differs, earlier });
          return [name];
        });
      },
    });
    closed.push(...done.map((tool) => ({ tool, differs })));
  }
  return closed;
}

/**
 * Takes tools out of use that an upstream does not offer any more. What somebody took out of use stays
 * theirs, so that it is not a draft when it comes back.
 * @param offered what stays; null for nothing, where the upstream is gone
 */
async function withdraw(
  { ledgers }: Services,
  org: string,
  upstream: Pick<UpstreamRecord, "name"> | UpstreamRecord,
  offered: ReadonlySet<string> | null,
): Promise<string[]> {
  const { name } = upstream;
  const isGone = ({ status, upstream }: UpstreamTool) =>
    (status === "approved" || status === "draft") && offered?.has(upstream.tool) !== true;
  const gone = await ledgers.transact(org, {
    plan: ({ snapshot }) => toolsOf(snapshot, name).filter(isGone),
  });
  const removed: string[] = [];
  for (const part of inParts(gone)) {
    removed.push(
      ...await ledgers.transact(org, {
        plan(transaction: Transaction) {
          const { snapshot } = transaction;
          const isSame = "generation" in upstream
            ? isStill(snapshot, upstream)
            : !snapshot.upstreams.has(name);
          if (!isSame) return [];
          return part.flatMap(({ name: tool }) => {
            const old = ownOf(snapshot.tool(tool) ?? null, name);
            if (old === null || !isGone(old)) return [];
            withdrawTool(transaction, old);
            return [tool];
          });
        },
      }),
    );
  }
  return removed;
}

/** Remembers what was seen, and when to look again. */
async function note(
  { ledgers }: Services,
  org: string,
  { upstream, listed, refused }: {
    readonly upstream: UpstreamRecord;
    /** Null where it was not asked. */
    readonly listed: Listed | NotListed | null;
    readonly refused: readonly RefusedTool[];
  },
  due: DueWork | null,
): Promise<void> {
  const { name } = upstream;
  await ledgers.transact(org, {
    load: (reader: Reader) => loadState(reader, name),
    plan(transaction: Transaction, state) {
      const { snapshot, now } = transaction;
      if (due !== null) transaction.delete(dueKey(due.at, due.kind, org, due.id));
      if (state === null || !isStill(snapshot, upstream)) return;
      const refresh_at = due === null ? state.refresh_at : now + REFRESH_EVERY_MS;
      if (due !== null) {
        schedule(transaction, { kind: "upstream_refresh", at: refresh_at, id: name });
      }
      const { edition } = upstream;
      const followed = edition === undefined || listed?.is !== "listed"
        ? {}
        : { followed: edition };
      const seen = { ...seenIn(listed, refused, now), ...followed };
      const next: UpstreamState = { ...state, ...seen, refresh_at };
      transaction.set(upstreamStateKey(org, name), next);
    },
  });
}

function seenIn(
  listed: Listed | NotListed | null,
  refused: readonly RefusedTool[],
  now: number,
): Partial<UpstreamState> {
  if (listed === null) return {};
  if (listed.is === "not_listed") {
    return { last_error: { why: listed.why, says: listed.says, at: now } };
  }
  return {
    protocol: listed.protocol,
    listed: listed.tools.length + listed.refused.length,
    listed_at: now,
    refused: [...refused],
    last_error: null,
  };
}

/** Asks an upstream again because it is time; removes what is left of one that is gone. */
export async function refreshDue(services: Services, work: DueWork): Promise<void> {
  const { ledgers } = services;
  const { org, id: name, at, kind } = work;
  const { upstream, state } = await ledgers.transact(org, {
    load: (reader: Reader) => loadState(reader, name),
    plan: ({ snapshot }: Transaction, state) => ({
      upstream: snapshot.upstreams.get(name) ?? null,
      state,
    }),
  });
  if (upstream?.kind === "openapi") await removeDocuments(services, org, upstream);
  if (upstream !== null && state?.refresh_at === at) {
    await refreshUpstream(services, org, name, { due: work });
    return;
  }
  if (upstream === null) await clearUpstream(services, org, name);
  await ledgers.transact(org, {
    plan: (transaction) => transaction.delete(dueKey(at, kind, org, name)),
  });
}

/** Takes out of use what the catalog has of an upstream that is gone. */
export async function clearUpstream(services: Services, org: string, name: string): Promise<void> {
  const { kv } = services.deps;
  await withdraw(services, org, { name }, null);
  await removeRows(services, org, definitionKeys(kv, org, name));
  await removeRows(services, org, documentKeys(kv, org, name));
}

async function* definitionKeys(kv: Kv, org: string, name: string): AsyncGenerator<StoreKey> {
  for await (const { key } of kv.list({ prefix: [...upstreamToolPrefix(org, name)] })) {
    yield key as StoreKey;
  }
}
