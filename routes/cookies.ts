import { parse, serialize } from "hono/utils/cookie";

/**
 * `session` is the secret of who is signed in; `flow` tells one browser from another while its person
 * is not; `notice` carries a sentence over a redirect.
 */
export type CookieName = "session" | "flow" | "notice";

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
