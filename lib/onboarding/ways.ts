import claudeDesktop from "../../examples/hosts/claude_desktop/agent_token.json" with {
  type: "text",
};
import claudeDesktopSignIn from "../../examples/hosts/claude_desktop/oauth.json" with {
  type: "text",
};
import cursor from "../../examples/hosts/cursor/agent_token.json" with { type: "text" };
import cursorSignIn from "../../examples/hosts/cursor/oauth.json" with { type: "text" };
import vscode from "../../examples/hosts/vscode/agent_token.json" with { type: "text" };
import vscodeSignIn from "../../examples/hosts/vscode/oauth.json" with { type: "text" };
import { FIRST_TOOL, firstPrograms, TOKEN_VARIABLE } from "./programs.ts";

/** Every way to connect an agent, by its name in the address of the Quickstart. */
export const WAY_KEYS = [
  "curl",
  "typescript",
  "python",
  "claude_code",
  "claude_desktop",
  "cursor",
  "vscode",
  "codex",
] as const;

export type WayKey = (typeof WAY_KEYS)[number];

/** A text to be copied, and where it goes. */
export interface Block {
  readonly label: string;
  readonly text: string;
  /** Whether it is a program, whose lines stay whole. */
  readonly isProgram?: boolean;
}

/** One way to connect an agent: what to copy, in the order in which it is needed. */
export interface Way<Key extends string = WayKey> {
  readonly key: Key;
  readonly label: string;
  readonly intro: string;
  readonly blocks: readonly Block[];
  /** What else is to be known, if anything. */
  readonly note: string | null;
  /** For a person at a host who would rather act as themselves; empty where nobody is. */
  readonly signIn: readonly Block[];
}

/** The address that the files in `examples/hosts/` hold. */
const EXAMPLE_ORIGIN = "http://localhost:8000";

/** Where a host is pointed, under which name, and what it is asked for first. */
export interface HostServer {
  readonly name: string;
  /** Behind the origin. */
  readonly path: string;
  readonly prompt: string;
}

/** What a host is asked for first: what the programs ask for. */
const PROMPT = `Ask Countersign whether you may run the tool ${FIRST_TOOL} with the argument ` +
  `name = "world". If a person has to approve it, request that, show me the link and wait. Once ` +
  `it may run: mint the run token, consume it, say hello to the world, and log it.`;

/** Every way to connect an agent to `origin`. None of them holds a token. */
export function waysToConnect(origin: string): Way[] {
  return [
    ...firstPrograms(origin).map(({ language, file, command, text }): Way => ({
      key: WAY_KEYS.find((key) => key === language.toLowerCase()) ?? "curl",
      label: language,
      intro: `Save it as ${file}, and run it in the terminal that has the token.`,
      blocks: [{ label: file, text, isProgram: true }, { label: "Terminal", text: command }],
      note: "It asks for a tool that nobody has registered, prints the link to approve it, and " +
        "waits. Run it as often as you like: each run is a request of its own.",
      signIn: [],
    })),
    ...hostWays(origin, { name: "countersign", path: "/mcp", prompt: PROMPT }),
  ];
}

/** The ways of the hosts that people use, each with a token and by signing in. */
export function hostWays(origin: string, server: HostServer): Way[] {
  const { name, prompt } = server;
  const url = `${origin}${server.path}`;
  const at = (file: string) =>
    file.replaceAll(`${EXAMPLE_ORIGIN}/mcp`, url).replaceAll('"countersign":', `"${name}":`);
  const ask = (host: string): Block => ({ label: `Ask ${host}`, text: prompt });
  return [
    {
      key: "claude_code",
      label: "Claude Code",
      intro: "Run this in your project. Then start Claude Code in the terminal that has the token.",
      blocks: [{ label: "Terminal", text: claudeCodeCommand(name, url) }, ask("Claude Code")],
      note: "It writes .mcp.json, which names the variable and not the token.",
      signIn: [{
        label: "Terminal, then /mcp in Claude Code",
        text: `claude mcp add --transport http --scope project ${name} ${url}`,
      }],
    },
    {
      key: "claude_desktop",
      label: "Claude Desktop",
      intro: "Keep the token in a file that only you can read, put the entry into the " +
        "configuration (Settings, Developer, Edit config), and start Claude Desktop again.",
      blocks: [
        { label: "Terminal that has the token", text: KEEP_TOKEN },
        { label: "claude_desktop_config.json", text: at(claudeDesktop) },
        ask("Claude Desktop"),
      ],
      note: "For macOS and Linux, with Node." +
        (origin.startsWith("https:")
          ? ` Where the internet reaches this Countersign no file is needed: Customize, Connectors, ` +
            `Add custom connector, ${url}.`
          : ""),
      signIn: [{ label: "claude_desktop_config.json", text: at(claudeDesktopSignIn) }],
    },
    {
      key: "cursor",
      label: "Cursor",
      intro: "Save it in your project, or as ~/.cursor/mcp.json for all. Then start Cursor from " +
        "the terminal that has the token.",
      blocks: [{ label: ".cursor/mcp.json", text: at(cursor) }, ask("Cursor")],
      note: null,
      signIn: [{ label: ".cursor/mcp.json", text: at(cursorSignIn) }],
    },
    {
      key: "vscode",
      label: "VS Code",
      intro:
        "Save it in your project and press Start above the entry. VS Code asks for the token " +
        "once, and keeps it in its secret storage.",
      blocks: [{ label: ".vscode/mcp.json", text: at(vscode) }, ask("VS Code")],
      note: null,
      signIn: [{ label: ".vscode/mcp.json", text: at(vscodeSignIn) }],
    },
    {
      key: "codex",
      label: "Codex",
      intro: "Run this once. Then start Codex in the terminal that has the token.",
      blocks: [{ label: "Terminal", text: codexCommand(name, url) }, ask("Codex")],
      note: "It writes ~/.codex/config.toml, which names the variable and not the token.",
      signIn: [{
        label: "Terminal",
        text: `codex mcp add ${name} --url ${url}\ncodex mcp login ${name}`,
      }],
    },
  ];
}

/** Single quotes: the file gets the name of the variable, which the host reads when it starts. */
function claudeCodeCommand(name: string, url: string): string {
  return `claude mcp add --transport http --scope project ${name} ${url} \\
  --header 'Authorization: Bearer \${${TOKEN_VARIABLE}}'`;
}

function codexCommand(name: string, url: string): string {
  return `codex mcp add ${name} --url ${url} \\
  --bearer-token-env-var ${TOKEN_VARIABLE}`;
}

/** Where the configuration of Claude Desktop looks for the token. */
const KEEP_TOKEN = `mkdir -p ~/.config/countersign
(umask 077 && printf '%s\\n' "$${TOKEN_VARIABLE}" > ~/.config/countersign/agent_token)`;
