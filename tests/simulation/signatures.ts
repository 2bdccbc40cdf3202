import type { Chance } from "./chance.ts";
import { type Schedule, WORLD } from "./schedule.ts";

/**
 * The runtime signs and verifies beside the thread, and ends when it likes. In a simulation the end of
 * each is a turn: the schedule waits for what it takes, and nothing else is done meanwhile.
 */

const METHODS = ["sign", "verify", "importKey", "exportKey", "generateKey", "digest"] as const;

/** Has the ends of all signatures be turns of a schedule, until disposed. */
export function scheduleSignatures(schedule: Schedule, seed: Chance): Disposable {
  const chance = seed.fork("signatures");
  const { subtle } = crypto;
  const mended = METHODS.map((name) => {
    const native = subtle[name].bind(subtle) as (...given: unknown[]) => Promise<unknown>;
    const held = (...given: unknown[]) => {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const done = native(...given).then(
        (value) => () => resolve(value),
        (error) => () => reject(error),
      );
      schedule.after(chance.between(0.01, 0.2), WORLD, name, async () => (await done)());
      return promise;
    };
    Object.defineProperty(subtle, name, { value: held, configurable: true });
    return name;
  });
  return {
    [Symbol.dispose]() {
      for (const name of mended) delete (subtle as unknown as Record<string, unknown>)[name];
    },
  };
}
