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
  // Not of the registries: where machines of Azure ask for what only they may know (WireServer).
  ["168.63.129.16", 32],
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
 * Why a URL that somebody else wrote is not one to connect to:
 * - `no_url`: it is none, or none that every reader reads alike.
 * - `not_https`: of a host that may be asked by https alone.
 * - `credentials`, `fragment`: it holds what is no part of an address.
 * - `other_port`: not 443, where no other is named by the operator.
 * - `ip_address`: an IP address in whatever spelling, where it is not named by the operator.
 * - `own_name`: not the name of a host of the internet.
 */
export type HostProblemCode =
  | "no_url"
  | "not_https"
  | "credentials"
  | "fragment"
  | "other_port"
  | "ip_address"
  | "own_name";

export interface HostProblem {
  readonly code: HostProblemCode;
  /** Completes a sentence that begins with the URL. */
  readonly says: string;
}

/**
 * Why a URL that somebody else wrote is not one to connect to, or null. Taken is https on port 443
 * of a host with a name of several labels: so that nobody can have this server ask for addresses,
 * ports or short names of its own network. Of hosts in `named` http is taken too, on the ports that
 * the operator named. It looks up nothing: what a name leads to is looked at when it is asked.
 */
export function hostProblem(text: string, named: PrivateHosts = NO_HOSTS): HostProblem | null {
  const url = URL.parse(text);
  const problem = (code: HostProblemCode, says: string): HostProblem => ({ code, says });
  // A reader of URLs drops line ends, and writes other letters in other ways than the next one.
  if (url === null || !/^[\x21-\x7e]+$/.test(text)) return problem("no_url", "is not a URL");
  const isWeb = url.protocol === "https:" || url.protocol === "http:";
  if (!isWeb) return problem("not_https", "is not https");
  if (url.username !== "" || url.password !== "" || /^https?:\/\/[^/?#]*@/i.test(text)) {
    return problem("credentials", "holds a user or password");
  }
  if (text.includes("#")) return problem("fragment", "holds a fragment");
  if (isNamed(url, named) && isWrittenAsRead(text, url)) return null;
  if (url.protocol !== "https:") return problem("not_https", "is not https");
  if (url.port !== "") {
    return problem("other_port", `names port ${url.port}; only 443 is taken`);
  }
  const { hostname } = url;
  if (hostname.startsWith("[") || isIP(hostname) !== 0) {
    return problem("ip_address", "names an IP address, not a host");
  }
  const labels = hostname.split(".");
  if (
    hostname.length > MAX_HOST || labels.length < 2 ||
    !labels.every((label) => LABEL.test(label)) || OWN_NAMES.test(hostname)
  ) return problem("own_name", "names no host of the internet");
  return null;
}

/** What the operator could let pass, by naming the host. */
const NAMEABLE: ReadonlySet<HostProblemCode> = new Set([
  "not_https",
  "other_port",
  "ip_address",
  "own_name",
]);

/** The same for who gives the address, as what a member reads: also how an own host gets through. */
export function addressProblem(text: string, named: PrivateHosts): string | null {
  const problem = hostProblem(text, named);
  if (problem === null || !NAMEABLE.has(problem.code)) return problem?.says ?? null;
  return `${problem.says}. A host of your own network is named by whoever runs this deployment, in ` +
    "COUNTERSIGN_PRIVATE_HOSTS";
}

/** Hosts that the operator lets be asked although they are private: `host` or `host:port`. */
export type PrivateHosts = ReadonlySet<string>;

const NO_HOSTS: PrivateHosts = new Set();

/** Whether the operator named the host of a URL, with its port; without one, that of the scheme. */
export function isNamed({ hostname, port, protocol }: URL, named: PrivateHosts): boolean {
  if (port !== "") return named.has(`${hostname}:${port}`);
  return named.has(hostname) || named.has(`${hostname}:${protocol === "https:" ? 443 : 80}`);
}

/** False for `0x7f.1` and the like: no list of hosts can be held against them by who reads it. */
function isWrittenAsRead(text: string, { hostname, host }: URL): boolean {
  const written = /^https?:\/\/([^/?#]+)/i.exec(text)?.[1]?.toLowerCase();
  return written === host || written === `${hostname}:443` || written === `${hostname}:80`;
}

/** Where clouds give out the credentials of the machine to whoever asks from within. */
const METADATA = ["100.100.100.200", "fd00:ec2::254", "fd20:ce::254"];

/** What a private network is made of; what is link-local, special or of many is left out. */
const PRIVATE_IPV4 = subnets("ipv4", [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
]);

const PRIVATE_IPV6 = subnets("ipv6", [["::1", 128], ["fc00::", 7]]);

/** Whether a host that the operator named may have this address. */
export function isNamedAddress(address: string): boolean {
  if (address.includes("%") || METADATA.some((one) => sameAddress(one, address))) return false;
  switch (isIP(address)) {
    case 4:
      return PRIVATE_IPV4.check(address, "ipv4") || isPublicAddress(address);
    case 6:
      // Not what only maps an IPv4 address, which the lists for IPv4 would have to be asked about.
      return PRIVATE_IPV6.check(address, "ipv6") || isPublicAddress(address);
    default:
      return false;
  }
}

function sameAddress(a: string, b: string): boolean {
  const written = (address: string) =>
    URL.parse(`http://${isIP(address) === 6 ? `[${address}]` : address}`)?.hostname;
  return written(a) === written(b);
}

/** A name of a private network may have one label, and underscores, as those of containers do. */
const PRIVATE_LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/** Reads one entry of a list of private hosts: it, or what is wrong as the end of a sentence. */
export function privateHost(
  text: string,
): { readonly host: string } | { readonly problem: string } {
  const entry = text.toLowerCase();
  const [, host, port] = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([1-9][0-9]{0,4}))?$/.exec(entry) ??
    [];
  if (host === undefined) {
    return { problem: "is not host or host:port (no scheme, path, user or wildcard)" };
  }
  if (port !== undefined && Number(port) > 65535) return { problem: "names a port above 65535" };
  if (URL.parse(`http://${host}/`)?.hostname !== host) {
    return { problem: "is not written as addresses are, such as 10.0.0.7 or [fd12::7]" };
  }
  const address = host.replace(/^\[|\]$/g, "");
  if (isIP(address) !== 0) {
    if (isNamedAddress(address)) return { host: entry };
    return { problem: "is no address of a host; nothing is sent there, whoever names it" };
  }
  const labels = host.split(".");
  if (host.length > MAX_HOST || !labels.every((label) => PRIVATE_LABEL.test(label))) {
    return { problem: "is not the name of a host" };
  }
  return { host: entry };
}
