import { stat } from "node:fs/promises";
import { join } from "node:path";
import { AROUND_SECONDS, DEFAULT_WAIT } from "./hook.ts";
import { isObject, withItem, withMember, withTable } from "./edits.ts";
import { Failed } from "./exit.ts";
import type { Machine } from "./machine.ts";

/** The hosts of MCP servers that are told of Countersign, and how. */

export type Json = Readonly<Record<string, unknown>>;

/** How a host shows who it is: a person signs in, or it finds the token of an agent. */
export type Way = "sign-in" | "agent-token";

export interface Host {
  readonly title: string;
  /** Its file, in the project or of the user. */
  readonly path: (machine: Machine) => string;
  /** What is there where the host is. */
  readonly signs: (machine: Machine) => readonly string[];
  /** The rights of a new file. */
  readonly mode: number;
  readonly edit: (path: string, before: string | null, mcp: string, way: Way) => string;
  /** Whether its file has that server, however it shows who it is. */
  readonly has: (text: string, mcp: string) => boolean;
  readonly next: (way: Way) => string;
  /** Its hook before tools, where it has one. */
  readonly hook?: Hook;
}

export interface Hook {
  readonly path: (machine: Machine) => string;
  readonly edit: (path: string, before: string | null, program: string) => string;
  readonly word: string;
}

const NAME = "countersign";
const VARIABLE = "COUNTERSIGN_AGENT_TOKEN";
const BRIDGE = "mcp-remote@0.15.1";

/** What hosts are told that a hook may take: all of it, and time to start. */
export const HOOK_SECONDS = DEFAULT_WAIT + AROUND_SECONDS + 25;

/** A hook's command: where the program is missing, or is ended, the host is told no as well. */
export function hookCommand(program: string, word: string): string {
  return `${program} hook ${word} || exit 2`;
}

const SET_VARIABLE = `set ${VARIABLE} in the environment that it is started from`;

/** Whether a group of hooks is ours alone. @throws {Failed} where it is ours, and others' too */
function isOwnHook(path: string, group: unknown): boolean {
  if (!JSON.stringify(group).includes(`${NAME} hook claude`)) return false;
  const hooks = isObject(group) ? group["hooks"] : undefined;
  if (Array.isArray(hooks) && hooks.length === 1) return true;
  throw new Failed(`${path} has the hook among others: give it a group of its own by hand`);
}

/** A host that keeps servers in a member of a JSON file. */
function inJson(
  member: "mcpServers" | "servers",
  entries: Readonly<Record<Way, (mcp: string) => Json>>,
): Pick<Host, "edit" | "has"> {
  return {
    edit: (path, before, mcp, way) => withMember(path, before, [member, NAME], entries[way](mcp)),
    has: (text, mcp) => {
      const value: unknown = JSON.parse(text);
      const servers = isObject(value) ? value[member] : undefined;
      const entry = isObject(servers) ? servers[NAME] : undefined;
      return isObject(entry) &&
        (entry["url"] === mcp || Array.isArray(entry["args"]) &&
            entry["args"].some((word) => String(word).split(" ").includes(mcp)));
    },
  };
}

const bearer = (variable: string) => ({ headers: { Authorization: `Bearer ${variable}` } });

function applicationSupport({ platform, env, home }: Machine): string {
  if (platform === "darwin") return join(home, "Library", "Application Support");
  if (platform === "win32") return env["APPDATA"] ?? join(home, "AppData", "Roaming");
  return join(home, ".config");
}

const codexHome = ({ env, home }: Machine) => env["CODEX_HOME"] || join(home, ".codex");

export const HOSTS: Readonly<Record<string, Host>> = {
  "claude-code": {
    title: "Claude Code",
    path: ({ cwd }) => join(cwd, ".mcp.json"),
    signs: ({ cwd, home }) => [
      join(cwd, ".mcp.json"),
      join(cwd, ".claude"),
      join(home, ".claude.json"),
      join(home, ".claude"),
    ],
    mode: 0o644,
    ...inJson("mcpServers", {
      "sign-in": (url) => ({ type: "http", url }),
      "agent-token": (url) => ({ type: "http", url, ...bearer(`\${${VARIABLE}}`) }),
    }),
    next: (way) => way === "sign-in" ? "/mcp in a session signs in" : SET_VARIABLE,
    hook: {
      word: "claude",
      path: ({ cwd }) => join(cwd, ".claude", "settings.json"),
      edit: (path, before, program) => {
        const hook = {
          type: "command",
          command: hookCommand(program, "claude"),
          timeout: HOOK_SECONDS,
          // What releases that do not know it pass over; it says the same as `|| exit 2` does.
          onFailure: "block",
        };
        const is = (other: unknown) => isOwnHook(path, other);
        const item = { matcher: "*", hooks: [hook] };
        return withItem(path, before, ["hooks", "PreToolUse"], item, is);
      },
    },
  },
  "claude-desktop": {
    title: "Claude Desktop",
    path: (machine) => join(applicationSupport(machine), "Claude", "claude_desktop_config.json"),
    signs: (machine) => [join(applicationSupport(machine), "Claude")],
    mode: 0o600,
    ...inJson("mcpServers", {
      "sign-in": (mcp) => ({ command: "npx", args: ["-y", BRIDGE, mcp] }),
      "agent-token": (mcp) => ({
        command: "sh",
        args: [
          "-c",
          `AUTHORIZATION="Bearer $(cat "$HOME/.config/countersign/agent_token")" ` +
          `exec npx -y ${BRIDGE} ${mcp} --header 'Authorization:\${AUTHORIZATION}'`,
        ],
      }),
    }),
    next: (way) =>
      way === "sign-in"
        ? "restart it; it opens the browser to sign in"
        : "put the token into ~/.config/countersign/agent_token, with chmod 600, and restart it",
  },
  cursor: {
    title: "Cursor",
    path: ({ cwd }) => join(cwd, ".cursor", "mcp.json"),
    signs: ({ cwd, home }) => [join(cwd, ".cursor"), join(home, ".cursor")],
    mode: 0o644,
    ...inJson("mcpServers", {
      "sign-in": (url) => ({ url }),
      "agent-token": (url) => ({ url, ...bearer(`\${env:${VARIABLE}}`) }),
    }),
    next: (way) => way === "sign-in" ? "its settings of MCP sign in" : SET_VARIABLE,
  },
  vscode: {
    title: "VS Code",
    path: ({ cwd }) => join(cwd, ".vscode", "mcp.json"),
    signs: (machine) => [
      join(machine.cwd, ".vscode"),
      join(machine.home, ".vscode"),
      join(applicationSupport(machine), "Code"),
    ],
    mode: 0o644,
    ...inVsCode(),
    next: (way) =>
      way === "sign-in"
        ? "it signs in when the server starts"
        : "it asks for the token, and keeps it",
  },
  codex: {
    title: "Codex",
    path: (machine) => join(codexHome(machine), "config.toml"),
    signs: (machine) => [codexHome(machine)],
    mode: 0o600,
    edit: (path, before, mcp, way) => {
      const rows = way === "sign-in" ? [] : [`bearer_token_env_var = "${VARIABLE}"`];
      const url = `url = ${JSON.stringify(mcp)}`;
      return withTable(path, before, `[mcp_servers.${NAME}]`, [url, ...rows]);
    },
    has: (text, mcp) =>
      new RegExp(`^\\[mcp_servers\\.${NAME}\\]\\s*\\nurl = (".+")$`, "m").exec(text)?.[1] ===
        JSON.stringify(mcp),
    next: (way) => way === "sign-in" ? `codex mcp login ${NAME} signs in` : SET_VARIABLE,
    hook: {
      word: "codex",
      path: (machine) => join(codexHome(machine), "config.toml"),
      edit: (path, before, program) =>
        before?.includes(`${NAME} hook codex`) ? before : withTable(
          path,
          before,
          "[[hooks.PreToolUse]]",
          [
            "[[hooks.PreToolUse.hooks]]",
            'type = "command"',
            `command = ${JSON.stringify(hookCommand(program, "codex"))}`,
            `timeout = ${HOOK_SECONDS}`,
          ],
        ),
    },
  },
};

function inVsCode(): Pick<Host, "edit" | "has"> {
  const id = "countersign_agent_token";
  const input = {
    type: "promptString",
    id,
    description: "Agent token of Countersign (cs_agent_…)",
    password: true,
  };
  const servers = inJson("servers", {
    "sign-in": (url) => ({ type: "http", url }),
    "agent-token": (url) => ({ type: "http", url, ...bearer(`\${input:${id}}`) }),
  });
  const isInput = (other: unknown) => isObject(other) && other["id"] === id;
  return {
    ...servers,
    edit: (path, before, mcp, way) =>
      servers.edit(
        path,
        way === "sign-in" ? before : withItem(path, before, ["inputs"], input, isInput),
        mcp,
        way,
      ),
  };
}

/** Whether something of a host is on this computer, or in this project. */
export async function isHere(machine: Machine, { signs }: Host): Promise<boolean> {
  const found = signs(machine).map((path) => stat(path).then(() => true, () => false));
  return (await Promise.all(found)).includes(true);
}

/** The address of a service's MCP server. */
export function mcpOf(url: URL): string {
  return new URL("/mcp", url).href;
}
