/// <reference lib="dom" />
import { type FunctionComponent, h, hydrate } from "preact";
import { insideIsland } from "../components/island.tsx";
import { ISLANDS } from "./manifest.ts";
import { watchPage } from "./page_stream.tsx";

const SERVICE_WORKER = "/service_worker.js";

/** What is used of Trusted Types, which some browsers have not yet. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): {
    createScriptURL(url: string): string;
  };
}

/**
 * Registers the service worker, where the browser has them and the origin is a secure context.
 * Nothing depends on it but notifications and the offline page.
 */
export function registerServiceWorker(): void {
  if (!("serviceWorker" in navigator)) return;
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  // The one policy that the pages' CSP allows can bless one URL: no injected text becomes a script.
  const policy = trustedTypes?.createPolicy("countersign", {
    createScriptURL(url) {
      if (url !== SERVICE_WORKER) throw new TypeError(`Not a script of this site: "${url}"`);
      return url;
    },
  });
  const url = policy?.createScriptURL(SERVICE_WORKER) ?? SERVICE_WORKER;
  navigator.serviceWorker.register(url, { scope: "/" }).catch((error: unknown) => {
    // A private window or a full disk may refuse it; the page works without.
    console.warn(`The service worker is not registered: ${String(error)}`);
  });
}

type Module = { readonly default: FunctionComponent<Record<string, unknown>> };

/** Brings an island to life. Its element says so when done, for whoever waits to use it. */
async function hydrateIsland(element: HTMLElement): Promise<void> {
  const { name = "", props = "{}" } = element.dataset;
  const load = Object.hasOwn(ISLANDS, name) ? ISLANDS[name as keyof typeof ISLANDS] : undefined;
  if (load === undefined) throw new Error(`No island is named "${name}" in islands/manifest.ts`);
  const { default: Island } = await load() as unknown as Module;
  hydrate(insideIsland(h(Island, JSON.parse(props))), element);
  element.dataset.hydrated = "";
}

// Each on its own: one that fails leaves the page's HTML as it is, and the others at work.
const islands = [...document.querySelectorAll<HTMLElement>("x-island")].map(hydrateIsland);

void Promise.allSettled(islands).then(watchPage);

registerServiceWorker();
