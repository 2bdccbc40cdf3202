/**
 * How many cases a property is tried with: `usual`, times COUNTERSIGN_PROPERTY_RUNS where that is
 * set, as `deno task test:long` does.
 */
export function runs(usual: number): { readonly numRuns: number } {
  const given = Deno.env.get("COUNTERSIGN_PROPERTY_RUNS") ?? "1";
  if (!/^[1-9][0-9]{0,3}$/.test(given)) {
    throw new RangeError(
      `COUNTERSIGN_PROPERTY_RUNS is a number from 1 to 9999, not ${JSON.stringify(given)}`,
    );
  }
  return { numRuns: usual * Number(given) };
}
