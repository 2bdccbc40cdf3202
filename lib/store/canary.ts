import { z } from "zod";
import { commitOnce } from "./commit.ts";
import { canaryKey } from "./keys.ts";
import { readRecord, type StoreDeps, StoreUnavailable } from "./kv.ts";
import { StoreRefused } from "./open_store.ts";
import { refuseNewer, stampNew } from "./schema_version.ts";
import { CannotOpen } from "./sealing.ts";

/** What the canary says. */
export const CANARY_WORDS = new TextEncoder().encode("countersign");

export const canaryRecord = z.instanceof(Uint8Array);

/** How long the first answer of the store may take, milliseconds. */
const FIRST_ANSWER_MS = 15_000;

/**
 * Proves at start that no newer release has written the store, and that it lies under the secret, or
 * under the previous one, before anything
 * is sealed under another: a record with known words, sealed when the store was new. Of all that is
 * sealed it is the last to be sealed anew (`lib/server/rotation.ts`), so that a secret is not taken away
 * while records still lie under it.
 * @throws {StoreRefused} when release or secret are others, or the store does not answer
 * @throws {StoreUnavailable} when it takes no write
 */
export async function proveSecret(deps: StoreDeps): Promise<void> {
  const limit = deps.timer(FIRST_ANSWER_MS);
  const tooLate = limit.elapsed.then(() => {
    throw new StoreRefused(
      `COUNTERSIGN_KV: the store did not answer within ${FIRST_ANSWER_MS / 1000} seconds. ` +
        "Check that it runs and can be reached.",
    );
  });
  try {
    await Promise.race([prove(deps), tooLate]);
  } finally {
    limit.cancel();
  }
}

async function prove(deps: StoreDeps): Promise<void> {
  const { kv, sealer } = deps;
  await refuseNewer(deps);
  if (await makeCanary(deps)) return;
  const key = canaryKey();
  const record = await readRecord(kv, key, canaryRecord);
  if (record === null) return;
  try {
    sealer.open(key, record.value);
  } catch (error) {
    if (!(error instanceof CannotOpen)) throw error;
    throw new StoreRefused(
      "COUNTERSIGN_SECRET: the store was written under another secret. Start with that one, or give " +
        "it as COUNTERSIGN_SECRET_PREVIOUS beside the new one. Where none was set, it is the file " +
        "config/secret of that time. A rotation that was under way is to be finished first.",
    );
  }
}

/**
 * Seals the known words where there are none; true when it did. A store without a row gets its
 * version in the same commit.
 */
async function makeCanary(deps: StoreDeps): Promise<boolean> {
  const { kv, sealer } = deps;
  const key = canaryKey();
  try {
    const isNew = (await kv.list({ prefix: [] }, { limit: 1 }).next()).done === true;
    const making = kv.atomic().check({ key: [...key], versionstamp: null })
      .set([...key], sealer.seal(key, CANARY_WORDS));
    return (await commitOnce(deps, isNew ? stampNew(making) : making)).ok;
  } catch (error) {
    throw new StoreUnavailable(error);
  }
}
