import { dirname } from "node:path";
import { isFile } from "../settings/settings.ts";

/** Opens the store; a file is made for its owner only, folder and all. */
export async function openStore(kv: string): Promise<Deno.Kv> {
  if (!isFile(kv)) return await Deno.openKv(kv);
  await Deno.mkdir(dirname(kv), { recursive: true, mode: 0o700 });
  // SQLite gives the files it makes beside this one the same mode.
  const file = await Deno.open(kv, { create: true, write: true, mode: 0o600 });
  file.close();
  return await Deno.openKv(kv);
}
