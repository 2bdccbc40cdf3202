import { isJsonObject, type JsonValue, memberOf } from "../base/json.ts";
import type { ForeignObject } from "./foreign_json.ts";
import type { AnsweredResult, CallOutcome, Unknown } from "./port.ts";
import {
  foreignText,
  notSent,
  type RpcError,
  type RpcReply,
  type StatusReply,
  unknown,
} from "./rpc.ts";

/**
 * What a reply to `tools/call` means: whether the tool ran. Only an answer that says so is taken for
 * "it did not run"; whoever is told that may run it again.
 */

/** @param repeatable whether the owner said that the tool only reads, or may be repeated */
export function callOutcome(reply: RpcReply, repeatable: boolean): CallOutcome {
  switch (reply.is) {
    case "result":
      return toolOutcome(reply.message);
    case "error":
      return { is: "failed", status: null, ...failedBy(reply.error) };
    case "status":
      return statusOutcome(reply, repeatable);
    case "too_large":
    case "not_sent":
    case "unknown":
      return reply;
  }
}

function failedBy({ code, message }: RpcError): { code: number; says: string } {
  return { code, says: message };
}

function statusOutcome(reply: StatusReply, repeatable: boolean): CallOutcome {
  const { status, error, retry_after_seconds, in_session } = reply;
  if (status === 401) return notSent("unauthorized", "It answered 401: it wants a credential.");
  if (status === 404 && in_session) {
    return notSent("session_lost", "It answered 404: it does not know our session any more.");
  }
  if (status === 429 || (status === 503 && repeatable)) {
    return notSent("busy", `It answered ${status}: it is busy.`, retry_after_seconds);
  }
  if (status >= 400 && status < 500) {
    const says = error?.message ?? `It answered ${status}.`;
    return { is: "failed", status, code: error?.code ?? null, says };
  }
  return unknown("status", `It answered ${status}, which does not say whether it ran.`);
}

/** How results begin that are none yet (2026-07-28, "Multi Round-Trip Requests"). */
const ASKS = "input_required";

/** Most of what an upstream asks for that is told. */
const MAX_ASKED = 10;

function toolOutcome(message: ForeignObject): CallOutcome {
  const type = message.small("result", "resultType");
  if (type === ASKS) return { is: "asks", asked: asked(message.small("result", "inputRequests")) };
  if (type !== undefined && type !== "complete") {
    return malformed("Its result is of a kind that was not agreed on.");
  }
  return toolResult(message) ?? malformed("Its result is not what the protocol says.");
}

function malformed(says: string): Unknown {
  return unknown("malformed", says);
}

/** @param requests null for more than is looked at */
function asked(requests: JsonValue | undefined): string[] {
  const all = isJsonObject(requests) ? Object.values(requests) : [];
  return all.slice(0, MAX_ASKED).map((request) => {
    const method = memberOf(request, "method");
    return typeof method === "string" ? foreignText(method) : "something";
  });
}

const NOTHING = new TextEncoder().encode("[]");

/** What of a result has a place of its own. */
const OWN: readonly string[] = ["content", "structuredContent", "isError", "_meta"];

function toolResult(message: ForeignObject): AnsweredResult | null {
  const json = message.part("result");
  const isError = message.small("result", "isError") ?? false;
  // A content that is null is none.
  const isNone = (message.small("result", "content") ?? null) === null &&
    (message.part("result", "content")?.length ?? 0) <= 4;
  if (json === null || typeof isError !== "boolean") return null;
  if (!isNone && !message.isTyped("result", "content")) return null;
  const parts = (...path: readonly string[]) =>
    new Map(
      (message.names(...path) ?? []).map((name) =>
        [name, message.part(...path, name) ?? NOTHING] as const
      ),
    );
  const rest = parts("result");
  for (const name of OWN) rest.delete(name);
  return {
    is: "result",
    json,
    rest,
    meta: parts("result", "_meta"),
    content: isNone ? NOTHING : message.part("result", "content") ?? NOTHING,
    structured_content: message.part("result", "structuredContent"),
    is_error: isError,
  };
}
