export const QUOTE = 0x22;

export const COMMA = 0x2c;

export const MINUS = 0x2d;

export const POINT = 0x2e;

export const ZERO = 0x30;

export const NINE = 0x39;

export const COLON = 0x3a;

export const OPEN_BRACKET = 0x5b;

export const BACKSLASH = 0x5c;

export const CLOSE_BRACKET = 0x5d;

export const OPEN_BRACE = 0x7b;

export const CLOSE_BRACE = 0x7d;

/** Where a char code would be, were there another one. */
export const END = -1;

/** The UTF-16 unit that the escape at `at` stands for, or `END` when it is not an escape of JSON. */
export function escapedUnit(text: string, at: number): number {
  const letter = text.charCodeAt(at + 1);
  if (letter !== 0x75) return `"\\/bfnrt`.includes(text.charAt(at + 1) || " ") ? letter : END;
  let unit = 0;
  for (let digit = at + 2; digit < at + 6; digit++) {
    const code = text.charCodeAt(digit);
    if (code >= ZERO && code <= NINE) unit = unit * 16 + code - ZERO;
    else if ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66) {
      unit = unit * 16 + (code | 0x20) - 0x57;
    } else return END;
  }
  return unit;
}

/** Whether a UTF-16 unit is half of a surrogate pair. */
export function isSurrogate(unit: number): boolean {
  return (unit & 0xf800) === 0xd800;
}

/** The position after the ASCII digits that start at `from`. */
export function digitsEnd(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code >= ZERO && code <= NINE; code = text.charCodeAt(at)) {
    at++;
  }
  return at;
}
