import { Buffer } from "node:buffer";
import { serialize } from "node:v8";
import { type NewLeaf, partsText } from "./entry.ts";

/** What one atomic operation of Deno KV takes, with room left for the log's own rows. */
export interface CommitLimits {
  readonly checks: number;
  readonly mutations: number;
  readonly bytes: number;
  readonly keyBytes: number;
  /** Commits under way at once. */
  readonly atOnce: number;
}

/** What a ledger checks itself in each commit: policy, head and turn. */
export const LEDGER_CHECKS = 3;

/** A file takes one commit after the other: what waits for it goes into the next. */
export const KV_LIMITS: CommitLimits = {
  checks: 100 - LEDGER_CHECKS,
  mutations: 900,
  bytes: 700_000,
  keyBytes: 70_000,
  atOnce: 1,
};

/** Over KV Connect a server may take ten checks a commit, and many commits at once. */
export const KV_CONNECT_LIMITS: CommitLimits = {
  ...KV_LIMITS,
  checks: 10 - LEDGER_CHECKS,
  atOnce: 16,
};

/** Thrown inside a batch: the operation has to wait for the next one. Never leaves the ledger. */
export class Deferred extends Error {}

/** An operation alone is larger than one commit can be. */
export class TransactionTooLarge extends Error {
  readonly code = "transaction_too_large";

  constructor() {
    super("The change is larger than one commit can be. Split it into several.");
  }
}

/** Measures whether a commit is within its bytes, where an estimate has only bounded them. */
export function fitsExactly(
  { leaves, writes, messages }: {
    readonly leaves: Iterable<Pick<NewLeaf, "text" | "private">>;
    /** By the texts of their keys. */
    readonly writes: Iterable<readonly [string, { readonly value: unknown }]>;
    readonly messages: Iterable<{ readonly value: unknown }>;
  },
  limits: CommitLimits,
): boolean {
  let bytes = 0;
  let keyBytes = 0;
  for (const { text, private: parts } of leaves) {
    bytes += Buffer.byteLength(text) + 64;
    if (parts !== null) bytes += Buffer.byteLength(partsText(parts)) + 64;
  }
  for (const [text, { value }] of writes) {
    keyBytes += Buffer.byteLength(text);
    bytes += serialize(value).length;
  }
  for (const { value } of messages) bytes += serialize(value).length + 64;
  return bytes + keyBytes <= limits.bytes && keyBytes <= limits.keyBytes;
}
