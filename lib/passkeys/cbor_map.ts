/** Bytes that begin with a CBOR map of integers to integers or byte strings (RFC 8949). */
export type CborMap = ReadonlyMap<number, number | Uint8Array<ArrayBuffer>>;

const UNSIGNED = 0;

const NEGATIVE = 1;

const BYTE_STRING = 2;

const MAP = 5;

interface Head {
  readonly major: number;
  readonly argument: number;
  readonly next: number;
}

/**
 * Reads such a map, as COSE keys are; null for everything else, also when bytes follow it or a
 * label comes twice. Lengths of up to two bytes are enough for any key.
 */
export function readCborMap(bytes: Uint8Array): CborMap | null {
  const start = readHead(bytes, 0);
  if (start?.major !== MAP) return null;
  const map = new Map<number, number | Uint8Array<ArrayBuffer>>();
  let at = start.next;
  for (let member = 0; member < start.argument; member++) {
    const label = readHead(bytes, at);
    const name = label === null ? null : integerOf(label);
    const value = label === null ? null : readHead(bytes, label.next);
    if (name === null || value === null || map.has(name)) return null;
    const integer = integerOf(value);
    at = integer === null ? value.next + value.argument : value.next;
    if (integer !== null) map.set(name, integer);
    else if (value.major === BYTE_STRING && at <= bytes.length) {
      map.set(name, bytes.slice(value.next, at));
    } else return null;
  }
  return at === bytes.length ? map : null;
}

function readHead(bytes: Uint8Array, at: number): Head | null {
  const first = bytes[at];
  if (first === undefined) return null;
  const [major, low] = [first >> 5, first & 0x1f];
  if (low < 24) return { major, argument: low, next: at + 1 };
  const [one, two] = [bytes[at + 1], bytes[at + 2]];
  if (low === 24 && one !== undefined) return { major, argument: one, next: at + 2 };
  if (low === 25 && one !== undefined && two !== undefined) {
    return { major, argument: one * 256 + two, next: at + 3 };
  }
  return null;
}

function integerOf({ major, argument }: Head): number | null {
  return major === UNSIGNED ? argument : major === NEGATIVE ? -1 - argument : null;
}
