import type { Services } from "../lib/services.ts";
import type { App } from "./app.ts";
import { SurfaceRefusal } from "./http/problem_document.ts";
import { refuse } from "./http/serve.ts";

/** A surface that can be emptied before its server is shut down. */
export interface DrainableApp extends App {
  /** Resolves when every request under way has its answer. New ones are refused by then. */
  drained(): Promise<void>;
}

/**
 * Counts the requests under way, and refuses new ones once the process is stopping. The server's own
 * graceful shutdown does not do: Deno 2.9 breaks off the bodies that are still arriving
 * (denoland/deno#36809), so it must come when there are none.
 */
export function drainable(app: App, services: Services): DrainableApp {
  let underWay = 0;
  const { promise: drained, resolve } = Promise.withResolvers<void>();
  const answered = () => {
    underWay--;
    if (underWay === 0 && services.stopping.aborted) resolve();
  };
  return {
    fetch(request, connection) {
      if (services.stopping.aborted) {
        const path = URL.parse(request.url)?.pathname ?? "/";
        const id = services.ids.make("req", services.deps.now());
        return refuse(new SurfaceRefusal("stopping", {}), services, { path, id });
      }
      const answer = app.fetch(request, connection);
      if (answer instanceof Promise) {
        underWay++;
        answer.then(answered, answered);
      }
      return answer;
    },
    drained: () => underWay === 0 ? Promise.resolve() : drained,
  };
}
