/** How many times as much is tried: COUNTERSIGN_PROPERTY_RUNS, which `deno task test:long` sets. */
function times(): number {
  const given = Deno.env.get("COUNTERSIGN_PROPERTY_RUNS") ?? "1";
  if (!/^[1-9][0-9]{0,3}$/.test(given)) {
    throw new RangeError(
      `COUNTERSIGN_PROPERTY_RUNS is a number from 1 to 9999, not ${JSON.stringify(given)}`,
    );
  }
  return Number(given);
}

/** How many cases a property is tried with: `usual`, and so many times more in the long tests. */
export function runs(usual: number): { readonly numRuns: number } {
  return { numRuns: usual * times() };
}

/** How many rounds of something dear: `usual`, and `whole` in the long tests. */
export function rounds(usual: number, whole: number): number {
  return Math.min(whole, usual * times());
}

/** Of a row of cases one in how many is tried: in `usual`, and each one in the long tests. */
export function oneIn(usual: number): number {
  return Math.max(1, Math.floor(usual / times()));
}
