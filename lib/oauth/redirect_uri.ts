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
 * Schemes that mean something to a browser or to the computer itself: an answer to one of these
 * would run, open or send something, some of it to a host that the address names.
 */
const FOREIGN_SCHEMES = new Set([
  "about",
  "afp",
  "android-app",
  "blob",
  "callto",
  "chrome",
  "cifs",
  "content",
  "data",
  "dav",
  "davs",
  "facetime",
  "feed",
  "file",
  "filesystem",
  "ftp",
  "ftps",
  "git",
  "googlechrome",
  "googlechromes",
  "gopher",
  "hcp",
  "help",
  "intent",
  "irc",
  "ircs",
  "itms",
  "itms-apps",
  "itms-services",
  "jar",
  "javascript",
  "ldap",
  "ldaps",
  "magnet",
  "mailto",
  "market",
  "microsoft-edge",
  "mms",
  "news",
  "nfs",
  "nntp",
  "rdp",
  "resource",
  "rtmp",
  "rtsp",
  "scp",
  "search",
  "search-ms",
  "sftp",
  "shell",
  "sip",
  "sips",
  "smb",
  "sms",
  "ssh",
  "svn",
  "tel",
  "telnet",
  "vbscript",
  "view-source",
  "vnc",
  "webcal",
  "webdav",
  "webdavs",
  "ws",
  "wss",
  "xmpp",
]);

/**
 * Whether a client may name this address: https; http to this computer, for programs that listen on
 * it (RFC 8252 section 7.3); or a scheme of an app's own (section 7.1), where scheme or authority is
 * a name with a dot in it, such as `com.example.app:/done` or `cursor://anysphere.cursor-mcp/done`.
 * A fragment, a user name or what is no visible ASCII is in none of them.
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
  if (FOREIGN_SCHEMES.has(scheme) || /^(ms|chrome|moz|edge)-/.test(scheme)) return false;
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?@:]+)/i.exec(uri)?.[1] ?? "";
  return scheme.includes(".") || authority.includes(".");
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
  /** `claude.ai`, `localhost:33418` or `cursor://`. */
  readonly shown: string;
}

/** Of an allowed address. */
export function redirectTarget(uri: string): RedirectTarget {
  const { protocol, host, hostname } = new URL(uri);
  if (!/^https?:$/.test(protocol)) return { kind: "app", shown: `${protocol}//` };
  return { kind: THIS_COMPUTER.test(hostname) ? "this_computer" : "host", shown: host };
}

function loopback(uri: string): URL | null {
  return LOOPBACK.test(uri) ? URL.parse(uri) : null;
}
