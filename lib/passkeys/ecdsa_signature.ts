const SEQUENCE = 0x30;

const INTEGER = 0x02;

/**
 * The two numbers of an ECDSA signature side by side, each `size` bytes, as WebCrypto takes them,
 * out of the DER form that passkeys give (RFC 3279 section 2.2.3). Null for anything but DER.
 *
 * Only lengths of one byte are read: with numbers of at most 61 bytes DER has no others.
 */
export function rawEcdsaSignature(
  der: Uint8Array,
  size: number,
): Uint8Array<ArrayBuffer> | null {
  if (der[0] !== SEQUENCE || der[1] !== der.length - 2) return null;
  const raw = new Uint8Array(2 * size);
  let at = 2;
  for (const end of [size, 2 * size]) {
    const number = readInteger(der, at);
    if (number === null || number.digits.length > size) return null;
    raw.set(number.digits, end - number.digits.length);
    at = number.next;
  }
  return at === der.length ? raw : null;
}

/** A positive integer without its leading zero. */
function readInteger(der: Uint8Array, at: number): { digits: Uint8Array; next: number } | null {
  const length = der[at + 1];
  if (der[at] !== INTEGER || length === undefined || length === 0 || length >= 0x80) return null;
  const from = at + 2;
  const next = from + length;
  const [first = 0, second = 0] = der.subarray(from, next);
  if (next > der.length || first >= 0x80) return null;
  // The zero in front is there when the number would look negative without it, and only then.
  if (first !== 0) return { digits: der.subarray(from, next), next };
  return length > 1 && second < 0x80 ? null : { digits: der.subarray(from + 1, next), next };
}
