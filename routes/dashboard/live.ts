import type { JsonValue } from "../../lib/base/json.ts";
import { Refusal } from "../../lib/refusal.ts";
import { policyVersionKey, sessionKey, type StoreKey } from "../../lib/store/keys.ts";
import { STREAM_HEADERS } from "../http/headers.ts";
import { problemOf } from "../http/problem_document.ts";
import { refusalOf } from "../http/serve.ts";
import type { MemberCall } from "./browser_call.ts";
import { refusalDetail } from "./refusal_words.ts";

/**
 * After so long it looks in any case, and says so: the page takes a stream that is silent for more
 * than twice as long for dead, and so may a proxy.
 */
const BEAT_EVERY_MS = 5000;

/** What makes a stream look again. */
interface Occasions {
  /** News of this process, at once. */
  readonly topics?: readonly string[];
  /** Rows that change with what is looked at, on whatever node; within a second. */
  readonly rows?: readonly StoreKey[];
  /** When what was seen last changes by time, milliseconds; null where it does not. */
  readonly due?: () => number | null;
}

/**
 * A stream of events (HTML standard, "Server-sent events"): first who reads it and the time, which
 * each beat tells again; then their role and what `look` sees, whenever it is something else than
 * before. It looks on its occasions, and whenever the session or the policy of the org changes or the
 * session is over by its time. Each look is a whole operation of the member, so that a session,
 * membership or right that ended ends the stream within two seconds: its last event is then `ended`,
 * with the problem, by which the page takes itself away.
 */
export function liveStream(
  call: MemberCall,
  { topics = [], rows = [], due = () => null }: Occasions,
  look: () => Promise<JsonValue>,
): Response {
  const { services, request, org, session } = call;
  const { deps, ledgers, held, stopping, watchedRows } = services;
  held.take(call.caller.id);
  const over = new AbortController();
  const ends = AbortSignal.any([request.signal, stopping, over.signal]);
  const encoder = new TextEncoder();

  async function* events(): AsyncGenerator<string> {
    let last: string | null = null;
    let known: MemberCall["caller"]["role"] | null = null;
    let sentAt = deps.now();
    // What no row moves for long is heard once, not again by each look.
    let heard: Promise<void> | null = null;
    let wake = () => {};
    const watch = watchedRows.watch([sessionKey(session.hash), policyVersionKey(org), ...rows]);
    try {
      // Opened again, it may be another's: whose page it is, the browser knows alone.
      yield `event: reader\ndata: ${JSON.stringify(call.caller.id)}\n\n`;
      // A device that slept has a page whose clock stood still: it goes on by this one.
      yield `event: clock\ndata: ${deps.now()}\n\n`;
      while (!ends.aborted) {
        const listening = topics.map((topic) => ledgers.listen(topic));
        const woken = Promise.withResolvers<void>();
        wake = woken.resolve;
        const moved = watch.moved();
        if (moved !== heard) void moved.then(() => wake());
        heard = moved;
        const beat = deps.timer(BEAT_EVERY_MS);
        const onEnd = () => wake();
        ends.addEventListener("abort", onEnd);
        try {
          // Read after the listening began, so that nothing falls between the two.
          const { session_ends_at, role } = await call.transact({ plan: (_, caller) => caller });
          const seen = JSON.stringify(await look());
          watch.due = Math.min(session_ends_at, due() ?? Infinity);
          // What the page says of its reader follows a change that took nothing away from it.
          if (role !== known) yield `event: role\ndata: ${JSON.stringify(role)}\n\n`;
          known = role;
          if (seen !== last) {
            yield `event: news\ndata: ${seen}\n\n`;
            last = seen;
            sentAt = deps.now();
          } else if (deps.now() - sentAt >= BEAT_EVERY_MS) {
            sentAt = deps.now();
            yield `event: beat\ndata: ${sentAt}\n\n`;
          }
          if (ends.aborted) return;
          const news = listening.map((topic) => topic.news);
          await Promise.race([...news, beat.elapsed, woken.promise]);
        } catch (error) {
          yield ending(error, call);
          return;
        } finally {
          ends.removeEventListener("abort", onEnd);
          beat.cancel();
          for (const { stop } of listening) stop();
        }
      }
    } finally {
      watch.stop();
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
  return new Response(body, {
    headers: { ...STREAM_HEADERS, "content-type": "text/event-stream" },
  });
}

function ending(error: unknown, { path, id, services }: MemberCall): string {
  const refusal = refusalOf(error);
  if (!(error instanceof Refusal)) {
    services.deps.log("error", "A stream failed", { request_id: id, error: String(error) });
  }
  const problem = { ...problemOf(refusal, { path, id }).body, detail: refusalDetail(refusal) };
  return `event: ended\ndata: ${JSON.stringify(problem)}\n\n`;
}
