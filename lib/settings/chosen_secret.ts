/** Fewer than any that was made by chance has: 32 random hexadecimal digits have 13 to 14. */
const MIN_DISTINCT = 10;

/**
 * What is wrong with a secret that an operator chose, as the end of a sentence that begins with its
 * name; null for nothing. Counts which characters it has: `aaaa…` and `0101…` are long, and guessed.
 * @param text without a prefix that every one of its kind has
 */
export function chosenSecretProblem(text: string): string | null {
  const distinct = new Set(text).size;
  if (distinct >= MIN_DISTINCT) return null;
  return `has ${distinct} distinct characters; ${MIN_DISTINCT} are the least, or it can be guessed.`;
}
