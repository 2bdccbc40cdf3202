/**
 * Where a Zap waits. Its request carries that address as the caller's own reference. Who finds it can
 * have the Zap look once more, and no more than that.
 */

const PREFIX = "zapier:";

/** What the service keeps of a reference, characters. */
const LONGEST = 200;

/** The reference of a request; null where the address is too long to be one. */
export function referenceOf(callbackUrl) {
  const reference = PREFIX + callbackUrl;
  return reference.length <= LONGEST ? reference : null;
}

/** The address in a reference, at Zapier and nowhere else; null for none. */
export function placeOf(reference) {
  if (typeof reference !== "string" || !reference.startsWith(PREFIX)) {
    return null;
  }
  const text = reference.slice(PREFIX.length);
  if (!URL.canParse(text)) return null;
  const { protocol, hostname, port, username } = new URL(text);
  const isZapier = hostname === "zapier.com" ||
    hostname.endsWith(".zapier.com");
  return protocol === "https:" && isZapier && port === "" && username === "" ? text : null;
}
