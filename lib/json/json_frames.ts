import { pointerToken } from "./json_pointer.ts";

/** Up to here comparing names one by one is cheaper than a set. */
const FEW_NAMES = 8;

/** An array or object that is open at a scan's position. */
export interface Frame {
  /** Names so far, the one being read last; null for an array. */
  readonly names: string[] | null;
  /** The same names once they are many. */
  seen: Set<string> | null;
  /** Elements begun before the one being read. */
  index: number;
  /** True when the position belongs to a member or element, not to the container itself. */
  inside: boolean;
}

export function openFrame(object: boolean): Frame {
  return { names: object ? [] : null, seen: null, index: 0, inside: false };
}

/** Adds a member name; false when the object had it already. */
export function addName(frame: Frame, name: string): boolean {
  const names = frame.names ?? [];
  if (names.length === FEW_NAMES) frame.seen = new Set(names);
  const known = frame.seen === null ? names.includes(name) : frame.seen.has(name);
  names.push(name);
  frame.seen?.add(name);
  return !known;
}

/** The RFC 6901 pointer of the place that the open frames lead to. */
export function framesPointer(frames: readonly Frame[]): string {
  let path = "";
  for (const { names, index, inside } of frames) {
    if (inside) path += `/${names === null ? index : pointerToken(names.at(-1) ?? "")}`;
  }
  return path;
}
