/** The value that `share` (0 to 1) of ascending values are at most; 0 when there are none. */
export function percentile(ascending: ArrayLike<number>, share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? 0;
}

/** The middle of some numbers; between two in the middle the lower. */
export function median(numbers: readonly number[]): number {
  const ascending = numbers.toSorted((a, b) => a - b);
  return ascending[(ascending.length - 1) >> 1] ?? 0;
}
