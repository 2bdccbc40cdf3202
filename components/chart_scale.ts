/**
 * The top of a scale for values up to `max`, and its ticks from 0: at most five, at whole steps of
 * 1, 2 or 5 times a power of ten.
 */
export function scaleFor(max: number): { readonly top: number; readonly ticks: readonly number[] } {
  const rough = Math.max(max, 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? rough;
  const whole = Math.max(step, 1);
  const count = Math.max(1, Math.ceil(max / whole));
  return { top: whole * count, ticks: Array.from({ length: count + 1 }, (_, i) => whole * i) };
}

/** Which of `count` labels are written: the last, and before it one every so often. */
export function labelledPlaces(count: number, most: number): ReadonlySet<number> {
  const step = Math.max(1, Math.ceil((count - 1) / (most - 1)));
  const places = new Set<number>();
  for (let place = count - 1; place >= 0; place -= step) places.add(place);
  return places;
}
