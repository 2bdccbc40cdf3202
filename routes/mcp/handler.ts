import { createMcpHandler, type Server } from "@modelcontextprotocol/server";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { acceptedTypes } from "./message.ts";

/** The protocol on HTTP: each request has a server of its own, which holds nothing of it afterwards. */

/** Proxies and hosts drop a stream that is silent for longer. */
const KEEP_ALIVE_MS = 10_000;

/** How a request is answered by the server that is made for it. */
type Handler<A> = (
  http: Request,
  asked: A,
  how: {
    readonly parsedBody: JsonValue;
    /** Answered by a stream from the first moment, by which it is noticed when the client goes away. */
    readonly streams: boolean;
  },
) => Promise<Response>;

/**
 * Makes the handler of an endpoint, once.
 * @param make the server of one request, which serves what that asks for: to prepare for the rest
 *   takes time
 */
export function mcpHandler<A extends { readonly messages: readonly JsonObject[] }>(
  make: (asked: A, era: "legacy" | "modern") => Server,
): Handler<A> {
  /** What is asked by each HTTP request that is being answered. */
  const underWay = new Map<Request, A>();
  const handlerOf = (responseMode: "sse" | "auto") =>
    createMcpHandler(({ era, requestInfo }) => {
      const asked = requestInfo === undefined ? undefined : underWay.get(requestInfo);
      if (asked === undefined) throw new Error("A server is made for a request that nobody sent.");
      const server = make(asked, era);
      // V8 keeps what the library hangs on the connection of a server until its next full collection,
      // and with it the server: that is to hold nothing of the request by then.
      server.onclose = () => {
        for (const { method } of asked.messages) {
          if (typeof method === "string") server.removeRequestHandler(method);
        }
      };
      return server;
    }, { responseMode, keepAliveMs: KEEP_ALIVE_MS });
  const answering = handlerOf("auto");
  const streaming = handlerOf("sse");
  return async (http, asked, { parsedBody, streams }) => {
    const accepted = withAcceptedTypes(http);
    underWay.set(accepted, asked);
    try {
      return await (streams ? streaming : answering).fetch(accepted, { parsedBody });
    } finally {
      underWay.delete(accepted);
    }
  };
}

/** The request with its `Accept` as the protocol writes it. Its body has been read. */
function withAcceptedTypes(http: Request): Request {
  const accept = http.headers.get("accept");
  const accepted = acceptedTypes(accept);
  const headers = new Headers(http.headers);
  headers.set("accept", accepted);
  return accepted === accept
    ? http
    : new Request(http.url, { method: "POST", headers, signal: http.signal });
}
