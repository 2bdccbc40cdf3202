/** What a request's headers say of where it comes from. */
export type OriginVerdict =
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
