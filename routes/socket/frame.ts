import { z } from "zod";
import { isJsonObject, type JsonValue } from "../../lib/base/json.ts";
import { parseStrictJson } from "../../lib/base/strict_json.ts";
import { type AnyRefusal, Refusal } from "../../lib/refusal.ts";
import { parseInput } from "../http/inputs.ts";
import type { Route } from "../http/route.ts";

/** Frames of a socket: what they say, and where they may go. Pure. */

/** Most bytes of a frame. */
export const FRAME_BYTES = 256 * 1024;

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "SUBSCRIBE"] as const;

const id = z.union([z.string().min(1).max(128), z.number().int()]);

/** What a frame is answered by. */
export type FrameId = z.output<typeof id>;

const frameShape = z.strictObject({
  id,
  method: z.enum(METHODS),
  path: z.string().max(8192).regex(/^\//, "must begin with /"),
  body: z.custom<JsonValue>(() => true).optional(),
  idempotency_key: z.string().max(255).optional(),
});

/** One frame as it was sent. */
export type Frame = z.output<typeof frameShape>;

/** What a text is as a frame; where it is none, why, and the id to answer by as far as it has one. */
export type ReadFrame =
  | { readonly frame: Frame }
  | { readonly id: FrameId | null; readonly refusal: AnyRefusal };

/** Reads a frame. */
export function readFrame(text: string): ReadFrame {
  const parsed = parseStrictJson(text);
  if (!parsed.ok) {
    const { code, path, message } = parsed;
    const refusal = code === "malformed_json"
      ? new Refusal(code, { message })
      : new Refusal(code, { errors: [{ path, message }] });
    return { id: null, refusal };
  }
  try {
    return { frame: parseInput(frameShape, parsed.value) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const given = id.safeParse(isJsonObject(parsed.value) ? parsed.value.id : undefined);
    return { id: given.success ? given.data : null, refusal: error };
  }
}

/** The path of the socket itself. */
export const SOCKET_PATH = "/v1/ws";

/**
 * Finds the address that a frame asks for, among those that a frame may: the API's own, which answer
 * JSON. What streams is read at its reader's pace, which no socket has for many at once.
 */
export class FrameTargets {
  readonly #streams: readonly RegExp[];

  constructor(routes: readonly Pick<Route, "path" | "answers">[], readonly origin: string) {
    this.#streams = routes
      .filter(({ answers }) => Object.values(answers).some((answer) => answer === null))
      .map(({ path }) => new RegExp(`^${path.replace(/:\w+(\{\.\+\})?/g, "[^/]+")}/?$`));
  }

  /** Null where it is none of them. */
  find(path: string): URL | null {
    // Looked at when dots are resolved: what begins like a path may lead to another site.
    const url = URL.parse(path, this.origin);
    if (url === null || url.origin !== this.origin || url.username !== "") return null;
    const route = routed(url.pathname);
    const isOurs = route.startsWith("/v1/") && route.replace(/\/+$/, "") !== SOCKET_PATH;
    return isOurs && !this.#streams.some((stream) => stream.test(route)) ? url : null;
  }
}

/** A path as its route is found by it: letters count, however they are written. */
function routed(pathname: string): string {
  try {
    return decodeURI(pathname);
  } catch {
    return pathname;
  }
}
