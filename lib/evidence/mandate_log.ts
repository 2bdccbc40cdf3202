import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Deps } from "../deps.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf, type Caller, type Client, privateClient } from "../identity/caller.ts";
import { type CurrentCheckpoint, currentCheckpoint } from "../ledger/checkpoints.ts";
import { type ExportRow, exportRows, LogTiles } from "../ledger/export.ts";
import { type LoggedEntry, readActivity } from "../ledger/log_reader.ts";
import type { Reader } from "../ledger/transaction.ts";
import { loadEdition } from "../mandates/bundle.ts";
import { loadCounted, type LoadedMandate, mayKnow, standingNow } from "../mandates/mandate.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import type { MandateRecord } from "../store/records/mandate.ts";
import { inclusionProof } from "../tlog/proof.ts";
import type { TileSource } from "../tlog/tree.ts";
import { MANDATE_LOG_VERSION } from "../verify/verify_mandate.ts";
import { publishedKeysOf } from "./published_keys.ts";

/**
 * The log of one mandate: its entries, each with the proof that it is in the organization's log, so
 * that a stranger sees that these are all, and what was spent.
 */

/** A mandate whose log is read, and how much of it. */
export interface ReadMandateLog {
  readonly record: MandateRecord;
  /** The number of the last entry that is handed out. */
  readonly seq: number;
  /** What its bundle says, of which its grant has the digest; null for whoever may not see bundles. */
  readonly definition: JsonValue;
  readonly withPrivate: boolean;
  /** The name of the org's log. */
  readonly origin: string;
}

interface Loaded {
  readonly mandate: LoadedMandate;
  readonly definition: JsonValue;
}

/**
 * Admits a reader of a mandate's log. Where private parts go along, the entry that says so is stored
 * before any of them leaves.
 * @throws {Refusal} mandate_not_found
 */
export function readMandateLog(
  id: string,
  client: Client,
): CallerOperation<Loaded | null, ReadMandateLog> {
  return {
    async load(reader) {
      const mandate = await loadCounted(reader, id);
      if (mandate === null) return null;
      return { mandate, definition: await loadDefinition(reader, mandate.record) };
    },
    plan(transaction, caller, loaded) {
      const { mandate, definition } = known(caller, id, loaded);
      const { record, count } = standingNow(transaction, mandate);
      const withPrivate = maySeePrivate(caller);
      if (withPrivate) {
        transaction.append({
          type: "audit.private_read",
          actor: actorOf(caller),
          subject: { mandate: id },
          data: { request_id: client.request_id },
          private: { client: privateClient(client) },
        });
      }
      return {
        record,
        seq: count.seq,
        definition: caller.tier === "management" ? definition : null,
        withPrivate,
        origin: transaction.snapshot.org.log_origin,
      };
    },
  };
}

/** Admits the same reader once more. @throws {Refusal} mandate_not_found, invalid_credentials */
export function readMandateLogOn(
  id: string,
  { withPrivate }: Pick<ReadMandateLog, "withPrivate">,
): CallerOperation<Loaded | null, void> {
  return {
    async load(reader) {
      const mandate = await loadCounted(reader, id);
      return mandate === null ? null : { mandate, definition: null };
    },
    plan(_transaction, caller, loaded) {
      known(caller, id, loaded);
      if (withPrivate && !maySeePrivate(caller)) throw new Refusal("invalid_credentials", {});
    },
  };
}

/** What the log keeps private is for keys that may see it and are bound to no tenant. */
function maySeePrivate(caller: Caller): boolean {
  return caller.type === "api_key" && caller.audit_private && caller.tenant_ids === null;
}

function known(caller: Caller, id: string, loaded: Loaded | null): Loaded {
  if (loaded !== null && mayKnow(caller, loaded.mandate.record)) return loaded;
  throw new Refusal("mandate_not_found", { mandate_id: id });
}

/**
 * What the digest in the grant was taken of; null where the mandate says itself what it allows, which
 * stands in the private part of its grant. @throws {MalformedRecord}
 */
async function loadDefinition(reader: Reader, { bundle }: MandateRecord): Promise<JsonValue> {
  if (bundle === null) return null;
  const { definition } = await loadEdition(reader, bundle.id, bundle.edition, bundle.digest);
  return definition as JsonObject;
}

/** Characters after which a chunk is handed on. */
const CHUNK_CHARACTERS = 16 * 1024;

/**
 * The log of a mandate as NDJSON: a line with the checkpoint and the keys, one an entry, and a last one
 * with the number of the last entry. Nothing is read ahead of what is asked for.
 */
export async function* mandateLogChunks(
  services: Pick<Services, "deps" | "ledgers">,
  org: string,
  log: ReadMandateLog,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const { deps } = services;
  const { record: { id }, origin, definition, seq } = log;
  const encoder = new TextEncoder();
  const checkpoint = await currentCheckpoint(deps, org, origin);
  const keys = await publishedKeysOf(services, org);
  const head = {
    v: MANDATE_LOG_VERSION,
    mandate: id,
    checkpoint: checkpoint.note,
    keys,
    definition,
  };
  let text = `${JSON.stringify(head)}\n`;
  const tiles = new RecentTiles(new LogTiles(deps.kv, org, checkpoint.size));
  for await (const entry of entriesOf(deps, org, log, checkpoint)) {
    const [row] = log.withPrivate ? await rowOf(deps, org, entry) : [];
    const inclusion = await inclusionProof(tiles, entry.index, checkpoint.size);
    text += `${
      JSON.stringify({
        index: entry.index,
        leaf_hash: entry.leaf_hash,
        inclusion: inclusion.map((hash) => hash.toHex()),
        entry: entry.entry,
        private: row?.private ?? null,
      })
    }\n`;
    if (text.length < CHUNK_CHARACTERS) continue;
    yield encoder.encode(text);
    text = "";
  }
  yield encoder.encode(`${text}${JSON.stringify({ end: { seq } })}\n`);
}

function rowOf(deps: Deps, org: string, { index }: LoggedEntry): Promise<ExportRow[]> {
  return exportRows(deps, org, { from: index, to: index + 1, withPrivate: true });
}

/** The entries about a mandate up to the last one that is handed out, oldest first. */
async function* entriesOf(
  { kv }: Deps,
  org: string,
  { record: { id, created_at }, seq }: ReadMandateLog,
  { size }: CurrentCheckpoint,
): AsyncGenerator<LoggedEntry> {
  let position: number | null = null;
  do {
    const { entries, next }: Awaited<ReturnType<typeof readActivity>> = await readActivity(
      kv,
      org,
      {
        facets: [{ facet: "mandate", value: id }],
        order: "asc",
        since: position === null ? created_at : null,
        until: null,
        limit: 50,
        position,
      },
    );
    for (const logged of entries) {
      if (logged.index >= size) return;
      yield logged;
      if (logged.entry.data.mandate_seq === seq) return;
    }
    position = next;
  } while (position !== null);
}

/** Few tiles serve the proofs of entries that follow each other: what was read just now is kept. */
class RecentTiles implements TileSource {
  readonly #tiles = new Map<string, Promise<Uint8Array>>();

  constructor(readonly source: TileSource) {}

  tile(level: number, index: number): Promise<Uint8Array> {
    const name = `${level} ${index}`;
    const known = this.#tiles.get(name);
    if (known !== undefined) return known;
    const [oldest] = this.#tiles.keys();
    if (oldest !== undefined && this.#tiles.size >= MAX_TILES) this.#tiles.delete(oldest);
    const read = this.source.tile(level, index);
    this.#tiles.set(name, read);
    return read;
  }
}

/** Of 8 KiB each. */
const MAX_TILES = 16;
