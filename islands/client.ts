import { type FunctionComponent, h, hydrate } from "preact";
import { insideIsland } from "../components/island.tsx";
import { ISLANDS } from "./manifest.ts";
import { watchPage } from "./page_stream.tsx";
import { registerServiceWorker } from "./service_worker_registration.ts";

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
