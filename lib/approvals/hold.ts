import type { Services } from "../services.ts";

/** How often a held call looks for what other nodes did, milliseconds. */
const LOOK_EVERY_MS = 1000;

/**
 * Looks again and again until `isFinal`, the seconds are over, the client has gone or the process
 * stops; answers with what was seen last. `look` runs at every news of the topic and once a second
 * besides, and is a whole operation each time: a key revoked meanwhile ends the wait.
 *
 * @throws {Refusal} too_many_pending; what `look` throws
 */
export async function holdUntil<T>(
  { deps, ledgers, held, stopping }: Services,
  wait: {
    readonly credential: string;
    readonly topic: string;
    readonly seconds: number;
    /** Aborted when the client goes away. */
    readonly gone: AbortSignal;
  },
  look: () => Promise<T>,
  isFinal: (value: T) => boolean,
): Promise<T> {
  held.take(wait.credential);
  const end = deps.timer(wait.seconds * 1000);
  const ended = Promise.withResolvers<void>();
  let over = false;
  const finish = () => {
    over = true;
    ended.resolve();
  };
  const signals = [wait.gone, stopping];
  for (const signal of signals) {
    if (signal.aborted) finish();
    signal.addEventListener("abort", finish);
  }
  void end.elapsed.then(finish);
  try {
    for (;;) {
      const listening = ledgers.listen(wait.topic);
      const tick = deps.timer(LOOK_EVERY_MS);
      try {
        // Read after the listening began, so that nothing falls between the two.
        const last = over;
        const value = await look();
        if (last || over || isFinal(value)) return value;
        await Promise.race([listening.news, tick.elapsed, ended.promise]);
      } finally {
        tick.cancel();
        listening.stop();
      }
    }
  } finally {
    end.cancel();
    for (const signal of signals) signal.removeEventListener("abort", finish);
    held.release(wait.credential);
  }
}
