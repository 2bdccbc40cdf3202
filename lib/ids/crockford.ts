const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * Crockford base32 of bytes, lower case, most significant bit first: ceil(8n / 5) characters.
 * Where 8n is no multiple of 5 the value is padded with zero bits in front, so that the text
 * sorts as the bytes do.
 */
export function encodeCrockford(bytes: Uint8Array): string {
  const characters = Math.ceil(bytes.length * 8 / 5);
  let bits = characters * 5 - bytes.length * 8;
  let value = 0;
  let text = "";
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(value >>> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  return text;
}

/** The bytes of a text that `encodeCrockford` made, or null when it is not such a text. */
export function decodeCrockford(text: string): Uint8Array | null {
  const bytes = new Uint8Array(Math.floor(text.length * 5 / 8));
  let bits = bytes.length * 8 - text.length * 5;
  let value = 0;
  let at = 0;
  for (const character of text) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) return null;
    value = (value << 5) | digit;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (value >>> bits) & 255;
      value &= (1 << bits) - 1;
    }
  }
  return at === bytes.length ? bytes : null;
}
