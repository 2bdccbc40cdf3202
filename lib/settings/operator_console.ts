import type { Settings } from "../server/settings.ts";
import { PLATFORM_STORE } from "../store/store_address.ts";

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

/**
 * How whoever started this process starts another task: by the Deno that `npx` fetched for one
 * command, which is on no path, or by an installed one.
 * @param task name and arguments, such as `recover EMAIL`
 */
export function taskCommand(
  task: string,
  [executable, version] = [Deno.execPath(), Deno.version.deno],
): string {
  const deno = /[/\\]_npx[/\\]/.test(executable) ? `npx -y deno@${version}` : "deno";
  return `${deno} task -q ${task}`;
}
