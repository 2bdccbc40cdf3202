import { z } from "zod";
import { commitOnce } from "./commit.ts";
import { schemaVersionKey } from "./keys.ts";
import { readRecord, type StoreDeps } from "./kv.ts";
import { StoreRefused } from "./open_store.ts";

/**
 * The shape of the rows that this release writes. It is raised, with a step in `lib/migrations.ts`,
 * when rows of before are written anew, or when a release of before would misread what is written
 * now. What is only added, and has a default where it is missing, needs no new version.
 */
export const SCHEMA_VERSION = 2;

/** What a store has that was written before there were versions. */
const UNVERSIONED = 0;

export const schemaVersionRecord = z.object({ version: z.number().int().positive() });

/** The version of a store. @throws {MalformedRecord} {StoreUnavailable} */
export async function schemaVersion({ kv }: Pick<StoreDeps, "kv">): Promise<number> {
  const found = await readRecord(kv, schemaVersionKey(), schemaVersionRecord);
  return found?.value.version ?? UNVERSIONED;
}

/**
 * Refuses a store that a newer release has written, before anything else of it is read or written.
 * @throws {StoreRefused} {MalformedRecord} {StoreUnavailable}
 */
export async function refuseNewer(deps: Pick<StoreDeps, "kv">): Promise<void> {
  const version = await schemaVersion(deps);
  if (version <= SCHEMA_VERSION) return;
  throw new StoreRefused(
    `COUNTERSIGN_KV: the store has version ${version}, written by a newer release; this one knows ` +
      `versions up to ${SCHEMA_VERSION}. Start the release that wrote it, or a later one; to stay ` +
      "with this one, restore a backup from before.",
  );
}

/** Has the commit that makes a store write the version of this release. */
export function stampNew(making: Deno.AtomicOperation): Deno.AtomicOperation {
  const key = [...schemaVersionKey()];
  return making.check({ key, versionstamp: null }).set(key, { version: SCHEMA_VERSION });
}

/** Says that the store was brought from one version to another; false where another process did. */
export async function stamp(
  deps: Pick<StoreDeps, "kv" | "random">,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<boolean> {
  const found = await readRecord(deps.kv, schemaVersionKey(), schemaVersionRecord);
  if ((found?.value.version ?? UNVERSIONED) !== from) return false;
  const key = [...schemaVersionKey()];
  const operation = deps.kv.atomic().check({ key, versionstamp: found?.versionstamp ?? null })
    .set(key, { version: to });
  return (await commitOnce(deps, operation)).ok;
}
