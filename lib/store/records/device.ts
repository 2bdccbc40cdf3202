import { z } from "zod";

/** Records of computers that wait at a terminal to be let in (RFC 8628). */

const timestamp = z.number().int().nonnegative();

/** What a computer may be let in as. */
export const GIVES = ["agent", "standard"] as const;

export type Gives = (typeof GIVES)[number];

/** Who let a computer in, and as what. It counts while that session does. */
const allowed = z.object({
  org: z.string(),
  member: z.string(),
  /** Hash of the session that did. */
  session: z.string(),
  gives: z.enum(GIVES),
});

/** Where a login stands. Once it has ended it stays so. */
const progress = z.discriminatedUnion("state", [
  z.object({ state: z.literal("pending") }),
  z.object({ state: z.literal("denied") }),
  allowed.extend({ state: z.literal("allowed") }),
  /** The secret was handed out, and of what it is. */
  allowed.extend({ state: z.literal("used"), made: z.string() }),
  /** Its code came once more: what was made is gone. */
  z.object({ state: z.literal("reused") }),
]);

export type DeviceProgress = z.infer<typeof progress>;

/** A computer that waits, by the hash of its device code. */
export const deviceLogin = z.object({
  /** What its entries name it by. */
  id: z.string(),
  /** What it calls itself and where it asked from, sealed. */
  sealed: z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes"),
  /** When it asked last, and how many seconds it has to wait between two times. */
  polled_at: timestamp,
  interval: z.number().int().positive(),
  progress,
  /** Until when its codes count. */
  expires_at: timestamp,
});

export type DeviceLogin = z.infer<typeof deviceLogin>;

/** What a computer said of itself, and where it asked from. */
export const deviceAsker = z.object({
  name: z.string(),
  /** Null where it is not known. */
  address: z.string().nullable(),
});

export type DeviceAsker = z.infer<typeof deviceAsker>;

/** The login that a typed code stands for: the hash of its device code. */
export const deviceUserCode = z.object({ login: z.string() });

/** Wrong codes that a person typed within the last day, and the sessions in which they did. */
export const deviceTries = z.object({
  failed: z.array(z.object({ session: z.string(), at: timestamp })),
});

export type DeviceTries = z.infer<typeof deviceTries>;
