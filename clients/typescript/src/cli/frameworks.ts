import { join } from "node:path";
import { textOf } from "./files.ts";
import type { Machine } from "./machine.ts";

/** Frameworks of agents that a project names among what it depends on. */

interface Framework {
  readonly title: string;
  readonly package: string;
  readonly language: "typescript" | "python";
}

const FRAMEWORKS: readonly Framework[] = [
  { title: "Vercel AI SDK", package: "ai", language: "typescript" },
  { title: "OpenAI Agents", package: "@openai/agents", language: "typescript" },
  { title: "LangChain", package: "langchain", language: "typescript" },
  { title: "LangGraph", package: "@langchain/langgraph", language: "typescript" },
  { title: "Claude Agent SDK", package: "@anthropic-ai/claude-agent-sdk", language: "typescript" },
  { title: "Google ADK", package: "@google/adk", language: "typescript" },
  { title: "MCP server", package: "@modelcontextprotocol/server", language: "typescript" },
  { title: "MCP server", package: "@modelcontextprotocol/sdk", language: "typescript" },
  { title: "OpenAI Agents", package: "openai-agents", language: "python" },
  { title: "LangChain", package: "langchain", language: "python" },
  { title: "LangGraph", package: "langgraph", language: "python" },
  { title: "Claude Agent SDK", package: "claude-agent-sdk", language: "python" },
  { title: "Google ADK", package: "google-adk", language: "python" },
  { title: "Pydantic AI", package: "pydantic-ai", language: "python" },
  { title: "CrewAI", package: "crewai", language: "python" },
  { title: "FastMCP", package: "fastmcp", language: "python" },
];

/** How a tool of a project is guarded, by its language. */
export const GUARDING = {
  typescript: "npm install countersign, and guard its tools by countersign/ai, /openai-agents, " +
    "/langchain, /adk or /mcp, or wrap a tool: countersign.guard({ tool_name, run })",
  python: "pip install countersign-sdk, and wrap a tool: countersign.guard(tool_name, run)",
} as const;

export interface Found {
  readonly title: string;
  readonly package: string;
  readonly language: keyof typeof GUARDING;
  readonly file: string;
}

const FILES = {
  typescript: ["package.json"],
  python: ["pyproject.toml", "requirements.txt"],
} as const;

/** Those that a project's files name. Names alone are looked for: a version says nothing more. */
export async function frameworksOf({ cwd }: Machine): Promise<Found[]> {
  const found: Found[] = [];
  for (const framework of FRAMEWORKS) {
    for (const file of FILES[framework.language]) {
      const text = await textOf(join(cwd, file)) ?? "";
      // In quotes, or as a row of its own: not as a part of another name.
      const name = framework.package.replace(/[-/@.]/g, "\\$&");
      if (new RegExp(`(["']|^[ \\t]*)${name}(\\[[^\\]]*\\])?(["'\\s<>=!~;]|$)`, "m").test(text)) {
        found.push({ ...framework, file });
        break;
      }
    }
  }
  return found;
}
