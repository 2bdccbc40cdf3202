/// <reference lib="dom" />

import { buildOf, BUILT_FILES, OFFLINE, ownUrl, readNotice } from "./service_worker_rules.ts";

/** What is used of a service worker's global scope; the compiler's own types of it are no page's. */
interface Scope {
  readonly location: { readonly origin: string };
  readonly registration: {
    showNotification(title: string, options: object): Promise<void>;
  };
  readonly clients: {
    matchAll(options: { type: "window"; includeUncontrolled: boolean }): Promise<Window[]>;
    openWindow(url: string): Promise<unknown>;
    claim(): Promise<void>;
  };
  skipWaiting(): Promise<void>;
  addEventListener<T extends keyof Events>(type: T, listener: (event: Events[T]) => void): void;
}

interface Window {
  readonly url: string;
  focus(): Promise<unknown>;
}

interface Extendable {
  waitUntil(work: Promise<unknown>): void;
}

interface Events {
  install: Extendable;
  activate: Extendable;
  fetch: { readonly request: Request; respondWith(response: Promise<Response>): void };
  push: Extendable & { readonly data: { text(): string } | null };
  notificationclick: Extendable & {
    readonly notification: { readonly data: unknown; close(): void };
  };
}

const scope = globalThis as unknown as Scope;

const { origin } = scope.location;

const OFFLINE_PAGE = "/assets/offline.html";

const OFFLINE_FILES = [OFFLINE_PAGE, "/assets/stylesheet.css"];

scope.addEventListener("install", (event) => {
  event.waitUntil(keepOfflinePage().then(() => scope.skipWaiting()));
});

scope.addEventListener("activate", (event) => {
  event.waitUntil(scope.clients.claim());
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const build = buildOf(request.url, origin);
  if (build !== null) event.respondWith(builtFile(request, build));
  else if (request.mode === "navigate") event.respondWith(pageOrOffline(request));
  else if (OFFLINE_FILES.includes(new URL(request.url).pathname)) {
    event.respondWith(networkOrKept(request));
  }
});

scope.addEventListener("push", (event) => {
  const { title, body, url, tag } = readNotice(event.data?.text() ?? "", origin);
  const options = { body, tag, icon: "/assets/icon_192.png", data: url };
  event.waitUntil(scope.registration.showNotification(title, options));
});

scope.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(ownUrl(String(event.notification.data), origin)));
});

async function keepOfflinePage(): Promise<void> {
  const cache = await caches.open(OFFLINE);
  await cache.addAll(OFFLINE_FILES);
}

/**
 * A file of a build, kept after its first use; with it go the files of earlier builds, and the offline
 * page comes anew.
 */
async function builtFile(request: Request, build: string): Promise<Response> {
  const cache = await caches.open(BUILT_FILES);
  const kept = await cache.match(request);
  if (kept !== undefined) return kept;
  const response = await fetch(request);
  if (!response.ok) return response;
  await cache.put(request, response.clone());
  const others = (await cache.keys()).filter(({ url }) => buildOf(url, origin) !== build);
  for (const other of others) await cache.delete(other);
  // This script stays as it is over most builds, and would keep the words of the first one for ever.
  if (others.length > 0) await keepOfflinePage().catch(() => {});
  return response;
}

async function pageOrOffline(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(request, { cacheName: OFFLINE, ignoreSearch: true }) ??
      await caches.match(OFFLINE_PAGE);
    if (kept === undefined) throw error;
    return kept;
  }
}

async function networkOrKept(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(request);
    if (kept === undefined) throw error;
    return kept;
  }
}

/** Brings the page to the front, in the window that shows it already if there is one. */
async function show(url: string): Promise<void> {
  const windows = await scope.clients.matchAll({ type: "window", includeUncontrolled: true });
  const shown = windows.find((window) => window.url === url);
  await (shown === undefined ? scope.clients.openWindow(url) : shown.focus());
}
