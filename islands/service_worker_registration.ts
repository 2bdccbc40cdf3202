/// <reference lib="dom" />
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
