import type { Chance } from "./chance.ts";
import { type Schedule, WORLD } from "./schedule.ts";

/**
 * The runtime signs, verifies and encrypts beside the thread, and ends when it likes. In a simulation the end of
 * each is a turn: the schedule waits for what it takes, and nothing else is done meanwhile.
 */

const METHODS = [
  ...["sign", "verify", "digest", "encrypt", "deriveBits"] as const,
  ...["importKey", "exportKey", "generateKey"] as const,
];

/** What of signing and verifying is the schedule's, until disposed. */
export interface ScheduledSignatures extends Disposable {
  /** Does something that is no part of the simulation, while none of its turns is taken. */
  aside<T>(act: () => Promise<T>): Promise<T>;
}

/** Has the ends of all signatures be turns of a schedule. */
export function scheduleSignatures(schedule: Schedule, seed: Chance): ScheduledSignatures {
  const chance = seed.fork("signatures");
  const { subtle } = crypto;
  const held = METHODS.map((name) => {
    const native = subtle[name].bind(subtle) as (...given: unknown[]) => Promise<unknown>;
    const value = (...given: unknown[]) => {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const done = native(...given).then(
        (value) => () => resolve(value),
        (error) => () => reject(error),
      );
      schedule.after(chance.between(0.01, 0.2), WORLD, name, async () => (await done)());
      return promise;
    };
    return [name, value] as const;
  });
  const begin = () => {
    for (const [name, value] of held) {
      Object.defineProperty(subtle, name, { value, configurable: true });
    }
  };
  const end = () => {
    for (const [name] of held) delete (subtle as unknown as Record<string, unknown>)[name];
  };
  begin();
  return {
    async aside(act) {
      end();
      try {
        return await act();
      } finally {
        begin();
      }
    },
    [Symbol.dispose]: end,
  };
}
