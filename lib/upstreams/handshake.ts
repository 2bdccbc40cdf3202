import { type JsonObject, type JsonValue, memberOf } from "../base/json.ts";
import { VERSION } from "../base/version.ts";
import type { NotSent, UpstreamProtocol } from "./port.ts";
import {
  type ExchangeOptions,
  foreignText,
  type McpSession,
  notSent,
  resultIn,
  type RpcReply,
  type RpcRequest,
} from "./rpc.ts";

/**
 * How a server is found to speak, and how it is spoken to then: since 2026-07-28 each request says
 * for itself what it is; before, a handshake said it for all (2026-07-28, "Versioning").
 */

const MODERN = "2026-07-28";

/** The newest first; all of them have tools as we use them. */
const LEGACY: readonly string[] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

const CLIENT = { name: "countersign", version: VERSION };

/** Errors by which a modern server refuses a request, so that nobody takes it for an old one. */
const UNSUPPORTED_VERSION = -32022;

const MODERN_ERRORS: readonly number[] = [-32020, -32021, UNSUPPORTED_VERSION];

export type Era = UpstreamProtocol["era"];

/** What a request says of itself, by the version that is spoken. */
export function stamped(
  protocol: Pick<UpstreamProtocol, "era" | "version">,
  { id, method, params, headers }: RpcRequest,
): RpcRequest {
  const version = { "mcp-protocol-version": protocol.version };
  if (protocol.era === "legacy") return { id, method, params, headers: version };
  const meta = {
    ...memberOf(params, "_meta") as JsonObject | undefined,
    "io.modelcontextprotocol/protocolVersion": protocol.version,
    "io.modelcontextprotocol/clientInfo": CLIENT,
    // Nothing: we answer no questions, take no samples and have no roots.
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  return {
    id,
    method,
    params: { ...params, _meta: meta },
    headers: { ...version, "mcp-method": method, ...headers },
  };
}

/** What a handshake needs. */
export interface Opening {
  readonly session: McpSession;
  readonly nextId: () => number;
  readonly options: ExchangeOptions;
}

/**
 * Finds out how a server speaks, and begins a session where it wants one.
 * @param era what it spoke before, if that is known
 */
export async function handshake(
  opening: Opening,
  era: Era | null,
): Promise<UpstreamProtocol | NotSent> {
  if (era !== "legacy") {
    const found = await discovered(opening);
    if (found !== "legacy") return found;
  }
  return await initialized(opening);
}

/** The protocol of a modern server; "legacy" for one that gave no sign of being one. */
async function discovered(
  { session, nextId, options }: Opening,
): Promise<UpstreamProtocol | NotSent | "legacy"> {
  const modern = { era: "modern", version: MODERN } as const;
  const request = { id: nextId(), method: "server/discover", params: {}, headers: {} };
  const reply = await session.exchange(stamped(modern, request), options);
  const error = reply.is === "error" || reply.is === "status" ? reply.error : null;
  if (error !== null && MODERN_ERRORS.includes(error.code)) {
    const supported = texts(memberOf(error.data, "supported"));
    if (error.code === UNSUPPORTED_VERSION && LEGACY.some((one) => supported.includes(one))) {
      return "legacy";
    }
    return noMcp(
      `It takes none of the versions ${[MODERN, ...LEGACY].join(", ")}: ${error.message}`,
    );
  }
  if (reply.is === "result") {
    const result = resultIn(reply.message);
    if (!texts(memberOf(result, "supportedVersions")).includes(MODERN)) return "legacy";
    const info = memberOf(memberOf(result, "_meta"), "io.modelcontextprotocol/serverInfo");
    return { ...modern, server: serverOf(info ?? memberOf(result, "serverInfo")) };
  }
  return unusable(reply) ?? "legacy";
}

async function initialized(
  { session, nextId, options }: Opening,
): Promise<UpstreamProtocol | NotSent> {
  const [newest = ""] = LEGACY;
  const params = { protocolVersion: newest, capabilities: {}, clientInfo: CLIENT };
  const request = { id: nextId(), method: "initialize", params, headers: {} };
  const reply = await session.exchange(request, options);
  if (reply.is !== "result") return unusable(reply) ?? noMcp(whyNot(reply));
  const result = resultIn(reply.message);
  const version = memberOf(result, "protocolVersion");
  if (typeof version !== "string" || !LEGACY.includes(version)) {
    return noMcp(`It speaks ${foreignText(String(version))}, and none of ${LEGACY.join(", ")}.`);
  }
  const server = serverOf(memberOf(result, "serverInfo"));
  const protocol = { era: "legacy", version, server } as const;
  // It is awaited, or a request could overtake it.
  await session.notify("notifications/initialized", {}, { "mcp-protocol-version": version });
  return protocol;
}

/** Why nothing more need be asked: it is out of reach, or lets nobody in now. */
export function unusable(reply: RpcReply): NotSent | null {
  if (reply.is === "not_sent") return reply;
  if (reply.is === "unknown" && reply.why !== "malformed") {
    return notSent(reply.why === "stopped" ? "stopped" : "unreachable", reply.says);
  }
  if (reply.is !== "status") return null;
  const { status, retry_after_seconds } = reply;
  if (status === 401) return notSent("unauthorized", "It answered 401: it wants a credential.");
  return status === 429 || status === 503
    ? notSent("busy", `It answered ${status}: it is busy.`, retry_after_seconds)
    : null;
}

function whyNot(reply: RpcReply): string {
  switch (reply.is) {
    case "error":
      return `It does not begin a session: ${reply.error.message}`;
    case "status":
      return `It answered ${reply.status} to the beginning of a session` +
        (reply.error === null ? "." : `: ${reply.error.message}`);
    case "too_large":
      return "Its answer to the beginning of a session is too large.";
    case "unknown":
      return reply.says;
    default:
      return "It does not begin a session.";
  }
}

function noMcp(says: string): NotSent {
  return notSent("unreachable", says);
}

function texts(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

/** Its own words for itself. */
function serverOf(info: JsonValue | undefined): UpstreamProtocol["server"] {
  const [name, version] = [memberOf(info, "name"), memberOf(info, "version")];
  if (typeof name !== "string") return null;
  return { name: foreignText(name), version: foreignText(String(version ?? "")) };
}
