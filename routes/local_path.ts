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
