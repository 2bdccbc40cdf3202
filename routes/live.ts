import type { JsonValue } from "../lib/json/json_value.ts";
import { Refusal } from "../lib/refusals/refusal.ts";
import type { MemberCall } from "./browser_call.ts";
import { problemOf } from "./problem_document.ts";
import { refusalOf } from "./serve.ts";

/** How often a stream looks for what other nodes did, and whether its reader may still read. */
const LOOK_EVERY_MS = 1000;
/** After so long without news something is sent, so that no proxy takes the stream for dead. */
const BEAT_EVERY_MS = 15_000;

/**
 * A stream of events (HTML standard, "Server-sent events"): what `look` sees, whenever it is
 * something else than before. `look` is a whole operation of the member each time, so that a session
 * or role that ended ends the stream: its last event is then `ended`, with the problem.
 *
 * @param topics news that make it look at once
 */
export function liveStream(
  call: MemberCall,
  topics: readonly string[],
  look: () => Promise<JsonValue>,
): Response {
  const { services, request } = call;
  const { deps, ledgers, held, stopping } = services;
  held.take(call.caller.id);
  const over = new AbortController();
  const ends = AbortSignal.any([request.signal, stopping, over.signal]);
  const encoder = new TextEncoder();

  async function* events(): AsyncGenerator<string> {
    let last: string | null = null;
    let sentAt = deps.now();
    while (!ends.aborted) {
      const listening = topics.map((topic) => ledgers.listen(topic));
      const tick = deps.timer(LOOK_EVERY_MS);
      const ended = Promise.withResolvers<void>();
      const onEnd = () => ended.resolve();
      ends.addEventListener("abort", onEnd);
      try {
        // Read after the listening began, so that nothing falls between the two.
        const seen = JSON.stringify(await look());
        if (seen !== last) {
          yield `event: news\ndata: ${seen}\n\n`;
          last = seen;
          sentAt = deps.now();
        } else if (deps.now() - sentAt >= BEAT_EVERY_MS) {
          yield ": still here\n\n";
          sentAt = deps.now();
        }
        if (ends.aborted) return;
        await Promise.race([...listening.map(({ news }) => news), tick.elapsed, ended.promise]);
      } catch (error) {
        yield ending(error, call);
        return;
      } finally {
        ends.removeEventListener("abort", onEnd);
        tick.cancel();
        for (const { stop } of listening) stop();
      }
    }
  }

  const source = events();
  let isHeld = true;
  const release = () => {
    if (isHeld) held.release(call.caller.id);
    isHeld = false;
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await source.next();
      if (!done) return controller.enqueue(encoder.encode(value));
      release();
      if (!over.signal.aborted) controller.close();
    },
    async cancel() {
      over.abort();
      release();
      await source.return(undefined);
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

function ending(error: unknown, { path, id, services }: MemberCall): string {
  const refusal = refusalOf(error);
  if (!(error instanceof Refusal)) {
    services.deps.log("error", "A stream failed", { request_id: id, error: String(error) });
  }
  return `event: ended\ndata: ${JSON.stringify(problemOf(refusal, { path, id }).body)}\n\n`;
}
