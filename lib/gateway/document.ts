import { Buffer } from "node:buffer";
import { isJsonObject, type JsonObject, memberOf } from "../base/json.ts";
import { parseStrictJson } from "../base/strict_json.ts";
import { idTime } from "../base/id.ts";
import type { Written } from "../catalog/record_change.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { demand } from "../identity/deeds.ts";
import { removeRows } from "../ledger/ledgers.ts";
import type { Reader } from "../ledger/transaction.ts";
import { type ReadDocument, readDocument } from "../openapi/document.ts";
import { requestOf } from "../openapi/request.ts";
import { type Accepted, type AnyRefusal, type InputProblem, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { upstreamDocumentKey, upstreamDocumentPrefix } from "../store/gateway_keys.ts";
import type { StoreKey } from "../store/keys.ts";
import { type Kv, readRecord } from "../store/kv.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import { type HttpOperation, httpOperation } from "../store/records/operation.ts";
import {
  documentPiece,
  type UpstreamDocument,
  type UpstreamRecord,
} from "../store/records/upstream.ts";
import { turns } from "../store/system.ts";
import type { Listed, ListedTool, NotListed } from "../upstreams/port.ts";
import { definitionDigest } from "./definition.ts";
import { readDefinition } from "./follow.ts";
import { existingUpstream, type UpstreamFields } from "./upstreams.ts";

/**
 * The documents of HTTP APIs, as the store has them: the operations of one lie in pieces under an id
 * of its own, of which nobody reads anything until the record of the upstream names that id. One
 * commit makes all of them current.
 */

/** Most bytes of a piece, as one value of the store holds them. */
const PIECE_BYTES = 60_000;

/** How many pieces one commit stores. */
const PIECES_AT_ONCE = 10;

/** How many of the operations that cannot be taken are remembered. */
const REFUSED_KEPT = 100;

/** What a piece says. */
interface Piece {
  readonly definitions: readonly JsonObject[];
  readonly refused: ReadDocument["refused"];
}

/** What the first piece says besides, for who looks before the document counts. */
type About = Pick<UpstreamDocument, "title" | "version" | "operations" | "pieces"> & {
  readonly server: string | null;
};

/**
 * Stores the operations of a document, as somebody who may configure; nobody reads them until a record
 * of the upstream names them.
 */
async function keepDocument(
  transact: <L, R>(operation: CallerOperation<L, R>) => Promise<Accepted<R>>,
  name: string,
  read: ReadDocument,
): Promise<UpstreamDocument> {
  const { title, version, operations } = read;
  const pieces = piecesOf(read);
  let id: string | null = null;
  for (let from = 0;; from += PIECES_AT_ONCE) {
    const known = id;
    const stored = await transact({
      plan(transaction, caller) {
        demand(caller, "configure");
        const id: string = known ?? transaction.id("doc");
        const { orgId } = transaction.snapshot;
        for (const [at, bytes] of pieces.slice(from, from + PIECES_AT_ONCE).entries()) {
          transaction.set(upstreamDocumentKey(orgId, name, id, from + at), { operations: bytes });
        }
        return { id, at: transaction.at };
      },
    });
    id = stored.id;
    if (from + PIECES_AT_ONCE < pieces.length) continue;
    const counts = { operations: operations.length, pieces: pieces.length };
    return { ...stored, title, version, ...counts };
  }
}

function piecesOf({ operations, refused, title, version, server }: ReadDocument): Uint8Array[] {
  const encoder = new TextEncoder();
  const parts: string[][] = [];
  let bytes = Infinity;
  for (const { texts: { definition: text } } of operations) {
    const size = Buffer.byteLength(text) + 1;
    if (bytes + size > PIECE_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(text);
    bytes += size;
  }
  const counts = { operations: operations.length, pieces: parts.length + 1 };
  const about: About = { title, version, server, ...counts };
  const first = { about, definitions: [], refused: refused.slice(0, REFUSED_KEPT) };
  return [
    encoder.encode(JSON.stringify(first)),
    ...parts.map((texts) => encoder.encode(`{"definitions":[${texts.join(",")}],"refused":[]}`)),
  ];
}

/** A document that was read and that no record names yet, by its id; null where there is none. */
export async function givenDocument(
  kv: Kv,
  org: string,
  name: string,
  id: string,
): Promise<{ readonly document: UpstreamDocument; readonly server: string | null } | null> {
  const at = idTime(id);
  const key = upstreamDocumentKey(org, name, id, 0);
  const row = at === null ? null : await readRecord(kv, key, documentPiece);
  if (row === null || at === null) return null;
  const { about }: { about: About } = JSON.parse(
    new TextDecoder().decode(row.value.operations),
  );
  const { server, ...counts } = about;
  return { document: { id, at, ...counts }, server };
}

/**
 * Reads a document that somebody gives as a text, and stores its operations where nobody reads them
 * until an upstream of this name is said to have it.
 * @throws {Refusal} invalid_request
 */
export async function giveDocument(
  services: Services,
  transact: ApiAuthor["transact"],
  name: string,
  text: string,
): Promise<UpstreamDocument> {
  const parsed = parseStrictJson(text);
  if (!parsed.ok) {
    throw refused([{ path: "/document", message: `is no JSON: ${parsed.message}${hint(text)}` }]);
  }
  if (!isJsonObject(parsed.value)) throw refused([{ path: "/document", message: "is no object" }]);
  return await keepDocument(transact, name, await readGiven(services, parsed.value));
}

/** What a text is that is no JSON, where it is what people mistake for it. */
function hint(text: string): string {
  if (/^\s*</.test(text)) return ". It is a page: take the document that it shows";
  // The first line of most, behind comments.
  return /^(?:%YAML|---|["']?(?:openapi|swagger|info)["']?[ \t]*:)/m.test(text)
    ? ". It looks like YAML: convert it, as by `yq -o json openapi.yaml`"
    : "";
}

/** All operations of the document that an upstream has by now, and those that cannot be taken. */
export async function operationsOf(
  kv: Kv,
  org: string,
  { name, document }: Pick<UpstreamRecord, "name" | "document">,
): Promise<Piece> {
  const definitions: JsonObject[] = [];
  const refused: ReadDocument["refused"][number][] = [];
  for (let at = 0; document !== undefined && at < document.pieces; at++) {
    const key = upstreamDocumentKey(org, name, document.id, at);
    const row = await readRecord(kv, key, documentPiece);
    // Another document took its place meanwhile; whoever needs that one reads anew.
    if (row === null) return { definitions: [], refused: [] };
    const piece: Piece = JSON.parse(new TextDecoder().decode(row.value.operations));
    definitions.push(...piece.definitions);
    refused.push(...piece.refused);
  }
  return { definitions, refused };
}

/** A document as it was read, under the id by which its operations were stored. */
export interface KeptDocument extends Pick<ReadDocument, "operations" | "refused"> {
  readonly id: string;
}

/**
 * What an HTTP API offers: those operations of its document that were picked.
 * @param read what was just stored: where that is the document, it is not read again
 */
export async function listDocument(
  kv: Kv,
  org: string,
  upstream: UpstreamRecord,
  read: KeptDocument | null,
): Promise<Listed | NotListed> {
  const { document, operations } = upstream;
  const { tools, refused } = read !== null && read.id === document?.id
    ? { tools: read.operations, refused: read.refused.slice(0, REFUSED_KEPT) }
    : await listedOf(kv, org, upstream);
  if (document === undefined || tools.length !== document.operations) {
    const says = "Its document is being replaced.";
    return { is: "not_listed", why: "busy", says };
  }
  const picked = operations === undefined ? null : new Set(operations);
  const isPicked = ({ name }: { readonly name: string }) => picked === null || picked.has(name);
  return {
    is: "listed",
    protocol: null,
    tools: tools.filter(isPicked),
    refused: refused.filter(isPicked),
  };
}

async function listedOf(
  kv: Kv,
  org: string,
  upstream: UpstreamRecord,
): Promise<Pick<Listed, "tools" | "refused">> {
  const { definitions, refused } = await operationsOf(kv, org, upstream);
  const tools = definitions.flatMap((definition): ListedTool[] => {
    const name = memberOf(definition, "name");
    return typeof name === "string" ? [{ name, definition }] : [];
  });
  return { tools, refused };
}

/** After so long nobody makes a document current any more whose pieces were stored, milliseconds. */
const ABANDONED_MS = 60 * 60_000;

/** The pieces of one document. */
async function* keysOf(
  org: string,
  name: string,
  { id, pieces }: UpstreamDocument,
): AsyncGenerator<StoreKey> {
  for (let at = 0; at < pieces; at++) {
    yield await Promise.resolve(upstreamDocumentKey(org, name, id, at));
  }
}

/** Removes the pieces of documents that an upstream never had, or does not have any more. */
export async function removeDocuments(
  services: Services,
  org: string,
  { name, document }: Pick<UpstreamRecord, "name" | "document">,
): Promise<void> {
  const { kv } = services.deps;
  const before = services.deps.now() - ABANDONED_MS;
  await removeRows(services, org, left());

  async function* left(): AsyncGenerator<StoreKey> {
    for await (const { key } of kv.list({ prefix: [...upstreamDocumentPrefix(org, name)] })) {
      const id = String(key[3]);
      if (id !== document?.id && (idTime(id) ?? 0) < before) yield key as StoreKey;
    }
  }
}

/** All pieces of all documents of an upstream. */
export async function* documentKeys(kv: Kv, org: string, name: string): AsyncGenerator<StoreKey> {
  for await (const { key } of kv.list({ prefix: [...upstreamDocumentPrefix(org, name)] })) {
    yield key as StoreKey;
  }
}

/** How a tool of an HTTP API is asked. A type, so that a view can hold it as JSON. */
export type ToolOperation = {
  readonly http: HttpOperation;
  /** What its paths are below. */
  readonly url: string;
  /** Of the definition that says so: as another one it is asked otherwise. */
  readonly digest: string;
};

/**
 * Reads how a tool is asked, as it is defined in the catalog: null for one that is of no HTTP API, and
 * where another definition is just about to take its place.
 */
export async function loadOperation(
  { fromStore, snapshot }: Reader,
  tool: string,
): Promise<ToolOperation | null> {
  const of = snapshot.tool(tool)?.upstream;
  const upstream = of === undefined ? undefined : snapshot.upstreams.get(of.name);
  if (of === undefined || upstream?.kind !== "openapi") return null;
  const definition = await readDefinition(fromStore, of.name, of.tool, "offered");
  if (definition === null) return null;
  const digest = definitionDigest(upstream, definition);
  const http = memberOf(definition, "http");
  if (digest !== of.definition_digest || !isJsonObject(http)) return null;
  return { http: httpOperation.parse(http), url: upstream.url, digest };
}

/** How a tool is asked, if what was read of it is of the definition that it has now. */
export function operationNow(
  operation: ToolOperation,
  { upstream }: Pick<ToolRecord, "upstream">,
): ToolOperation | null {
  return operation.digest === upstream?.definition_digest ? operation : null;
}

/** Of an upstream that is elsewhere, or offers something else, since just now. */
export function unknownYet(upstream: string): AnyRefusal {
  const none = { call_id: null, token_id: null, execution_id: null };
  const says = "What it offers where it is now is not known yet.";
  return new Refusal("upstream_unreachable", { upstream, ...none, says });
}

/** Why a call of an upstream can be no request; null where it can, and where it need not. */
export function requestRefusal(
  { kind, name }: Pick<UpstreamRecord, "kind" | "name">,
  operation: ToolOperation | null,
  args: JsonObject,
): AnyRefusal | null {
  if (kind !== "openapi") return null;
  return operation === null ? unknownYet(name) : unwritable(operation, args);
}

/** The refusal of arguments of which no request can be made; null where one can. */
export function unwritable(
  operation: ToolOperation,
  args: JsonObject,
): Refusal<"invalid_arguments"> | null {
  const request = requestOf(operation.http, args, operation.url);
  if (!("message" in request)) return null;
  const { path, message } = request;
  return new Refusal("invalid_arguments", { errors: [{ path: `/arguments${path}`, message }] });
}

/** What somebody says of an HTTP API. */
export interface ApiFields extends Omit<UpstreamFields, "kind" | "url" | "document"> {
  readonly kind: "openapi";
  /** Absent where the one that it has stays. */
  readonly document?: JsonObject;
  /** What its paths are below; absent where the document says so, or it stays. */
  readonly base_url?: string;
}

/** Whoever says it. */
export interface ApiAuthor {
  readonly services: Services;
  readonly org: string;
  readonly transact: <L, R>(operation: CallerOperation<L, R>) => Promise<Accepted<R>>;
  readonly put: (fields: UpstreamFields) => Promise<Written<UpstreamRecord>>;
}

/**
 * Registers an HTTP API, or replaces what is said of it. The operations of a new document are stored
 * first, where nobody reads them; the one commit that names them makes all of them current. Whoever has
 * the catalog follow them is handed what was read.
 * @throws {Refusal} invalid_request, and what `putUpstream` says
 */
export async function putApi(
  { services, org, transact, put }: ApiAuthor,
  name: string,
  { document, base_url, ...fields }: ApiFields,
): Promise<Written<UpstreamRecord> & { readonly read: KeptDocument | null }> {
  const old = await transact({
    plan: ({ snapshot }) => snapshot.upstreams.has(name) ? existingUpstream(snapshot, name) : null,
  });
  const own = old?.kind === "openapi" ? old : null;
  const read = document === undefined ? null : await readGiven(services, document);
  const url = base_url ?? read?.server ?? own?.url;
  if (url === undefined) {
    const message = "is missing: the document names no server by a whole address";
    throw refused([{ path: "/base_url", message }]);
  }
  if (fields.operations !== undefined) {
    const names = read?.operations.map(({ name }) => name) ??
      await namesOf(services, org, own);
    assertThere(new Set(names), fields.operations);
  }
  const kept = read === null ? null : await keepDocument(transact, name, read);
  const replaced = own?.document?.id ?? null;
  try {
    const written = await put({ ...fields, url, ...(kept === null ? {} : { document: kept }) });
    const isOther = written.record.document?.id !== replaced;
    if (isOther && own?.document !== undefined) {
      await removeRows(services, org, keysOf(org, name, own.document));
    }
    return { ...written, read: read === null || kept === null ? null : { ...read, id: kept.id } };
  } catch (error) {
    // Nothing names what was stored, and nothing will.
    if (kept !== null) await removeRows(services, org, keysOf(org, name, kept));
    throw error;
  }
}

/** @throws {Refusal} invalid_request for one that cannot be read, or offers nothing */
async function readGiven({ deps }: Services, document: JsonObject): Promise<ReadDocument> {
  const read = await readDocument(document, turns(deps));
  if (typeof read === "string") throw refused([{ path: "/document", message: read }]);
  if (read.operations.length > 0) return read;
  const [first] = read.refused;
  const why = first === undefined ? "" : `; ${first.name} ${first.why}`;
  throw refused([{ path: "/document", message: `has no operation that can be taken${why}` }]);
}

/** The operations of the document that an upstream has. */
async function namesOf(
  { deps }: Services,
  org: string,
  own: UpstreamRecord | null,
): Promise<string[]> {
  if (own === null) return [];
  const { definitions } = await operationsOf(deps.kv, org, own);
  return definitions.map(({ name }) => String(name));
}

function assertThere(names: ReadonlySet<string>, picked: readonly string[]): void {
  const lacking = picked.flatMap((name, at): InputProblem[] =>
    names.has(name)
      ? []
      : [{ path: `/operations/${at}`, message: "is no operation of the document" }]
  );
  if (lacking.length > 0) throw refused(lacking.slice(0, 20));
}

function refused(errors: InputProblem[]): Refusal<"invalid_request"> {
  return new Refusal("invalid_request", { errors });
}
