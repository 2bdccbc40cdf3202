/** Time, which a test replaces. */
export interface Clock {
  /** Milliseconds; only differences count. */
  readonly now: () => number;
  /** Calls once that much time has passed, unless it is taken back before. */
  readonly after: (milliseconds: number, then: () => void) => () => void;
}

/** Waits. @throws what the signal says */
export async function paused(
  clock: Pick<Clock, "after">,
  milliseconds: number,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const left = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(milliseconds, () => {
      signal?.removeEventListener("abort", left);
      resolve();
    });
    signal?.addEventListener("abort", left, { once: true });
  });
}
