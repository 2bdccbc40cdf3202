/**
 * SHA-256 (FIPS 180-4) in script alone, for where the runtime has none that answers at once: a
 * browser's own is asynchronous, and the verifier's pure functions are not.
 */
export function portableSha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const state = INITIAL.slice();
  const schedule = new Uint32Array(64);
  const padded = withPadding(bytes);
  const view = new DataView(padded.buffer);
  for (let block = 0; block < padded.length; block += BLOCK_BYTES) {
    for (let at = 0; at < 16; at++) schedule[at] = view.getUint32(block + 4 * at);
    compress(state, schedule);
  }
  const digest = new Uint8Array(32);
  const out = new DataView(digest.buffer);
  state.forEach((word, at) => out.setUint32(4 * at, word));
  return digest;
}

const BLOCK_BYTES = 64;

/** The message, a one bit, zeros, and its length in bits: whole blocks (section 5.1.1). */
function withPadding(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const blocks = Math.ceil((bytes.length + 9) / BLOCK_BYTES);
  const padded = new Uint8Array(blocks * BLOCK_BYTES);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const bits = new DataView(padded.buffer, padded.length - 8);
  bits.setUint32(0, Math.floor(bytes.length / 0x2000_0000));
  bits.setUint32(4, bytes.length << 3);
  return padded;
}

/** One block into the state (section 6.2.2); the first 16 words of the schedule are the block's. */
function compress(state: Uint32Array, schedule: Uint32Array): void {
  const word = (at: number) => schedule[at]!;
  for (let at = 16; at < 64; at++) {
    const early = word(at - 15);
    const late = word(at - 2);
    const sigma0 = rotated(early, 7) ^ rotated(early, 18) ^ (early >>> 3);
    const sigma1 = rotated(late, 17) ^ rotated(late, 19) ^ (late >>> 10);
    schedule[at] = word(at - 16) + sigma0 + word(at - 7) + sigma1;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as Eight;
  for (let at = 0; at < 64; at++) {
    const sum1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const choice = (e & f) ^ (~e & g);
    const first = (h + sum1 + choice + ROUND[at]! + word(at)) | 0;
    const sum0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + sum0 + majority) | 0];
  }
  for (const [at, value] of [a, b, c, d, e, f, g, h].entries()) state[at] = state[at]! + value;
}

type Eight = [number, number, number, number, number, number, number, number];

function rotated(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

const PRIMES = firstPrimes(64);

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2). */
const ROUND = Uint32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));

/** The same of the square roots of the first eight (5.3.3). */
const INITIAL = Uint32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

/**
 * 32 of the bits behind the point. Engines may differ in a root's last bit, about 2^-50: none of
 * these comes nearer than 2^-40 to where that would change a word.
 */
function fraction(root: number): number {
  return (root - Math.floor(root)) * 0x1_0000_0000;
}

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let candidate = 2; primes.length < count; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes;
}
