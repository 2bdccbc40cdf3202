import { BlockList, isIP } from "node:net";

/**
 * Which addresses and URLs are of the internet at large, so that nobody has this server reach into
 * its own network.
 */

/** What is not of the internet at large (RFC 6890 and the IANA registries that follow from it). */
const SPECIAL_IPV4 = subnets("ipv4", [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
]);

/** Of IPv6 only this is handed out; all that maps IPv4 but NAT64 lies outside or is named below. */
const GLOBAL_IPV6 = subnets("ipv6", [["2000::", 3]]);

/** Special ranges inside of it; Teredo (of 2001::/23) and 6to4 lead on to any IPv4 address. */
const SPECIAL_IPV6 = subnets("ipv6", [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
]);

/** Whether an IP address is one of the internet at large; false for text that is none. */
export function isPublicAddress(address: string): boolean {
  // A zone (RFC 4007) names an interface of this computer: no address of the internet has one.
  if (address.includes("%")) return false;
  switch (isIP(address)) {
    case 4:
      return !SPECIAL_IPV4.check(address, "ipv4");
    case 6: {
      const translated = translatedIpv4(address);
      if (translated !== null) return isPublicAddress(translated);
      return GLOBAL_IPV6.check(address, "ipv6") && !SPECIAL_IPV6.check(address, "ipv6");
    }
    default:
      return false;
  }
}

/** What a network without IPv4 has in place of an IPv4 address (RFC 6052 section 2.1), or null. */
function translatedIpv4(address: string): string | null {
  const shortest = URL.parse(`https://[${address}]`)?.hostname ?? "";
  const [, high, low] = /^\[64:ff9b::(?:([0-9a-f]+):)?([0-9a-f]+)\]$/.exec(shortest) ?? [];
  if (low === undefined) return null;
  const halves = [parseInt(high ?? "0", 16), parseInt(low, 16)];
  return halves.map((half) => `${half >> 8}.${half & 255}`).join(".");
}

function subnets(family: "ipv4" | "ipv6", ranges: readonly (readonly [string, number])[]) {
  const list = new BlockList();
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, family);
  return list;
}

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
