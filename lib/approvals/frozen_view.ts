import { hash } from "node:crypto";
import { z } from "zod";
import { joinBytes } from "../base/bytes.ts";
import { canonicalJson } from "../base/canonical.ts";
import type { JsonObject } from "../base/json.ts";
import type { ToolOperation } from "../gateway/document.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { approvalAskKey, approvalKey, approvalViewKey } from "../store/keys.ts";
import { type Kv, readRecord, readRecords } from "../store/kv.ts";
import { type ApprovalRecord, type AskedAgain, askRows } from "../store/records/approval.ts";
import type { MandateRecord } from "../store/records/mandate.ts";
import { sealedRecord } from "../store/records/log.ts";
import { jsonObject, type RuleRecord, type ToolRecord } from "../store/records/policy.ts";
import type { UpstreamRecord } from "../store/records/upstream.ts";
import type { Sealer } from "../store/sealing.ts";

/**
 * What the approver of a request sees, frozen when it was asked, and sealed in pieces. Its digest
 * is what a passkey signs. The arguments are a piece of their own, so that they can be erased.
 *
 * Members are kept in the order in which they came, which is the order in which people read them:
 * what an edit replaces stands above what it puts there. The digest does not depend on it, being of
 * the RFC 8785 form. Rows of before hold that form, sorted by name, and read the same way.
 */

/** What the approver of a request will see, whatever becomes of the tool meanwhile. */
export interface FrozenView extends JsonObject {
  arguments: JsonObject;
  /** When it was asked again, and the digest of what was said then. */
  asked_again: { at: string; digest: string }[];
}

/** A view as the store keeps it. */
export interface SealedView {
  /** Null once the arguments were erased. */
  readonly arguments: Uint8Array | null;
  readonly pieces: readonly Uint8Array[];
}

/** Bytes of a view in one value of the store, with room for the seal. */
const PIECE_BYTES = 60_000;

const ARGUMENTS_PIECE = 0;

/** `sha256:` and the lower-case hex SHA-256 of the RFC 8785 form of a view or of an asking. */
export function viewDigest(view: JsonObject): string {
  return `sha256:${hash("sha256", canonicalJson(view), "hex")}`;
}

/**
 * The tool as the view shows it, and where it runs.
 * @param upstream the upstream that it is of; null where it is of none, or that is gone
 * @param operation how it is asked, of an HTTP API: with the arguments it says what is sent
 */
export function frozenTool(
  tool: ToolRecord,
  upstream: Pick<UpstreamRecord, "kind" | "url"> | null,
  operation: ToolOperation | null,
): JsonObject {
  return {
    id: tool.id,
    name: tool.name,
    description: tool.description,
    category: tool.category,
    status: tool.status,
    risk_level: tool.risk_level,
    annotations: { ...tool.annotations },
    parameters: tool.parameters,
    ...(tool.upstream === undefined ? {} : {
      upstream: {
        name: tool.upstream.name,
        tool: tool.upstream.tool,
        since: tool.upstream.since,
        ...(upstream === null ? {} : { kind: upstream.kind }),
        ...(upstream === null || upstream.kind === "mcp_stdio"
          ? {}
          : { host: new URL(upstream.url).host }),
        ...(operation === null ? {} : { operation: { ...operation } }),
      },
    }),
  };
}

/** The rule as the view shows it. */
export function frozenRule(rule: RuleRecord | null): JsonObject | null {
  if (rule === null) return null;
  const { id, selector, permission, note } = rule;
  return { id, selector: { ...selector }, permission, note };
}

/** The mandate as the view shows it: whose it is, and for whom. */
export function frozenMandate(
  { id, user_id, tenant, agent, bundle, expires_at }: MandateRecord,
): JsonObject {
  return {
    id,
    user_id,
    tenant_id: tenant,
    agent,
    bundle: bundle === null ? null : { ...bundle },
    expires_at: new Date(expires_at).toISOString(),
  };
}

/** What a request keeps of the mandate that it is asked under. */
export function askedUnder(
  { id, expires_at, ancestors }: MandateRecord,
): ApprovalRecord["mandate"] {
  const first = ancestors.at(-1);
  return { id, expires_at, ...(first === undefined ? {} : { first }) };
}

/** Puts a new view into the commit, as it is answered. */
export function storeView(transaction: Transaction, id: string, view: FrozenView): SealedView & {
  readonly arguments: Uint8Array;
} {
  const { deps, snapshot } = transaction;
  const { arguments: args, asked_again: _none, ...rest } = view;
  const argumentsKey = approvalViewKey(snapshot.orgId, id, ARGUMENTS_PIECE);
  const sealedArguments = deps.sealer.sealJson(argumentsKey, args);
  transaction.set(argumentsKey, { sealed: sealedArguments });
  const bytes = new TextEncoder().encode(JSON.stringify(rest));
  const pieces: Uint8Array[] = [];
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
    const key = approvalViewKey(snapshot.orgId, id, pieces.length + 1);
    const sealed = deps.sealer.seal(key, bytes.subarray(from, from + PIECE_BYTES));
    transaction.set(key, { sealed });
    pieces.push(sealed);
  }
  return { arguments: sealedArguments, pieces };
}

/** Forgets the arguments of a request that has ended. */
export function eraseArguments(transaction: Transaction, id: string): void {
  transaction.delete(approvalViewKey(transaction.snapshot.orgId, id, ARGUMENTS_PIECE));
}

/** What reads a record that no commit checks. */
type Peeks = Pick<Reader, "peek">;

/** Reads so outside of an operation, for who only looks. */
export function peeking(kv: Kv): Peeks {
  return { peek: (key, schema) => readRecord(kv, key, schema) };
}

/** Reads the sealed arguments of a request. */
export async function loadArguments(
  reader: Peeks,
  org: string,
  record: ApprovalRecord,
): Promise<Uint8Array | null> {
  if (!record.arguments_kept) return null;
  const key = approvalViewKey(org, record.id, ARGUMENTS_PIECE);
  return (await reader.peek(key, sealedRecord))?.value.sealed ?? null;
}

/** Reads the sealed arguments of many requests, by their ids; of those whose are kept. */
export async function loadArgumentsOf(
  kv: Kv,
  org: string,
  records: readonly ApprovalRecord[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const kept = records.filter((record) => record.arguments_kept);
  const keys = kept.map(({ id }) => approvalViewKey(org, id, ARGUMENTS_PIECE));
  const read = await Array.fromAsync(readRecords(kv, keys, sealedRecord));
  return new Map(
    kept.flatMap(({ id }, at) => {
      const record = read[at] ?? null;
      return record === null ? [] : [[id, record.sealed] as const];
    }),
  );
}

/** Reads all pieces of a view. */
export async function loadView(
  reader: Peeks,
  org: string,
  record: ApprovalRecord,
): Promise<SealedView> {
  const keys = Array.from(
    { length: record.view_pieces },
    (_, at) => approvalViewKey(org, record.id, at + 1),
  );
  const [args, ...pieces] = await Promise.all([
    loadArguments(reader, org, record),
    ...keys.map((key) => reader.peek(key, sealedRecord)),
  ]);
  return {
    arguments: args,
    pieces: pieces.flatMap((piece) => piece === null ? [] : [piece.value.sealed]),
  };
}

/** The arguments of a request. @throws {CannotOpen} */
export function openArguments(
  sealer: Sealer,
  org: string,
  id: string,
  sealed: Uint8Array,
): JsonObject {
  return jsonObject.parse(sealer.openJson(approvalViewKey(org, id, ARGUMENTS_PIECE), sealed));
}

/**
 * The view as its digest was taken, with what was asked again since. Null when its arguments were
 * erased. @throws {CannotOpen}
 */
export function openView(
  sealer: Sealer,
  org: string,
  record: ApprovalRecord,
  sealed: SealedView,
): FrozenView | null {
  if (sealed.arguments === null) return null;
  const parts = sealed.pieces.map((piece, at) =>
    sealer.open(approvalViewKey(org, record.id, at + 1), piece)
  );
  const text = new TextDecoder("utf-8", { fatal: true }).decode(joinBytes(parts));
  return {
    ...jsonObject.parse(JSON.parse(text)),
    arguments: openArguments(sealer, org, record.id, sealed.arguments),
    asked_again: askRows.parse(record.asked_again),
  };
}

/** Puts what was said at the asking number `ask` (from 0) into the commit. */
export function storeAsking(
  transaction: Transaction,
  id: string,
  ask: number,
  asking: AskedAgain,
): void {
  const key = approvalAskKey(transaction.snapshot.orgId, id, ask);
  transaction.set(key, { sealed: transaction.deps.sealer.sealJson(key, asking) });
}

/** Seals a short text of a request; `name` says which, so that no two can be swapped. */
export function sealText(
  sealer: Sealer,
  org: string,
  id: string,
  name: string,
  text: string,
): Uint8Array {
  return sealer.sealJson([...approvalKey(org, id), name], text);
}

/** The text that `sealText` sealed. @throws {CannotOpen} */
export function openText(
  sealer: Sealer,
  org: string,
  id: string,
  name: string,
  sealed: Uint8Array,
): string {
  return z.string().parse(sealer.openJson([...approvalKey(org, id), name], sealed));
}
