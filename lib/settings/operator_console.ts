import { PLATFORM_STORE } from "../store/store_address.ts";
import type { Settings } from "./settings.ts";

/**
 * Prints what is for whoever started the process alone: links that let in, and mails with codes. Not
 * by `console.log`, which the runtime hands on to OpenTelemetry where that is switched on; on Deno
 * Deploy that is the only console there is.
 */
export function operatorConsole({ kv }: Pick<Settings, "kv">): (text: string) => void {
  if (kv === PLATFORM_STORE) return console.log;
  return (text) => {
    const bytes = new TextEncoder().encode(`${text}\n`);
    for (let from = 0; from < bytes.length;) from += Deno.stdout.writeSync(bytes.subarray(from));
  };
}
