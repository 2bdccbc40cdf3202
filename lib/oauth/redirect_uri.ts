/**
 * Addresses that answers of the authorization endpoint may go to. A code is worth what its person
 * granted, so it goes nowhere but where the client said beforehand.
 */

const MAX_CHARACTERS = 1000;

/** Spelled out: `http://2130706433/` is the same to a browser, and nothing to whoever reads it. */
const LOOPBACK = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?([/?]|$)/;

/** Hosts that are this computer, as `URL` writes them. */
const THIS_COMPUTER =
  /^((.+\.)?localhost|127\.[0-9.]+|0\.0\.0\.0|\[::1?\]|\[::ffff:(7f[0-9a-f]{2}|0):[0-9a-f]{1,4}\])\.?$/;

/**
 * Schemes under which programs that speak MCP take their answers: those without a dot, by name. Any
 * other such scheme may be one that this computer opens something with, some of it at a host that
 * the address names (`postgresql://evil.example`, `ssh:`, `ldap:`), and no list of those is complete.
 */
const HOST_SCHEMES = new Set([
  "antigravity",
  "claude",
  "cursor",
  "grokbot",
  "kiro",
  "raycast",
  "trae",
  "vscode",
  "vscode-insiders",
  "vscodium",
  "warp",
  "windsurf",
]);

/** A domain name that an app's maker holds, in reverse order (RFC 8252 section 7.1). */
const REVERSE_DOMAIN = /^[a-z]{2,}(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/;

/** First words of registered schemes that have a dot and are no domain in reverse: `iris.beep`. */
const NO_DOMAINS = /^(iris|soap|vnd|xmlrpc)\./;

/**
 * Whether a client may name this address: https; http to this computer, for programs that listen on
 * it (RFC 8252 section 7.3); or a scheme of an app's own: a domain in reverse order (section 7.1),
 * such as `com.example.app:/done`, or that of a program known here, such as
 * `cursor://anysphere.cursor-mcp/done`. A fragment, a user name or what is no visible ASCII is in none of them.
 */
export function isAllowedRedirectUri(uri: string): boolean {
  if (uri.length > MAX_CHARACTERS || !/^[\x21-\x7e]+$/.test(uri)) return false;
  if (/[#\\<>"]/.test(uri)) return false;
  const url = URL.parse(uri);
  if (url === null || url.username !== "" || url.password !== "") return false;
  const scheme = url.protocol.slice(0, -1);
  // Without the slashes a browser takes it for a path of the page that leads there.
  if (/^https?$/.test(scheme) && !/^https?:\/\//i.test(uri)) return false;
  if (scheme === "https") return true;
  if (scheme === "http") return LOOPBACK.test(uri);
  if (REVERSE_DOMAIN.test(scheme)) return !NO_DOMAINS.test(scheme);
  return HOST_SCHEMES.has(scheme) && url.host !== "";
}

/**
 * Whether an address that a request names is one of the client's: the same text (RFC 9700 section
 * 2.1), or, to this computer, the same but for the port, which a program learns when it starts to
 * listen (RFC 8252 section 7.3).
 */
export function matchesRedirectUri(own: readonly string[], given: string): boolean {
  if (!isAllowedRedirectUri(given)) return false;
  if (own.includes(given)) return true;
  const asked = loopback(given);
  return asked !== null && own.some((one) => {
    const known = loopback(one);
    return known !== null && known.hostname === asked.hostname &&
      known.pathname === asked.pathname && known.search === asked.search;
  });
}

/** Where an answer goes, as a person is told. */
export interface RedirectTarget {
  /** `this_computer`: any program on it may be the one that listens. */
  readonly kind: "host" | "this_computer" | "app";
  /** `claude.ai`, `localhost:33418` or `cursor://anysphere.cursor-mcp`. */
  readonly shown: string;
}

/** Of an allowed address. */
export function redirectTarget(uri: string): RedirectTarget {
  const { protocol, host, hostname } = new URL(uri);
  if (!/^https?:$/.test(protocol)) {
    return { kind: "app", shown: host === "" ? protocol : `${protocol}//${host}` };
  }
  return { kind: THIS_COMPUTER.test(hostname) ? "this_computer" : "host", shown: host };
}

function loopback(uri: string): URL | null {
  return LOOPBACK.test(uri) ? URL.parse(uri) : null;
}
