import { isIP } from "node:net";

/** Longest name of DNS, and longest label of one (RFC 1035 section 2.3.4). */
const MAX_HOST = 253;

const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;

/** Names that stand for this host or for a network of one's own (RFC 6761, RFC 6762, RFC 8375). */
const OWN_NAMES = /(^|\.)(localhost|local|internal|intranet|private|lan|home|corp|arpa|onion)$/;

/**
 * Why a URL that somebody else wrote is not one to connect to, or null; it completes a sentence that
 * begins with the URL. Taken is https on port 443 of a host with a name of several labels: so that
 * nobody can have this server ask for addresses, ports or short names of its own network.
 */
export function strangerUrlProblem(text: string): string | null {
  const url = URL.parse(text);
  // A reader of URLs drops line ends, and writes other letters in other ways than the next one.
  if (url === null || !/^[\x21-\x7e]+$/.test(text)) return "is not a URL";
  if (url.protocol !== "https:") return "is not https";
  if (url.username !== "" || url.password !== "" || /^https:\/\/[^/?#]*@/i.test(text)) {
    return "holds a user or password";
  }
  if (text.includes("#")) return "holds a fragment";
  if (url.port !== "") return `names port ${url.port}; only 443 is taken`;
  const { hostname } = url;
  if (hostname.startsWith("[") || isIP(hostname) !== 0) return "names an IP address, not a host";
  const labels = hostname.split(".");
  if (
    hostname.length > MAX_HOST || labels.length < 2 ||
    !labels.every((label) => LABEL.test(label)) || OWN_NAMES.test(hostname)
  ) return "names no host of the internet";
  return null;
}
