import type { JsonValue } from "../../lib/base/json.ts";

/** JSON that is nearly right, the same at every run. */

/** A small generator of numbers from 0 to 1, the same every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Values that are hardly ever what is asked for. */
export const ODD: readonly JsonValue[] = [
  null,
  true,
  "",
  "\u0000",
  "\ud800",
  "__proto__",
  "mdt_00000000000000000000000000",
  "😀".repeat(50),
  "x".repeat(5000),
  0,
  -1,
  0.5,
  2 ** 53,
  1e308,
  [],
  [[]],
  {},
  { constructor: 1, toString: null },
  "2026-01-01T00:00:00Z",
  "member:",
];

/** A value as a text. */
export function textOf(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A value with something in it replaced, taken out, put in or twice. */
export function mutated(value: JsonValue, random: () => number): JsonValue {
  const odd = () => ODD[Math.floor(random() * ODD.length)] ?? null;
  if (typeof value !== "object" || value === null || random() < 0.12) return odd();
  const inside = Array.isArray(value) ? [...value] : { ...value };
  const names = Object.keys(inside);
  const name = names[Math.floor(random() * names.length)];
  if (Array.isArray(inside)) {
    if (name === undefined || random() < 0.2) return [...inside, odd()];
    const at = Number(name);
    if (random() < 0.2) return [...inside, inside[at] ?? null];
    inside[at] = mutated(inside[at] ?? null, random);
    return inside;
  }
  if (name === undefined || random() < 0.15) return { ...inside, [textOf(odd())]: odd() };
  if (random() < 0.2) delete inside[name];
  else inside[name] = mutated(inside[name] ?? null, random);
  return inside;
}
