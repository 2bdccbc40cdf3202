import { z } from "zod";
import type { JsonValue } from "../../base/json.ts";
import { HASH_BYTES } from "../../base/sha256.ts";

/** Records of the audit log. */

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

const count = z.number().int().nonnegative();

/** The version of a policy, and which generation of its rows is read. */
export interface PolicyVersion {
  readonly version: number;
  readonly generation: number;
}

/**
 * A policy under the keys of generation 0 has a number alone. Any other is written in a form that a
 * process of the time before generations refuses: it would read rows that are the policy no more.
 */
export const policyVersion: z.ZodType<PolicyVersion> = z.union([
  z.object({ version: count }).transform(({ version }) => ({ version, generation: 0 })),
  z.object({ current: z.object({ version: count, generation: count.positive() }) })
    .transform(({ current }) => current),
]);

/** The row of a version. */
export function policyVersionRow({ version, generation }: PolicyVersion) {
  return generation === 0 ? { version } : { current: { version, generation } };
}

/** A generation of the policy's rows while it is written. */
export const policyGeneration = z.object({
  /** When it is given up, milliseconds since 1970, unless it has become the one that is read. */
  ends_at: z.number().int().nonnegative(),
});

/** What one policy version changed, so that another node re-reads only that. */
export const policyChange = z.object({
  /** The keys that changed, or null when there were too many to list: read everything again. */
  keys: z.array(z.array(z.string())).nullable(),
});

/** What was accepted of a log that is ahead of the time. */
export const headClock = z.object({
  /** Entries up to this time may lie ahead, milliseconds. */
  accepted_until: z.number().int().nonnegative(),
  jumps: z.array(z.object({ from: z.number(), to: z.number() })),
});

export type HeadClock = z.infer<typeof headClock>;

export interface LogHead {
  readonly size: number;
  /** Roots of the complete subtrees that make up the tree, largest first. */
  readonly peaks: Uint8Array[];
  /** `at` of the newest entry, milliseconds. */
  readonly at: number;
  /** Absent where nobody ever had to accept a clock. */
  readonly clock?: HeadClock | undefined;
}

/** A time in bytes, milliseconds: 48 bits, as ids have for theirs. */
const AT_BYTES = 6;

/** The same for how many entries there are: a head begins with it. */
export const SIZE_BYTES = 6;

/** Bytes of a head before its hashes: that, and its time. Behind them is the JSON of its clock, if any. */
export const HEAD_BYTES = SIZE_BYTES + AT_BYTES;

/** How many complete subtrees make up a tree (RFC 9162 section 2.1.2). */
function peaksOf(size: number): number {
  return size.toString(2).replaceAll("0", "").length;
}

/** The members of a head in bytes, or null where they are none. */
function headMembersOf(row: Uint8Array): z.input<typeof headMembers> | null {
  if (row.length < HEAD_BYTES) return null;
  const view = new DataView(row.buffer, row.byteOffset);
  const size = getUint48(view, 0);
  const end = HEAD_BYTES + peaksOf(size) * HASH_BYTES;
  if (row.length < end) return null;
  const peaks: Uint8Array[] = [];
  for (let at = HEAD_BYTES; at < end; at += HASH_BYTES) peaks.push(row.slice(at, at + HASH_BYTES));
  const head = { size, peaks, at: getUint48(view, SIZE_BYTES) };
  if (row.length === end) return head;
  try {
    return { ...head, clock: JSON.parse(new TextDecoder().decode(row.subarray(end))) };
  } catch {
    return null;
  }
}

/** An integer of 48 bits. */
function getUint48(view: DataView, place: number): number {
  return view.getUint16(place) * 2 ** 32 + view.getUint32(place + 2);
}

/** Hashes as earlier releases had them: each by itself, or one after another. */
const hashes = z.union([
  z.array(bytes),
  bytes.refine(({ length }) => length % HASH_BYTES === 0, "expected whole hashes")
    .transform((joined) =>
      Array.from(
        { length: joined.length / HASH_BYTES },
        (_, at) => joined.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES),
      )
    ),
]);

/** A head by members, as a row of earlier releases has it. */
const headMembers = z.object({
  size: count,
  peaks: hashes,
  at: count,
  clock: headClock.optional(),
});

/** A head as it is read: a row of bytes, or one by members. */
export const logHead: z.ZodType<LogHead> = z.union([
  bytes.transform((row, context) => {
    const head = headMembersOf(row);
    if (head !== null) return head;
    context.addIssue({ code: "custom", message: "expected a head" });
    return z.NEVER;
  }).pipe(headMembers),
  headMembers,
]);

/** The entries of one commit, or a part of them that fits a value. */
export interface LogSegment {
  /** Names the commit attempt, so that a lost answer can be told from a lost commit. */
  readonly batch: string;
  /** Milliseconds. */
  readonly at: number;
  /** `0x00 || JCS(entry)`, one after another: each part is exactly what its leaf hash hashes. */
  readonly data: Uint8Array;
}

/** Bytes of a commit's name, which a segment begins with. */
export const NAME_BYTES = 12;

/** Bytes of a segment before its entries: that name, and their time. */
export const SEGMENT_HEAD_BYTES = NAME_BYTES + AT_BYTES;

/** A segment as it is read: a row of bytes, or one of the releases that wrote it by members. */
export const logSegment: z.ZodType<LogSegment> = z.union([
  bytes.refine(({ length }) => length > SEGMENT_HEAD_BYTES, "expected a segment").transform(
    (row) => {
      const view = new DataView(row.buffer, row.byteOffset);
      return {
        batch: row.subarray(0, NAME_BYTES).toHex(),
        at: getUint48(view, NAME_BYTES),
        data: row.subarray(SEGMENT_HEAD_BYTES),
      };
    },
  ),
  z.object({ batch: z.string(), at: z.number().int().nonnegative(), data: bytes }),
]);

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Counters that one commit wrote, as JSON in UTF-8, or as a text where they were written so: each with
 * its key without the organization, null for one that was deleted. Rows before `from` are gone.
 */
export const gatheredRow = z.union([bytes, z.string()]).transform((json, context): unknown => {
  try {
    return JSON.parse(typeof json === "string" ? json : decoder.decode(json));
  } catch {
    context.addIssue({ code: "custom", message: "expected JSON" });
    return z.NEVER;
  }
}).pipe(z.object({
  from: count,
  rows: z.array(z.tuple([z.tuple([z.string(), z.string()]), z.unknown()])),
}));

export type GatheredRow = z.infer<typeof gatheredRow>;

/** How many checks of one UTC day (counted from 1970-01-01) had which answer. */
export const dayChecks = z.object({
  day: z.number().int().nonnegative(),
  allowed: z.number().int().nonnegative(),
  requires_approval: z.number().int().nonnegative(),
  disabled: z.number().int().nonnegative(),
});

export type DayChecks = z.infer<typeof dayChecks>;

/** A full page of 256 entries in brief: when, which facet values occur, which answers were given. */
export const logPage = z.object({
  first_at: z.number().int().nonnegative(),
  last_at: z.number().int().nonnegative(),
  facets: z.custom<Uint32Array>((value) => value instanceof Uint32Array, "expected facet hashes"),
  /** By day; absent from pages of the time before they were counted. */
  checks: z.array(dayChecks).optional(),
});

export type LogPage = z.infer<typeof logPage>;

/** Bytes that only this deployment's secret opens. */
export const sealedRecord = z.object({ sealed: bytes });

/** The same as the rows of private parts have it: bare, or in a member in those of earlier releases. */
export const logPrivateRecord = z.union([
  bytes.transform((sealed) => ({ sealed })),
  sealedRecord,
]);

/** A key that signs, or signed, the heads of an org's log; the private part only sealed. */
export const logKeyRecord = z.object({
  kid: z.string(),
  public_key: z.object({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: z.string() }),
  sealed_private_key: bytes,
  status: z.enum(["active", "retired"]),
  created_at: z.number().int().nonnegative(),
  /**
   * Of a retired key, where the log tells of its end. Absent from those retired before it was kept,
   * until somebody asks; null where the log was asked and says nothing.
   */
  retirement: z.object({
    /** Index of the entry that handed over: how many entries the key speaks for. */
    size: z.number().int().nonnegative(),
    /** Milliseconds. */
    at: z.number().int().nonnegative(),
    successor: z.string(),
  }).nullish(),
});

export type LogKeyRecord = z.infer<typeof logKeyRecord>;

/** A key that signs the receipts of a time; its private part stays, sealed, for as long as the org. */
export const receiptKeyRecord = z.object({
  kid: z.string(),
  /** The 32 bytes of the public key in Base64url. */
  x: z.string(),
  sealed: bytes,
  /** From when on what happened is signed by it, milliseconds. */
  active_from: z.number().int().nonnegative(),
  /** Not included; null while it is the newest. */
  active_until: z.number().int().nonnegative().nullable(),
  /** The entry that made it. */
  entry: z.object({ index: z.number().int().nonnegative(), leaf_hash: z.string() }),
});

export type ReceiptKeyRecord = z.infer<typeof receiptKeyRecord>;

export const newestReceiptKey = z.object({ kid: z.string() });

/** Salt (32 hex digits) and value: with both, anyone can recompute the digest that the leaf carries. */
export const privatePart = z.object({
  salt: z.string(),
  // Taken as it is: a schema that walks it would drop a member called `__proto__`.
  value: z.custom<JsonValue>((value) => value !== undefined, "expected a JSON value"),
});

/** The private parts of one entry, by name. */
export const privateParts = z.record(z.string(), privatePart);

export type PrivateParts = Record<string, { salt: string; value: JsonValue }>;

/** What a sealed row of them holds, once it is opened. */
export type PrivateRow = [index: number, parts: PrivateParts][];

export const privateRow = z.array(z.tuple([z.number().int().nonnegative(), privateParts]));

export const privateJwk = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string(),
  d: z.string(),
});

/** The kinds of work that must happen at a time. */
export const DUE_KINDS = [
  "approval_ends",
  "approval_lapses",
  "tool_changed",
  "policy_applied",
  "policy_sweep",
  "agent_rotated",
  "mandate_ended",
  "mandate_over",
  "user_key_gone",
  "report_due",
  "identity_event",
  "passkey_removed",
  "recovery_hold",
  "recovery_letter",
  "event_expand",
  "alert_nearing_expiry",
  // Written by releases that had no events; what they left is still done.
  "alert_new_request",
  "alert_second_level",
  "alert_decided",
  "alert_delivery",
  "webhook_delivery",
  "channel_delivery",
  "endpoint_letter",
  "org_deleted",
  "org_erased",
  "person_erased",
  "member_forgotten",
  "account_orgless",
  "grant_ends",
  "upstream_refresh",
  "credential_refresh",
  "credential_letter",
] as const;

export type DueKind = (typeof DUE_KINDS)[number];

/** Work for one org at one time. Handlers look at the state themselves: doing it twice is harmless. */
export interface DueWork {
  readonly kind: DueKind;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly org: string;
  /** What it is about: an approval's id, a tool's name, a token's id. */
  readonly id: string;
}

/** A row of due work as it is stored. */
export const dueWork: z.ZodType<DueWork> = z.object({
  kind: z.enum(DUE_KINDS),
  at: z.number().int().nonnegative(),
  org: z.string(),
  id: z.string(),
});

/** A time that the clock of some process showed, milliseconds. */
export const clockTime = z.object({ at: z.number().int().nonnegative() });
