/**
 * Lets somebody in again who has lost every passkey, and mailbox or recovery codes too:
 *
 *     deno task recover EMAIL
 *
 * Prints a link that takes a new passkey for the account, for an hour. Reads the settings of
 * `deno task start`. Exit status: 0 a link was printed, 1 no account has the address, 2 wrong usage
 * or a store that does not open.
 */
import { systemRandom } from "./lib/deps.ts";
import { makeServices } from "./lib/make_services.ts";
import { makeRecoveryLink } from "./lib/people/recovery_link.ts";
import { recoveryLinkNotice } from "./lib/people/recovery_notice.ts";
import { operatorConsole } from "./lib/settings/operator_console.ts";
import { secretFromFile } from "./lib/settings/secret_file.ts";
import { readSettings, SettingRefused } from "./lib/settings/settings.ts";
import { proveSecret } from "./lib/store/canary.ts";
import { openStore, StoreRefused } from "./lib/store/open_store.ts";
import { isFile } from "./lib/store/store_address.ts";
import { systemDeps } from "./lib/system_deps.ts";

const UNKNOWN = 1;
const UNUSABLE = 2;

async function recover(args: readonly string[]): Promise<number> {
  const [email, ...more] = args;
  if (email === undefined || more.length > 0 || !email.includes("@")) {
    console.error("Usage: deno task recover EMAIL");
    return UNUSABLE;
  }
  const settings = readSettings((variable) => Deno.env.get(variable));
  if (isFile(settings.kv)) await assertExists(settings.kv);
  const secret = settings.secret ?? await secretFromFile(settings.kv, systemRandom);
  const kv = await openStore(settings.kv);
  try {
    const deps = systemDeps(settings, kv, secret);
    await proveSecret(deps);
    const link = await makeRecoveryLink(makeServices(deps, settings), email.toLowerCase());
    if (link === null) {
      console.error(`No account has the address ${email}. Members who never signed in have none.`);
      return UNKNOWN;
    }
    operatorConsole(settings)(recoveryLinkNotice(link));
    return 0;
  } finally {
    kv.close();
  }
}

/** Opening would make a new store, in which nobody is found. @throws {StoreRefused} */
async function assertExists(path: string): Promise<void> {
  const found = await Deno.stat(path).catch(() => null);
  if (found !== null) return;
  throw new StoreRefused(`COUNTERSIGN_KV: there is no store ${path}. Give the one of the service.`);
}

try {
  Deno.exit(await recover(Deno.args));
} catch (error) {
  if (!(error instanceof SettingRefused || error instanceof StoreRefused)) throw error;
  console.error(error.message);
  Deno.exit(UNUSABLE);
}
