/**
 * Values that are here mostly, and are waited for where they are not.
 */

/** What a list of values becomes once none of them is waited for any more. */
type Here<T extends readonly unknown[]> = { readonly [I in keyof T]: Awaited<T[I]> };

/**
 * Goes on with values that are here mostly: at once where they are, and else when all have come. What
 * asks thousands of times a second for what is held in memory does not wait for a promise each time.
 */
export function atOnce<const T extends readonly unknown[], R>(
  values: T,
  goOn: (...values: Here<T>) => R,
): R | Promise<Awaited<R>> {
  // deno-lint-ignore no-explicit-any -- the tuple is the same, without its promises
  const on = goOn as (...values: any[]) => R;
  return values.some(isPromise)
    ? Promise.all(values).then((all) => on(...all)) as Promise<Awaited<R>>
    : on(...values);
}

/** The same for a list of any length. */
export function allAtOnce<T>(values: readonly (T | Promise<T>)[]): T[] | Promise<T[]> {
  return values.some(isPromise) ? Promise.all(values) : values as T[];
}

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise;
}
