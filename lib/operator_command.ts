import { systemRandom } from "./deps.ts";
import { migrate } from "./migrations.ts";
import { secretFromFile } from "./server/console.ts";
import { readSettings } from "./server/settings.ts";
import { makeServices } from "./server/wiring.ts";
import type { Services } from "./services.ts";
import { operatorConsole } from "./settings/operator_console.ts";
import { SettingRefused } from "./settings/setting_refused.ts";
import { proveSecret } from "./store/canary.ts";
import { assertExists, openStore, overStore, StoreRefused } from "./store/open_store.ts";
import { isFile } from "./store/store_address.ts";
import { systemDeps } from "./system_deps.ts";

/** The exit status of wrong usage, and of a store that does not open. */
export const UNUSABLE = 2;

/** What a command does with the deployment; answers its exit status. */
export type Command = (services: Services, print: (text: string) => void) => Promise<number>;

/**
 * Runs a command of whoever operates the host, over the store and by the settings of
 * `deno task start`. Answers the exit status: that of the command, or 2 after one message when
 * settings or store are not as they must be.
 */
export async function runCommand(command: Command): Promise<number> {
  try {
    return await run(command);
  } catch (error) {
    if (!(error instanceof SettingRefused || error instanceof StoreRefused)) throw error;
    console.error(error.message);
    return UNUSABLE;
  }
}

async function run(command: Command): Promise<number> {
  const settings = readSettings((variable) => Deno.env.get(variable));
  if (isFile(settings.kv)) await assertExists(settings.kv);
  const secret = settings.secret ?? await secretFromFile(settings.kv, systemRandom);
  const kv = await openStore(settings.kv);
  try {
    return await overStore(settings.kv, async () => {
      const deps = systemDeps(settings, kv, secret);
      await proveSecret(deps);
      const services = makeServices(deps, settings);
      await migrate(services);
      return await command(services, operatorConsole(settings));
    });
  } finally {
    kv.close();
  }
}
