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

/** The store that the settings name; without one, that of the platform or a file beside the code. */
export function chosenStore(
  get: (variable: "COUNTERSIGN_KV" | "DENO_DEPLOYMENT_ID") => string | null,
): string {
  const own = get("DENO_DEPLOYMENT_ID") === null ? "data/countersign.kv" : PLATFORM_STORE;
  return get("COUNTERSIGN_KV") ?? own;
}
