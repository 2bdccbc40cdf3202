import { askerOf } from "../../lib/identity/caller.ts";
import { invalidRequest, Refusal } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import { queryOf, secretOf } from "../http/inputs.ts";
import { SurfaceRefusal } from "../http/problem_document.ts";
import {
  type Connection,
  type Exchange,
  refuseMachine,
  type Served,
  serveExchange,
} from "../http/serve.ts";
import { type FrameTargets, SOCKET_PATH } from "./frame.ts";
import { proved, Socket, SOCKET_CALLERS } from "./socket.ts";

/**
 * Who gets a socket. Until this has answered there is none: whoever presents no credential, a wrong
 * one, or comes from a page that nobody named, is answered as on every other route. Everything that is
 * to be known of the request is read here, for nothing of it can be afterwards.
 */

/** What is spoken over the socket. */
const PROTOCOL = "countersign.v1";

/** Begins the subprotocol that carries a credential, for pages, which can set no header. */
const BEARER = "bearer.";

/** After so many seconds without a sign of the peer, half of them after a ping, a socket ends. */
const SILENT_SECONDS = 60;

/** Answers a request as the whole surface does. */
export type Dispatch = (request: Request, connection: Connection) => Response | Promise<Response>;

/** Answers a request for a socket. */
export function serveSocket(
  services: Services,
  c: Served,
  { dispatch, targets }: { readonly dispatch: Dispatch; readonly targets: FrameTargets },
): Promise<Response> {
  return serveExchange(services, c, SOCKET_PATH, (exchange) => ({
    answer: () => opened(exchange, dispatch, targets),
    refuse: (error) => refuseMachine(exchange, error),
  }));
}

async function opened(
  exchange: Exchange,
  dispatch: Dispatch,
  targets: FrameTargets,
): Promise<Response> {
  const { services, request, c } = exchange;
  const { deps, settings, credentials, rateLimits, lastUsed, sockets } = services;
  // Programs send no Origin. A page sends its own, and no cookie of ours counts here.
  const origin = request.headers.get("origin");
  if (origin !== null && origin !== settings.url.origin && !settings.ws_origins.has(origin)) {
    throw new SurfaceRefusal("origin_not_allowed", { origin });
  }
  if (!asksForSocket(request.headers)) throw new SurfaceRefusal("upgrade_required", {});
  const [parameter] = Object.keys(queryOf(request.url));
  if (parameter !== undefined) {
    throw invalidRequest(
      `/${parameter}`,
      "is not taken: addresses end up in logs, with what is in them",
    );
  }
  const secret = presentedSecret(request.headers);
  const since = deps.monotonic();
  const presented = await credentials.present(secret);
  const caller = await credentials.caller(presented, SOCKET_CALLERS, since);
  if (caller.sub_token === null) lastUsed.note(caller.org, caller.id, deps.now());
  exchange.org = caller.org;
  exchange.caller = askerOf(caller);
  exchange.rate = rateLimits.take(caller, deps.now());
  await proved(services, presented);
  const remoteAddr = c.env?.remoteAddr;
  const connection = remoteAddr === undefined ? {} : { remoteAddr };
  const headers = headersOfFrames(request.headers, settings.url.host, secret);
  sockets.take(caller.id);
  let isTaken = true;
  const release = () => {
    if (isTaken) sockets.release(caller.id);
    isTaken = false;
  };
  try {
    const { socket, response } = Deno.upgradeWebSocket(request, {
      protocol: PROTOCOL,
      idleTimeout: SILENT_SECONDS,
    });
    new Socket(services, socket, {
      caller,
      presented,
      headers,
      targets,
      request_id: exchange.id,
      ask: (request) => dispatch(request, connection),
      ended: release,
    });
    return response;
  } catch (error) {
    release();
    if (error instanceof TypeError) throw new SurfaceRefusal("upgrade_required", {});
    throw error;
  }
}

/** RFC 6455 section 4.2.1. */
function asksForSocket(headers: Headers): boolean {
  return listed(headers.get("upgrade")).some((one) => one.toLowerCase() === "websocket") &&
    listed(headers.get("connection")).some((one) => one.toLowerCase() === "upgrade") &&
    headers.get("sec-websocket-version") === "13" && headers.has("sec-websocket-key");
}

function listed(header: string | null): string[] {
  return (header ?? "").split(",").map((one) => one.trim());
}

/**
 * The credential that a request for a socket presents, once.
 * @throws {Refusal} missing_credentials, invalid_request
 */
function presentedSecret(headers: Headers): string {
  const protocols = listed(headers.get("sec-websocket-protocol"));
  if (!protocols.includes(PROTOCOL)) {
    throw invalidRequest("", `needs the subprotocol ${PROTOCOL} in Sec-WebSocket-Protocol`);
  }
  const carried = protocols.filter((one) => one.startsWith(BEARER));
  const [first, ...others] = [secretOf(headers), ...carried.map((one) => one.slice(BEARER.length))]
    .filter((secret) => secret !== null);
  if (first === undefined) throw new Refusal("missing_credentials", {});
  if (others.length > 0) throw invalidRequest("", "presents more than one credential");
  return first;
}

/** What every frame says of its sender, as their requests over HTTP would. */
function headersOfFrames(headers: Headers, host: string, secret: string): Record<string, string> {
  const forwarded = headers.get("x-forwarded-for");
  const agent = headers.get("user-agent");
  return {
    host,
    authorization: `Bearer ${secret}`,
    accept: "application/json",
    ...(forwarded === null ? {} : { "x-forwarded-for": forwarded }),
    ...(agent === null ? {} : { "user-agent": agent }),
  };
}
