import { TOKEN_VARIABLE } from "./programs.ts";
import { hostWays, type Way } from "./ways.ts";

/** How hosts and programs are pointed at the gateway: at all upstreams, or at one. */

/** Every way, by its name in the address of the page. */
export const GATEWAY_WAY_KEYS = [
  "claude_code",
  "claude_desktop",
  "cursor",
  "vscode",
  "codex",
  "json",
  "curl",
] as const;

export type GatewayWayKey = (typeof GATEWAY_WAY_KEYS)[number];

/** What is connected to. */
export interface GatewayTarget {
  /** Null for all upstreams. */
  readonly upstream: string | null;
  /** A tool to call first, by its name in the catalog. */
  readonly tool: string | null;
}

/** The address of the gateway, or of one upstream there. */
export function gatewayUrl(origin: string, upstream: string | null): string {
  return `${origin}${pathOf(upstream)}`;
}

function pathOf(upstream: string | null): string {
  return upstream === null ? "/mcp/gateway" : `/mcp/gateway/${upstream}`;
}

/** Puts a token into the environment without leaving it in the history of the shell. */
export const READ_TOKEN = `read -rs ${TOKEN_VARIABLE} && export ${TOKEN_VARIABLE}`;

/** Every way to the gateway. None of them holds a token. */
export function gatewayWays(origin: string, target: GatewayTarget): Way<GatewayWayKey>[] {
  const name = target.upstream ?? "gateway";
  const url = gatewayUrl(origin, target.upstream);
  const prompt =
    `Which tools of ${name} can you call? Call one that only reads, and show me what ` +
    "it answers. If a person has to approve it, tell me and wait.";
  const hosts = hostWays(origin, { name, path: pathOf(target.upstream), prompt });
  return GATEWAY_WAY_KEYS.map((key): Way<GatewayWayKey> => {
    if (key === "json") return jsonWay(name, url);
    if (key === "curl") return curlWay(origin, target);
    const way = hosts.find((one) => one.key === key);
    if (way === undefined) throw new Error(`There is no way for ${key}.`);
    const note = key === "cursor"
      ? "A Cursor that opens a sign-in all the same has found that Countersign does OAuth: sign in."
      : way.note;
    return { ...way, key, note };
  });
}

function jsonWay(name: string, url: string): Way<GatewayWayKey> {
  const entry = (server: object) =>
    `${JSON.stringify({ mcpServers: { [name]: server } }, null, 2)}\n`;
  const remote = { type: "http", url };
  return {
    key: "json",
    label: "Other hosts",
    intro:
      "Most hosts take an entry like this. What speaks MCP over Streamable HTTP can be pointed " +
      "here, in either era of the protocol.",
    blocks: [{
      label: "JSON",
      text: entry({
        ...remote,
        headers: { Authorization: `Bearer \${${TOKEN_VARIABLE}}` },
      }),
    }],
    note:
      "Where a host does not fill in variables, the token itself stands there: keep that file to " +
      "yourself.",
    signIn: [{ label: "JSON", text: entry(remote) }],
  };
}

function curlWay(origin: string, { upstream, tool }: GatewayTarget): Way<GatewayWayKey> {
  const body = JSON.stringify({
    tool_name: tool ?? `${upstream ?? "notes"}/read`,
    arguments: {},
    reason: "Trying the gateway",
    wait: 30,
  });
  return {
    key: "curl",
    label: "curl",
    intro:
      "What does not speak MCP sends the call itself. Run it in the terminal that has the token, " +
      "with the arguments that the tool takes.",
    blocks: [{
      label: "Terminal",
      // The token comes from a pipe, where no list of processes has it.
      text: `printf 'Authorization: Bearer %s' "$${TOKEN_VARIABLE}" |
  curl -sS ${origin}/v1/calls -H @- -H 'Content-Type: application/json' \\
    -d '${body.replaceAll("'", "'\\''")}'`,
      isProgram: true,
    }],
    note:
      "200 has the result. 202 waits for a person: the same again goes on with it. 504 is a call " +
      "of which nobody knows whether it ran.",
    signIn: [],
  };
}
