import { z } from "zod";
import { AFTER_MODES, BEFORE_MODES, PERSONAL_KINDS } from "./vocabulary.ts";

/**
 * What looks at calls and their results: of a tool, or for all of an org. The same schemas read what
 * a body says, so that nothing is stored that a guard does not know.
 */

/** Most guards of one side. */
const MAX_GUARDS = 20;

const MAX_POINTERS = 20;

const MAX_WORDS = 200;

const pointers = z.array(
  z.string().max(256, "has at most 256 characters")
    .regex(/^(?:\/(?:[^~/]|~[01])*)*$/, "must be a JSON pointer into the arguments, as /path"),
).min(1, "must name a place in the arguments").max(MAX_POINTERS, `has at most ${MAX_POINTERS}`)
  .describe("Places in the arguments, with all that is in them; an empty pointer is all of them");

const root = z.string().min(1).max(1024, "has at most 1,024 characters")
  .regex(/^(?:\/[^/\\\0]+)+$/, "must be an absolute path without an end slash, as /srv/notes")
  .refine(
    (path) => !path.split("/").some((segment) => segment === "." || segment === ".."),
    "must not hold . or .. as a segment",
  )
  .describe("Absolute paths have to lie below it");

const words = z.array(
  z.string().max(64, "has at most 64 characters")
    .regex(/[\p{L}\p{N}]/u, "must have a letter or a digit"),
).min(1, "must name a word").max(MAX_WORDS, `has at most ${MAX_WORDS} words`)
  .describe("Words and phrases, found as whole words in any case");

const before = (mode: (typeof BEFORE_MODES)[number]) =>
  z.enum(BEFORE_MODES).default(mode).describe("What it does about what it finds");

const after = (mode: (typeof AFTER_MODES)[number]) =>
  z.enum(AFTER_MODES).default(mode).describe("What it does about what it finds");

/** A guard of the arguments. */
export const beforeGuard = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("path_traversal"),
    mode: before("block"),
    pointers,
    root,
  }),
  z.strictObject({ kind: z.literal("injection"), mode: before("approve") }),
  z.strictObject({ kind: z.literal("secrets"), mode: before("flag") }),
  z.strictObject({ kind: z.literal("topics"), mode: before("approve"), words }),
  z.strictObject({ kind: z.literal("command"), mode: before("approve"), pointers }),
  z.strictObject({ kind: z.literal("sql"), mode: before("approve"), pointers }),
]);

export type BeforeGuard = z.infer<typeof beforeGuard>;

/** A guard of the result. Credentials are always cut out, or the result withheld. */
export const afterGuard = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("credentials"),
    mode: z.enum(["redact", "block"]).default("redact").describe("It cannot be switched off"),
  }),
  z.strictObject({
    kind: z.literal("personal_data"),
    mode: after("redact"),
    kinds: z.array(z.enum(PERSONAL_KINDS)).min(1, "must name a kind")
      .refine((kinds) => new Set(kinds).size === kinds.length, "names a kind twice"),
  }),
  z.strictObject({ kind: z.literal("injection"), mode: after("flag") }),
  z.strictObject({ kind: z.literal("topics"), mode: after("flag"), words }),
]);

export type AfterGuard = z.infer<typeof afterGuard>;

/** The guards of a tool or of an org; of a side that is left out nothing is said. */
export const guardsRecord = z.strictObject({
  before: z.array(beforeGuard).max(MAX_GUARDS, `has at most ${MAX_GUARDS} guards`).exactOptional(),
  after: z.array(afterGuard).max(MAX_GUARDS, `has at most ${MAX_GUARDS} guards`).exactOptional(),
});

export type Guards = z.infer<typeof guardsRecord>;

/** What a guard found: of what kind, where, and how often. The text itself is nowhere. */
export const findingRecord = z.object({
  guard: z.string(),
  kind: z.string(),
  /** JSON pointer into the arguments or the result; absent where there are too many to name. */
  pointer: z.string().exactOptional(),
  count: z.number().int().positive(),
});

export type Finding = z.infer<typeof findingRecord>;
