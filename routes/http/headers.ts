import { parse, serialize } from "hono/utils/cookie";

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

/** What a request's headers say of where it comes from. */
type OriginVerdict =
  | { readonly allowed: true }
  | {
    readonly allowed: false;
    readonly reason: "cross_site" | "foreign_origin" | "unknown_origin";
    /** The header's value that decided; null when there was none to decide by. */
    readonly got: string | null;
  };

/** RFC 9110 section 9.2.1: they change nothing, so nobody gains by having them sent. */
const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/**
 * Whether a request that carries a member's cookie may be answered: what changes anything must come
 * from a page of this site (CSRF), as the browser itself says in headers that no page can set. What
 * only reads may be followed to from anywhere, but no script, image or stream of another site gets
 * it: a host beside ours sends the cookie along, and could measure answers or hold streams open.
 * `own` is the origin of this deployment.
 *
 * Both headers must agree where both are there. A browser too old for both, or a program, has no
 * business with a page's forms: programs use the API with a key.
 */
export function originCheck(
  request: { readonly method: string; readonly headers: Headers },
  own: string,
): OriginVerdict {
  const site = request.headers.get("sec-fetch-site");
  if (SAFE_METHODS.includes(request.method)) {
    const mode = request.headers.get("sec-fetch-mode");
    const foreign = site === "same-site" || site === "cross-site";
    return foreign && mode !== null && mode !== "navigate"
      ? { allowed: false, reason: "cross_site", got: site }
      : { allowed: true };
  }
  const origin = request.headers.get("origin");
  // `none` is the person at the browser, say reloading a form; a page cannot bring it about. Other
  // hosts of our domain (`same-site`) are strangers.
  if (site !== null && site !== "same-origin" && site !== "none") {
    return { allowed: false, reason: "cross_site", got: site };
  }
  if (origin !== null && origin !== own) {
    return { allowed: false, reason: "foreign_origin", got: origin };
  }
  // Without TLS a browser sends no Sec-Fetch-Site, except to localhost; Origin comes with any POST.
  if (site === null && origin === null) {
    return { allowed: false, reason: "unknown_origin", got: null };
  }
  return { allowed: true };
}

/**
 * `session` is the secret of who is signed in; `flow` tells one browser from another while its person
 * is not; `notice` carries a sentence over a redirect.
 */
type CookieName = "session" | "flow" | "notice";

/** A cookie to be set; an empty value removes it. */
export interface SetCookie {
  readonly name: CookieName;
  readonly value: string;
  readonly maxAgeSeconds: number;
}

/**
 * What a cookie is called. `__Host-` makes a browser refuse one that another host or a plain
 * connection tries to set (RFC 6265bis section 4.1.3.2); plain http on this computer has none such.
 */
function cookieName(origin: URL, name: CookieName): string {
  return `${origin.protocol === "https:" ? "__Host-" : ""}countersign_${name}`;
}

/** The value of a cookie that the browser sent, or null. */
export function readCookie(headers: Headers, origin: URL, name: CookieName): string | null {
  const header = headers.get("cookie");
  if (header === null) return null;
  const full = cookieName(origin, name);
  return parse(header, full)[full] || null;
}

/**
 * The `Set-Cookie` line. Lax: a link in a mail must find its reader signed in; what changes anything
 * is a POST, to which no other site can make the browser add it.
 */
export function setCookieLine(origin: URL, { name, value, maxAgeSeconds }: SetCookie): string {
  return serialize(cookieName(origin, name), value, {
    path: "/",
    httpOnly: true,
    sameSite: "Lax",
    secure: origin.protocol === "https:",
    maxAge: value === "" ? 0 : maxAgeSeconds,
  });
}

/** Room for the longest address of ours: what a program asks of a person. */
const MAX_CHARACTERS = 4000;

/**
 * The path within this origin that a text names, to go on to after signing in; null for anything
 * that a browser would take for another site or another scheme (an open redirect).
 */
export function localPath(text: string | null, origin: URL): string | null {
  if (text === null || text.length > MAX_CHARACTERS || !/^\/[\x21-\x7e]*$/.test(text)) return null;
  if (text.includes("\\")) return null;
  const url = URL.parse(text, origin);
  if (url === null || url.origin !== origin.origin) return null;
  // Looked at when dots are resolved: `/..//evil.example` has become the address of another site.
  return url.pathname.startsWith("//") ? null : url.pathname + url.search;
}

/**
 * What every streamed answer says of itself: no proxy may collect it before it hands it on, which is
 * what nginx does unless it is told, and none may compress it, which collects as well.
 */
export const STREAM_HEADERS = {
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
} as const;
