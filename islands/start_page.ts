/// <reference lib="dom" />
import { type FunctionComponent, h, hydrate } from "preact";
import { insideIsland } from "../components/island.tsx";
import { pageKey } from "../components/page_key.ts";
import { localWords } from "../components/time.tsx";
import { watchForms } from "./offline_forms.ts";
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
function registerServiceWorker(): void {
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

/**
 * `/` goes to the field that searches a list; the menu of a filter closes by Escape, and by a click
 * beside it. Without it both work by Tab and Enter.
 */
function watchFilters(): void {
  const openMenu = () => document.querySelector<HTMLDetailsElement>(".pill-menu[open]");
  document.addEventListener("keydown", (event) => {
    const menu = openMenu();
    if (event.key === "Escape" && menu !== null) {
      event.preventDefault();
      menu.open = false;
      menu.querySelector("summary")?.focus();
    }
    const field = document.querySelector<HTMLInputElement>("[data-search]");
    if (pageKey(event) !== "/" || field === null) return;
    event.preventDefault();
    field.select();
    field.focus();
  });
  document.addEventListener("click", ({ target }) => {
    const menu = openMenu();
    if (menu !== null && target instanceof Node && !menu.contains(target)) menu.open = false;
  });
}

/** Islands by name, each loaded when a page holds it. */
export type Islands = Readonly<Record<string, () => Promise<unknown>>>;

/** Brings an island to life. Its element says so when done, for whoever waits to use it. */
async function hydrateIsland(known: Islands, element: HTMLElement): Promise<void> {
  const { name = "", props = "{}" } = element.dataset;
  const load = Object.hasOwn(known, name) ? known[name] : undefined;
  if (load === undefined) throw new Error(`This page's script has no island named "${name}"`);
  const { default: Island } = await load() as Module;
  hydrate(insideIsland(h(Island, JSON.parse(props))), element);
  element.dataset.hydrated = "";
}

/** Tells the moments outside of islands in the reader's own time, as islands tell theirs. */
function tellOwnTime(): void {
  for (const time of document.querySelectorAll<HTMLTimeElement>("time.time:not(x-island *)")) {
    const words = time.querySelector(".time-absolute");
    if (words === null) continue;
    time.title = words.textContent;
    words.textContent = localWords(Date.parse(time.dateTime), Date.now());
  }
}

/** Brings a page to life: its moments, its islands, and what tells it of news. */
export function startPage(known: Islands): void {
  tellOwnTime();
  // Each on its own: one that fails leaves the page's HTML as it is, and the others at work.
  const islands = [...document.querySelectorAll<HTMLElement>("x-island")]
    .map((element) => hydrateIsland(known, element));
  void Promise.allSettled(islands).then(watchPage);
  registerServiceWorker();
  watchFilters();
  watchForms();
}
