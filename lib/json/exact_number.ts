/** RFC 8785 writes integers below this without an exponent. */
const EXPONENT_FROM = 1e21;

const EXCERPT = 40;

/**
 * Why a number literal in JSON grammar cannot be carried by a double without changing, or null.
 *
 * Refused are integers beyond ±(2^53−1), in whichever notation they would be digested, and any
 * literal whose decimal value is not that of the shortest form of its double (`1e400`,
 * `0.12345678901234567890`). `1.10`, `1e2` and `-0` are fine: they mean the number that RFC 8785
 * prints. Takes time linear in the literal.
 */
export function numberProblem(literal: string): string | null {
  const value = Number(literal);
  const magnitude = Math.abs(value);
  // A refused spelling must not come back through another one: 1e16 is digested as
  // 10000000000000000, so both are refused. From 1e21 on the digested form keeps its exponent.
  if (
    magnitude > Number.MAX_SAFE_INTEGER &&
    (magnitude < EXPONENT_FROM || !/[.eE]/.test(literal))
  ) {
    return `Integer ${excerpt(literal)} is beyond ±9007199254740991; send it as a string`;
  }
  if (!Number.isFinite(value) || !sameDecimal(literal, String(value))) {
    return `Number ${excerpt(literal)} does not fit a double exactly (nearest: ${value}); ` +
      `send it as a string or with fewer digits`;
  }
  return null;
}

function sameDecimal(a: string, b: string): boolean {
  const left = decimal(a);
  const right = decimal(b);
  if (left.digits === "" || right.digits === "") return left.digits === right.digits;
  return left.digits === right.digits && left.exponent === right.exponent;
}

/** The magnitude as digits × 10^exponent, without leading or trailing zeros; zero has no digits. */
function decimal(literal: string): { digits: string; exponent: number } {
  const unsigned = literal.startsWith("-") ? literal.slice(1) : literal;
  const [mantissa = "", power = "0"] = unsigned.split(/[eE]/);
  const [whole = "", fraction = ""] = mantissa.split(".");
  const digits = whole + fraction;
  let start = 0;
  while (start < digits.length && digits[start] === "0") start++;
  let end = digits.length;
  while (end > start && digits[end - 1] === "0") end--;
  return {
    digits: digits.slice(start, end),
    exponent: Number(power) - fraction.length + (digits.length - end),
  };
}

function excerpt(literal: string): string {
  return literal.length <= EXCERPT ? literal : `${literal.slice(0, EXCERPT)}…`;
}
