import { z } from "zod";

/** Schemas of the log's parts as answers carry them. */

const jsonObject = z.record(z.string(), z.json());

export const leafHash = z.string().regex(/^[0-9a-f]{64}$/)
  .describe("hex(SHA-256(0x00 || JCS(entry)))");

export const hashes = z.array(z.string().regex(/^[0-9a-f]{64}$/));

const entryFields = {
  index: z.number().int().nonnegative(),
  id: z.string(),
  at: z.iso.datetime(),
  type: z.string().describe("`noun.verb`"),
  actor: jsonObject.describe("Who did it: `type` and `id`"),
  subject: jsonObject.describe("What it was done to"),
  data: jsonObject,
};

export const activityEntry = z.object({ ...entryFields, leaf_hash: leafHash });

export const logEntry = z.object({ v: z.literal(1), org: z.string(), ...entryFields });

export const logRow = z.object({
  index: z.number().int().nonnegative(),
  leaf_hash: leafHash,
  entry: logEntry,
  private: jsonObject.nullable().describe(
    "What the leaf holds only as salted digests; null unless the key may see it",
  ),
});

/** A public key of a log, RFC 8037. */
export const publishedKey = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string(),
  kid: z.string().describe("RFC 7638 thumbprint"),
  use: z.literal("sig"),
  alg: z.literal("EdDSA"),
  origin: z.string().describe("Name of the log, the first line of its checkpoints"),
  status: z.enum(["active", "retired"]),
  retired_size: z.number().int().nonnegative().nullable()
    .describe("Of a retired key: how many entries it may sign for; nothing beyond counts"),
  retired_at: z.iso.datetime().nullable().describe("When it handed over"),
  successor: z.string().nullable().describe("`kid` of the one key that it handed over to"),
});
