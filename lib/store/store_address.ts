/** The database that Deno Deploy assigned to the app: opened without a name. */
export const PLATFORM_STORE = "deno-deploy";

/** True when a store is reached over the network. */
export function isRemote(kv: string): boolean {
  return kv === PLATFORM_STORE || /^https?:\/\//.test(kv);
}

/** True when a store is a file of this host. */
export function isFile(kv: string): boolean {
  return kv !== ":memory:" && !isRemote(kv);
}
