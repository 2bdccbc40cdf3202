import type { Services } from "../lib/services.ts";

/** A request that takes longer than this is written down, unless it asked to be held. */
const SLOW_MS = 2000;

/** What is known of a request when it has been answered. Nothing here is the client's own text. */
export interface AnsweredRequest {
  readonly request_id: string;
  readonly method: string;
  /** The pattern, not the path: an id in a path can be a person's e-mail, or a key by mistake. */
  readonly route: string;
  readonly status: number;
  readonly org: string | null;
  readonly caller: string | null;
}

/**
 * Writes a request down when it was slow, or when the operator wants a line for each.
 * @param started when it came, milliseconds since 1970
 * @param held whether it asked to wait for a decision
 */
export function logRequest(
  { deps, settings }: Services,
  answered: AnsweredRequest,
  { started, held }: { started: number; held: boolean },
): void {
  const milliseconds = deps.now() - started;
  if (milliseconds > SLOW_MS && !held) {
    deps.log("warn", "A request was slow", { ...answered, milliseconds });
  } else if (settings.log === "access") {
    deps.log("info", "Request", { ...answered, milliseconds });
  }
}

/** Whether the parsed query or body asks to be held until a decision. */
export function asksToWait(input: unknown): boolean {
  return typeof input === "object" && input !== null && "wait" in input && Number(input.wait) > 0;
}
