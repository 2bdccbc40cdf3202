import { hash } from "node:crypto";
import { serialize } from "node:v8";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { atOnce } from "../base/at_once.ts";
import { canonicalBytes, canonicalJson } from "../base/canonical.ts";
import { isId } from "../base/id.ts";
import type { JsonValue } from "../base/json.ts";
import { assertNoPersonalIds, type GivenIds } from "../catalog/personal_ids.ts";
import type { Span } from "../catalog/record_change.ts";
import { refuseProblems } from "../catalog/tool_record.ts";
import { registerUnknown } from "../catalog/tools.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import type { Placed } from "../ledger/entry.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type InputProblem, invalidRequest, Refusal } from "../refusal.ts";
import { listRecords } from "../store/kv.ts";
import {
  bundleEditionKey,
  bundleKey,
  bundlePrefix,
  bundleSourceKey,
} from "../store/mandate_keys.ts";
import { MalformedRecord } from "../store/record.ts";
import {
  type BundleEdition,
  type BundleRecord,
  bundleRecord,
  bundleSource,
  type Definition,
  type Scope,
} from "../store/records/mandate.ts";
import { conditionProblem } from "./conditions.ts";
import { isLabel } from "./narrow.ts";

/**
 * Bundles: what a mandate can be made of, in numbered editions. An edition is written once; another
 * content is another edition, and mandates on the one before mean what they meant.
 */

/** A value of the store holds 65,536 bytes; this leaves room for what stands beside the definition. */
const MAX_DEFINITION_BYTES = 60_000;

/**
 * Refuses what is kept as a record, and said in the private part of an entry as text, where either is
 * larger than a value of the store can be: by the one form letters cost less, by the other numbers.
 * @throws {Refusal} invalid_request
 */
export function assertStorable(record: unknown, said: JsonValue, path: string): void {
  const bytes = Math.max(serialize(record).length, canonicalBytes(said).length);
  if (bytes <= MAX_DEFINITION_BYTES) return;
  throw invalidRequest(
    path,
    `takes ${bytes} bytes with what is stored beside it; at most ${MAX_DEFINITION_BYTES} are stored: ` +
      "leave scopes or conditions out, or make two of it",
  );
}

/** A bundle with one of its editions. */
export interface ReadBundle {
  readonly bundle: BundleRecord;
  readonly edition: BundleEdition;
}

/** A bundle after it was published; `audit` is null where the newest edition was the same already. */
export interface PublishedBundle extends ReadBundle {
  readonly created: boolean;
  readonly audit: Placed | null;
}

/** `sha256:` and the lower-case hex SHA-256 of the RFC 8785 form of a definition. */
export function definitionDigest(definition: Definition): string {
  return `sha256:${hash("sha256", canonicalJson(definition), "hex")}`;
}

/** Reads a bundle and its newest edition, or the one that is named; null when there is none. */
export async function loadBundle(
  reader: Reader,
  id: string,
  number: number | null = null,
): Promise<ReadBundle | null> {
  const { orgId } = reader.snapshot;
  const bundle = (await reader.get(bundleKey(orgId, id), bundleRecord))?.value;
  if (bundle === undefined || (number ?? 1) > bundle.edition) return null;
  const edition = await loadEdition(reader, id, number ?? bundle.edition);
  return { bundle, edition };
}

/** The bundles behind an id, by id, each with its newest edition. */
export async function listBundles(
  reader: Reader,
  { after, limit }: Span,
): Promise<ReadBundle[]> {
  const prefix = [...bundlePrefix(reader.snapshot.orgId)];
  // Nothing sorts between an id and the same with the character 0 behind it.
  const selector = after === null ? { prefix } : { prefix, start: [...prefix, `${after}\0`] };
  const read: ReadBundle[] = [];
  for await (const { value } of listRecords(reader.kv, selector, bundleRecord, { limit })) {
    read.push({ bundle: value, edition: await loadEdition(reader, value.id, value.edition) });
  }
  return read;
}

/** Editions whose digest was found to fit: what is held in memory is not hashed again. */
const checked = new WeakSet<BundleEdition>();

/**
 * Reads an edition that there has to be, as it was written.
 * @param digest that whoever names it has of it; null for nobody
 * @throws {MalformedRecord} when it is gone, or is not what its digest says
 */
export function loadEdition(
  reader: Reader,
  id: string,
  number: number,
  digest: string | null = null,
): BundleEdition | Promise<BundleEdition> {
  const key = bundleEditionKey(reader.snapshot.orgId, id, number);
  return atOnce([reader.guarded(key)], (edition) => {
    if (edition === null) throw new MalformedRecord(key, "it is gone, and mandates name it");
    const fits = checked.has(edition) || definitionDigest(edition.definition) === edition.digest;
    const isOwn = edition.id === id && edition.edition === number;
    if (!fits || !isOwn || (digest !== null && digest !== edition.digest)) {
      throw new MalformedRecord(key, "it is not the edition that its digest was taken of");
    }
    checked.add(edition);
    return edition;
  });
}

/** What is published. */
export interface Publication extends Pick<BundleEdition, "definition" | "description"> {
  /** What it was translated from, and its hex digest; absent where its author wrote it as it is. */
  readonly source?: { readonly sha256: string; readonly text: string };
}

/**
 * Publishes a definition: a new edition, or the newest one again where that says the same.
 * @param expected the number of the newest edition as its author knows it; null for whoever does not say
 * @throws {Refusal} invalid_request, bundle_edition_exists
 */
export function publishBundle(
  id: string,
  { definition, description, source }: Publication,
  expected: number | null,
  request_id: string,
): CallerOperation<ReadBundle | null, PublishedBundle> {
  const digest = definitionDigest(definition);
  const source_sha256 = source?.sha256 ?? null;
  return {
    load: (reader) => loadBundle(reader, id),
    plan(transaction, caller, old) {
      const { snapshot, at } = transaction;
      const newest = old?.bundle.edition ?? 0;
      if (expected !== null && expected !== newest) {
        throw new Refusal("bundle_edition_exists", { id, edition: newest });
      }
      assertDefinition(snapshot, id, definition);
      const same = old !== null && old.edition.digest === digest &&
        old.edition.description === description &&
        (old.edition.source_sha256 ?? null) === source_sha256;
      if (same && old.bundle.archived_at === null) return { ...old, created: false, audit: null };
      // What is granted from now on may let more through than before.
      demand(caller, "loosen", "Publishing an edition of a bundle");
      const edition: BundleEdition = same ? old.edition : {
        id,
        edition: newest + 1,
        digest,
        definition,
        ...(source_sha256 === null ? {} : { source_sha256 }),
        description,
        created_by: { type: caller.type, id: caller.id },
        created_at: at,
      };
      const bundle: BundleRecord = {
        id,
        edition: edition.edition,
        archived_at: null,
        created_at: old?.bundle.created_at ?? at,
      };
      transaction.set(bundleKey(snapshot.orgId, id), bundle);
      if (!same) {
        transaction.setGuarded(bundleEditionKey(snapshot.orgId, id, edition.edition), edition);
      }
      if (!same && source !== undefined) storeSource(transaction, edition, source.text);
      if (source !== undefined && snapshot.org.register_from_policies) {
        const names = definition.scopes.map(({ name }) => name)
          .filter((name) => !name.startsWith("tag:"));
        const because = { because: "register_from_policies", bundle: id, edition: edition.edition };
        registerUnknown(transaction, { caller, request_id }, names, because);
      }
      const audit = transaction.append({
        type: "bundle.published",
        actor: actorOf(caller),
        subject: { bundle: id },
        data: {
          agent: definition.agent,
          digest,
          edition: edition.edition,
          request_id,
          scopes: definition.scopes.length,
          ...(source_sha256 === null ? {} : { source_sha256 }),
        },
        private: { definition },
      });
      return { bundle, edition, created: !same, audit };
    },
  };
}

function storeSource(
  transaction: Transaction,
  { id, edition }: Pick<BundleEdition, "id" | "edition">,
  text: string,
): void {
  const deflated = new Uint8Array(deflateRawSync(text));
  if (deflated.length > MAX_DEFINITION_BYTES) {
    throw invalidRequest("", `has ${deflated.length} bytes even when it is packed: too many`);
  }
  transaction.set(bundleSourceKey(transaction.snapshot.orgId, id, edition), { deflated });
}

/**
 * Reads the text that an edition was translated from; null where it was not translated.
 * @throws {MalformedRecord} when it is not what its digest was taken of
 */
export async function loadSource(
  reader: Reader,
  { id, edition, source_sha256 }: BundleEdition,
): Promise<string | null> {
  if (source_sha256 === undefined) return null;
  const key = bundleSourceKey(reader.snapshot.orgId, id, edition);
  const found = await reader.peek(key, bundleSource);
  if (found === null) throw new MalformedRecord(key, "it is gone, and its edition names it");
  const text = inflateRawSync(found.value.deflated).toString();
  if (hash("sha256", text, "hex") !== source_sha256) {
    throw new MalformedRecord(key, "it is not what the digest in its edition was taken of");
  }
  return text;
}

/**
 * Archives a bundle: no mandate is made of it any more, and those that there are go on.
 * @throws {Refusal} not_found
 */
export function archiveBundle(
  id: string,
  request_id: string,
): CallerOperation<ReadBundle | null, ReadBundle> {
  return {
    load: (reader) => loadBundle(reader, id),
    plan(transaction, caller, old) {
      const found = existingBundle(old, id);
      if (found.bundle.archived_at !== null) return found;
      demand(caller, "configure");
      const bundle: BundleRecord = { ...found.bundle, archived_at: transaction.at };
      transaction.set(bundleKey(transaction.snapshot.orgId, id), bundle);
      transaction.append({
        type: "bundle.archived",
        actor: actorOf(caller),
        subject: { bundle: id },
        data: { edition: bundle.edition, request_id },
      });
      return { ...found, bundle };
    },
  };
}

/** The bundle that was read. @throws {Refusal} not_found */
export function existingBundle(read: ReadBundle | null, id: string): ReadBundle {
  if (read === null) throw new Refusal("not_found", { what: `bundle ${id}` });
  return read;
}

/**
 * Checks what a definition says, wherever it is given.
 * @throws {Refusal} invalid_request
 */
export function assertDefinition(
  snapshot: Pick<Snapshot, "org" | "agents">,
  id: string | null,
  definition: Definition,
): void {
  const { agent, scopes } = definition;
  const problems = scopes.flatMap(scopeProblems);
  if (!isLabel(agent) && (!isId(agent, "agt") || !snapshot.agents.has(agent))) {
    const message = "is no agent of this organization; a label must not begin with agt_";
    problems.push({ path: "/agent", message });
  }
  refuseProblems(problems);
  assertStorable(definition, definition, "/scopes");
  const given: GivenIds = {
    "/agent": agent,
    ...(id === null ? {} : { "/id": id }),
    ...Object.fromEntries(scopes.map(({ name }, i) => [`/scopes/${i}`, name])),
  };
  assertNoPersonalIds(snapshot.org, given);
}

function scopeProblems(scope: Scope, i: number, all: readonly Scope[]): InputProblem[] {
  const problems: InputProblem[] = [];
  const path = `/scopes/${i}`;
  if (all.findIndex(({ name }) => name === scope.name) !== i) {
    problems.push({ path, message: `names ${scope.name}, which is named before` });
  }
  if (scope.decision === "deny" && scope.resources !== null) {
    const message = "has no meaning where the scope denies: without it all resources are denied";
    problems.push({ path: `${path}/resources`, message });
  }
  scope.conditions.forEach(({ when }, rule) => {
    when.forEach((condition, at) => {
      const message = conditionProblem(condition);
      if (message === null) return;
      problems.push({ path: `${path}/conditions/${rule}/when/${at}`, message });
    });
  });
  return problems;
}
