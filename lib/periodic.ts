import type { Deps } from "./deps.ts";

/** Work that goes on in rounds until it is stopped. */
export interface Periodic {
  /** Ends the waiting and lets a round under way finish. */
  stop(): Promise<void>;
}

/** Does `work` again and again, `milliseconds` after the round before. `work` must not fail. */
export function periodically(
  deps: Pick<Deps, "timer">,
  milliseconds: number,
  work: () => Promise<void>,
): Periodic {
  const { promise: stopped, resolve: stop } = Promise.withResolvers<"stopped">();
  const run = async () => {
    for (;;) {
      const timer = deps.timer(milliseconds);
      const ended = await Promise.race([timer.elapsed, stopped]);
      timer.cancel();
      if (ended === "stopped") return;
      await work();
    }
  };
  const running = run();
  return {
    async stop() {
      stop("stopped");
      await running;
    },
  };
}
