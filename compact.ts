/**
 * Rewrites the file of a stopped store, so that nothing that was erased or has expired is in it:
 *
 *     deno task compact
 *
 * A start does the same by itself when something was erased. Takes as much free space beside the file
 * as what is live in it, and reads the settings of `deno task start`. Exit status: 0 it is rewritten,
 * 2 it is as it was, and a message says why.
 */

import { SettingRefused } from "./lib/server/rights.ts";
import { readSettings } from "./lib/server/settings.ts";
import { UNUSABLE } from "./lib/server/wiring.ts";
import { compactStore, NotCompacted } from "./lib/store/compact.ts";
import { assertExists, claimFile } from "./lib/store/open_store.ts";
import { isFile, StoreRefused } from "./lib/store/store_faults.ts";
import { taskCommand } from "./lib/store/system.ts";

async function compact(args: readonly string[]): Promise<number> {
  if (args.length > 0) {
    console.error(`Usage: ${taskCommand("compact")}`);
    return UNUSABLE;
  }
  const { kv } = readSettings((variable) => Deno.env.get(variable));
  if (!isFile(kv)) {
    console.error(
      `COUNTERSIGN_KV: the store ${kv} is not a file of this host, so there is nothing to compact ` +
        "here. Where you run the KV Connect server yourself, stop it and run this over its file; " +
        "elsewhere what was erased goes as the provider's storage says.",
    );
    return UNUSABLE;
  }
  await assertExists(kv);
  await claimFile(kv);
  const progress = (rows: number) => console.log(`${rows} rows are copied.`);
  const { before, after, rows } = await compactStore(kv, { now: Date.now, progress });
  console.log(`Compacted ${kv}: ${before} bytes before, ${after} after, ${rows} rows.`);
  return 0;
}

try {
  Deno.exit(await compact(Deno.args));
} catch (error) {
  const told = error instanceof SettingRefused || error instanceof StoreRefused ||
    error instanceof NotCompacted;
  if (!told) throw error;
  console.error(error instanceof NotCompacted ? `Not compacted. ${error.message}` : error.message);
  Deno.exit(UNUSABLE);
}
