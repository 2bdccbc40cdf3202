import { buildOf, BUILT_FILES, OFFLINE } from "./service_worker_rules.ts";

/**
 * Keeps this page and the files it is made of, so that the service worker can show it without a
 * network. Only for a page that says nothing of anybody: it is fetched as by a stranger.
 */
export async function keepForOffline(): Promise<void> {
  if (!("serviceWorker" in navigator) || !("caches" in globalThis)) return;
  const { origin, pathname } = location;
  const files = performance.getEntriesByType("resource").map(({ name }) => name)
    .filter((url) => buildOf(url, origin) !== null);
  try {
    await (await caches.open(OFFLINE)).add(new Request(pathname, { credentials: "omit" }));
    await (await caches.open(BUILT_FILES)).addAll(files);
  } catch (error) {
    // A full disk or a private window: the page works, and only with a network.
    console.info(`This page was not kept for later: ${String(error)}`);
  }
}
