/** Chance by a seed (sfc32): equal seeds give equal numbers, and every name has numbers of its own. */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(readonly seed: number, readonly name = "") {
    let hash = 0x9e3779b9 ^ seed;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x5bd1e995);
    this.#a = hash | 0;
    this.#b = Math.imul(seed ^ 0x2545f491, 0x27d4eb2f) | 0;
    this.#c = hash ^ seed << 7;
    for (let i = 0; i < 12; i++) this.word();
  }

  /** Chance of its own for a thing: what others draw changes nothing of it. */
  fork(name: string): Chance {
    return new Chance(this.seed, `${this.name}/${name}`);
  }

  /** A number of 32 bits. */
  word(): number {
    const sum = (this.#a + this.#b | 0) + this.#counter | 0;
    this.#counter = this.#counter + 1 | 0;
    this.#a = this.#b ^ this.#b >>> 9;
    this.#b = this.#c + (this.#c << 3) | 0;
    this.#c = (this.#c << 21 | this.#c >>> 11) + sum | 0;
    return sum >>> 0;
  }

  /** From 0 up to, but not including, 1. */
  part(): number {
    return this.word() / 0x1_0000_0000;
  }

  /** A whole number from 0 up to, but not including, the given one. */
  below(count: number): number {
    return Math.floor(this.part() * count);
  }

  /** A number between two. */
  between(from: number, to: number): number {
    return from + this.part() * (to - from);
  }

  /** Whether a thing of this likelihood happens. */
  happens(likelihood: number): boolean {
    return this.part() < likelihood;
  }

  pick<T>(things: readonly T[]): T {
    const thing = things[this.below(things.length)];
    if (thing === undefined) throw new RangeError("There is nothing to pick from.");
    return thing;
  }

  /** One of several, each as likely as its weight says. */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T {
    const entries = Object.entries(weights) as [T, number][];
    let rest = this.part() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) if ((rest -= weight) < 0) return name;
    return entries[0]![0];
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += 4) {
      const word = this.word();
      for (let i = at; i < Math.min(at + 4, count); i++) bytes[i] = word >>> 8 * (i - at);
    }
    return bytes;
  }
}
