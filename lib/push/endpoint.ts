import { BlockList, isIP } from "node:net";

const MAX_ENDPOINT = 2000;

/** Names that stand for this host or for a network of one's own (RFC 6761, RFC 6762, RFC 8375). */
const OWN_NAMES = /(^|\.)(localhost|local|internal|intranet|private|lan|home|corp|arpa|onion)$/;

/**
 * Why a browser's push endpoint is not one to send to, or null. A member hands it over, so it may
 * be any text: only what the push services of browsers look like is taken, so that nobody can have
 * this server ask for addresses of its own network.
 */
export function endpointProblem(endpoint: string): string | null {
  const url = URL.parse(endpoint);
  if (url === null || endpoint.length > MAX_ENDPOINT) {
    return `is not an address of at most ${MAX_ENDPOINT} characters`;
  }
  if (url.protocol !== "https:") return "is not https";
  if (url.username !== "" || url.password !== "") return "holds a user or password";
  if (url.port !== "") return "names a port; push services use 443";
  const { hostname } = url;
  if (hostname.startsWith("[") || isIP(hostname) !== 0) return "names an IP address, not a host";
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(hostname) || OWN_NAMES.test(hostname)) {
    return "names no host of the internet";
  }
  return null;
}

/** What is not of the internet at large (RFC 6890 and the IANA registries that follow from it). */
const OWN_IPV4 = subnets("ipv4", [
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
const GLOBAL_IPV6 = subnets("ipv6", [["2000::", 3]]);
/** Special ranges inside of it; 2002::/16 and Teredo lead on to any IPv4 address. */
const OWN_IPV6 = subnets("ipv6", [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
]);

/** Whether an IP address is one of the internet at large; false for text that is none. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !OWN_IPV4.check(address, "ipv4");
    case 6: {
      const translated = translatedIpv4(address);
      if (translated !== null) return isPublicAddress(translated);
      return GLOBAL_IPV6.check(address, "ipv6") && !OWN_IPV6.check(address, "ipv6");
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
