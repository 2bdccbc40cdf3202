import { isUtf8 } from "node:buffer";
import type { JsonValue } from "../base/json.ts";
import type { Timer } from "../store/system.ts";
import { type Place, Scanner } from "./json_scanner.ts";

/**
 * JSON of strangers, read so that no text of it takes more time or memory than its size lets expect:
 * it is checked byte by byte, in turns, with how many values it has and how deep they nest, and
 * nothing is made of it. Where its parts lie is kept, so that they can be handed on byte for byte;
 * values are made of those alone that somebody asks for.
 */

/** After so many bytes others get their turn, where there are more. */
const AT_ONCE = 256 * 1024;

/** Longest part that a value is made of for whoever wants a word or a number. */
const MAX_SMALL = 64 * 1024;

/** The bytes of a text that is a JSON object, each part by the names that lead to it. */
export interface ForeignObject {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The names of the object itself or of a part of it; null where that is none that was looked into. */
  names(...path: Path): readonly string[] | null;
  /** The bytes of a part; null where there is none. */
  part(...path: Path): Uint8Array<ArrayBuffer> | null;
  /** A part as a value, made anew each time; undefined where there is none. */
  value(...path: Path): JsonValue | undefined;
  /** The same of a short part. Of a long one, which is nothing that is said in a word, null. */
  small(...path: Path): JsonValue | undefined;
  /** Whether a part is an array of objects that each have a `type`; of what stands two levels deep. */
  isTyped(...path: Path): boolean;
}

/** Names from the object to a part of it. Three only lead through `_meta`. */
type Path = readonly string[];

/** Why a text is not taken: it is no JSON object that all read alike, or one of too many values. */
export type ForeignFault = "malformed" | "too_many_values";

/**
 * Reads a JSON object. A name that stands twice in it, or in an object that is a member of it, is
 * `malformed`: one reader would take the first, the next the last.
 * @param timer gives others their turn
 */
export async function readForeign(
  bytes: Uint8Array<ArrayBuffer>,
  timer: (milliseconds: number) => Timer,
): Promise<ForeignObject | ForeignFault> {
  if (bytes.length > AT_ONCE) await timer(0).elapsed;
  if (!isUtf8(bytes)) return "malformed";
  const scanner = new Scanner(bytes);
  for (let until = AT_ONCE;; until += AT_ONCE) {
    const fault = scanner.run(until);
    if (fault !== null) return fault;
    if (scanner.isDone) break;
    await timer(0).elapsed;
  }
  const { root } = scanner;
  if (root === null) return "malformed";
  const placeOf = (path: Path) => {
    let place: Place | undefined = root;
    for (const name of path) place = place?.members?.get(name);
    return place;
  };
  const part = (...path: Path) => {
    const place = placeOf(path);
    return place === undefined ? null : bytes.subarray(place.start, place.end);
  };
  const value = (...path: Path): JsonValue | undefined => {
    const text = part(...path);
    return text === null ? undefined : JSON.parse(new TextDecoder().decode(text));
  };
  return {
    bytes,
    part,
    value,
    small: (...path: Path) => (part(...path)?.length ?? 0) > MAX_SMALL ? null : value(...path),
    names: (...path) => {
      const members = placeOf(path)?.members ?? null;
      return members === null ? null : [...members.keys()];
    },
    isTyped: (...path) => placeOf(path)?.isTyped === true,
  };
}
