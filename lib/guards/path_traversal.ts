import { FOUND_NOTHING, type Looked } from "./findings.ts";

/**
 * Paths that lead out of where they are meant to stay. A path is read as a server might that decodes
 * it once more than we think, takes what looks like a slash for one, or trims what it does not like:
 * whatever way it can be read, it has to stay below the root.
 */

/** How often percent-encoding is taken off; what is encoded still is a finding by itself. */
const DECODINGS = 3;

/** What looks like a full stop, or becomes one by NFKC. */
const DOTS = /[\u2024\uff0e\ufe52\u06d4\u0701\u0702\u3002\uff61]/g;

/** What looks like a slash or a backslash, or becomes one. */
const SLASHES = /[\\\u2044\u2215\u29f8\u2571\uff0f\uff3c\u29f5\ufe68\u2216\u29f9]/g;

const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Mn}\p{Me}]/gu;

// deno-lint-ignore no-control-regex -- that they are there is what is found.
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;

/** A segment that a file system takes for the folder above: two dots, or more, and what it trims. */
const ABOVE = /^ *\.[. ]*\.[. ]*$/;

/** What is wrong with a path, in the order in which it is looked for; null for nothing. */
export function pathFault(path: string, root: string): string | null {
  let text = path;
  for (let round = 0;; round++) {
    const fault = writtenFault(text, root);
    if (fault !== null) return fault;
    const decoded = percentDecoded(text);
    if (decoded === null) return "encoded";
    if (decoded === text) return null;
    if (round === DECODINGS) return "encoded";
    text = decoded;
  }
}

function writtenFault(written: string, root: string): string | null {
  if (CONTROL.test(written)) return "control_character";
  const text = written.replace(INVISIBLE, "").replace(DOTS, ".").replace(SLASHES, "/")
    .normalize("NFKC").replace(DOTS, ".").replace(SLASHES, "/");
  if (SCHEME.test(text)) return "scheme";
  const segments = text.split("/");
  if (segments.some((segment) => ABOVE.test(segment))) return "traversal";
  if (segments.some((segment) => segment.startsWith("~"))) return "home";
  if (text.includes("//")) return "double_slash";
  const isInside = !text.startsWith("/") || text === root || text.startsWith(`${root}/`);
  return isInside ? null : "outside_root";
}

/** The text with one layer of percent-encoding off; null for what is no UTF-8 then. */
function percentDecoded(text: string): string | null {
  // A sign that encodes nothing stands for itself.
  const whole = text.replace(/%(?![0-9A-Fa-f]{2})/g, "%25");
  try {
    return decodeURIComponent(whole);
  } catch {
    return null;
  }
}

/** The whole text where it is a path that may lead out of the root. */
export function findTraversal(text: string, root: string): Looked {
  const reads = text.length * (DECODINGS + 1);
  const kind = pathFault(text, root);
  return kind === null
    ? { ...FOUND_NOTHING, reads }
    : { spans: [{ start: 0, end: text.length, kind }], reads };
}
