/**
 * What every streamed answer says of itself: no proxy may collect it before it hands it on, which is
 * what nginx does unless it is told, and none may compress it, which collects as well.
 */
export const STREAM_HEADERS = {
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
} as const;
