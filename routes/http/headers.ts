/** One directive a line, each with the attack that it stops. */
const CONTENT_SECURITY_POLICY = [
  // What no line below allows is refused: frames, plugins, media and fonts load from nowhere.
  "default-src 'none'",
  // Injected markup runs nothing: no inline script, no handler attribute, no script of a stranger.
  "script-src 'self'",
  // Injected styles read nothing out by attribute selectors, and cover no button with another.
  "style-src 'self'",
  // An injected image sends nothing away; `data:` is a picture within the page and asks nobody.
  "img-src 'self' data:",
  // A script that ran all the same could report to nobody but this site.
  "connect-src 'self'",
  "manifest-src 'self'",
  // No stranger's service worker comes between the browser and this site.
  "worker-src 'self'",
  // An injected form sends what a member types to no other site, nor does a redirect after one.
  "form-action 'self'",
  // No other site shows these pages in a frame and lures a click onto Approve (clickjacking).
  "frame-ancestors 'none'",
  // An injected <base> bends no relative URL of a script or form to another site.
  "base-uri 'none'",
  // Text becomes HTML or a script's URL by no string: the sinks of DOM-based injection are shut,
  // except to the one policy by which the page registers its own service worker.
  "require-trusted-types-for 'script'",
  "trusted-types countersign",
].join("; ");

/**
 * The headers of every page and file that protect whoever looks at it, for a deployment at this
 * origin. Caching and content type are the answer's own.
 */
export function securityHeaders(url: URL): Record<string, string> {
  return {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    // The same as frame-ancestors, for what knows no CSP.
    "x-frame-options": "DENY",
    // Ids in our URLs go to no other site. Not `no-referrer`: under it a browser says
    // `Origin: null` for our own forms, and the check of the origin would refuse them.
    "referrer-policy": "same-origin",
    // A window that opened this one, or that it opens, cannot reach into it (tab-nabbing, XS-leaks).
    "cross-origin-opener-policy": "same-origin",
    // Other sites cannot draw our answers into their process (Spectre, XSSI).
    "cross-origin-resource-policy": "same-origin",
    // Passkeys only for these pages themselves, never for a frame; no device that nothing here uses.
    "permissions-policy":
      "publickey-credentials-get=(self), publickey-credentials-create=(self), " +
      "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    // No second visit starts in plain text where somebody could answer in our place.
    ...(url.protocol === "https:" ? { "strict-transport-security": "max-age=63072000" } : {}),
  };
}
