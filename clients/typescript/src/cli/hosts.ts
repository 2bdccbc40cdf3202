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
  readonly edit: (path: string, before: string | null, command: HookCommand) => string;
  readonly word: string;
  /** What its shell does where the program came to no end of its own: the host takes it for a no. */
  readonly otherwise: string;
  /** What is left to do before the host runs it. */
  readonly next?: string;
  /** Why its host would run a tool all the same, as far as its file says. */
  readonly fault: (text: string) => { readonly says: string; readonly todo: string } | null;
}

/** What a host runs before a tool of its own, and what it may take. */
export interface HookCommand {
  readonly line: string;
  readonly seconds: number;
}

const NAME = "countersign";
const VARIABLE = "COUNTERSIGN_AGENT_TOKEN";
const BRIDGE = "mcp-remote@0.15.1";

/** Time to start, seconds. */
const STARTING = 25;

/** A hook's command: where the program is missing, or is ended, the host is told no as well. */
export function hookCommand(
  program: string,
  { word, otherwise }: Pick<Hook, "word" | "otherwise">,
  wait = DEFAULT_WAIT,
): HookCommand {
  const option = wait === DEFAULT_WAIT ? "" : ` --wait ${wait}`;
  const seconds = wait + AROUND_SECONDS + STARTING;
  return { line: `${program} hook ${word}${option} || ${otherwise}`, seconds };
}

/** Codex runs no hook of a user's before the user has looked at it. */
const TRUST = "start codex and trust the hook under /hooks; until then it is passed over";

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
      otherwise: "exit 2",
      fault: (text) =>
        /"disableAllHooks"\s*:\s*true/.test(text)
          ? { says: "is passed over: all hooks are disabled", todo: "take disableAllHooks out" }
          : /"onFailure"\s*:\s*"block"/.test(text)
          ? null
          : {
            says: "runs the tool where it is killed or takes too long",
            todo: 'give it "onFailure": "block": countersign connect claude-code --hook',
          },
      path: ({ cwd }) => join(cwd, ".claude", "settings.json"),
      edit: (path, before, { line, seconds }) => {
        const hook = {
          type: "command",
          command: line,
          timeout: seconds,
          // Since 2.1.295; earlier ones pass it over. It stands for what `|| exit 2` cannot reach: a
          // shell that is killed with its program, and the host's own time limit.
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
      // A 2 without a word is a yes to it (0.171.0).
      otherwise: '{ echo "It did not run." >&2; exit 2; }',
      path: (machine) => join(codexHome(machine), "config.toml"),
      next: TRUST,
      fault: (text) =>
        /:pre_tool_use:\d+:\d+"\]\s*\ntrusted_hash\s*=/.test(text)
          ? null
          : { says: "is passed over: nobody has trusted it", todo: TRUST },
      edit: (path, before, { line, seconds }) =>
        before?.includes(`${NAME} hook codex`) ? before : withTable(
          path,
          before,
          "[[hooks.PreToolUse]]",
          [
            "[[hooks.PreToolUse.hooks]]",
            'type = "command"',
            `command = ${JSON.stringify(line)}`,
            `timeout = ${seconds}`,
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
