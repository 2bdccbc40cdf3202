import { fromBase64Url } from "../lib/base/bytes.ts";

/** Whether this browser can take pushes, and why not. */
export type PushAbility =
  | "able"
  /** The person has forbidden notifications of this site. */
  | "denied"
  /** An iPhone or iPad, which takes pushes for what is on its home screen only. */
  | "needs_home_screen"
  | "unsupported";

/** How long a browser may take to start the service worker, milliseconds. */
const START_MS = 10_000;

/** What this browser can do. */
export function pushAbility(): PushAbility {
  const able = "serviceWorker" in navigator && "PushManager" in globalThis &&
    "Notification" in globalThis;
  if (!able) return isHandheldApple() ? "needs_home_screen" : "unsupported";
  return Notification.permission === "denied" ? "denied" : "able";
}

/** An iPad calls itself a Mac, but no Mac has a screen for fingers. */
function isHandheldApple(): boolean {
  const { userAgent, maxTouchPoints } = navigator;
  return /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
}

/** The subscription that this browser has, whoever is signed in; null when there is none. */
export async function presentSubscription(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration();
  return await registration?.pushManager.getSubscription() ?? null;
}

/**
 * Subscribes this browser anew under the deployment's key.
 * @throws when the service worker does not start, or the browser's push service refuses
 */
export async function subscribe(publicKey: string): Promise<PushSubscription> {
  const registration = await started();
  // One that was made for another deployment or person at this address is in the way.
  await (await registration.pushManager.getSubscription())?.unsubscribe();
  return await registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: fromBase64Url(publicKey) ?? new Uint8Array(),
  });
}

/** What the server calls a subscription with this endpoint. */
export async function subscriptionId(endpoint: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0"));
  return hex.join("").slice(0, 32);
}

async function started(): Promise<ServiceWorkerRegistration> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error("The service worker did not start.")),
    START_MS,
  );
  try {
    return await Promise.race([navigator.serviceWorker.ready, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
