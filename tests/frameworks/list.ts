/** The frameworks whose guards are tried, and what is said of each beside what a run measures. */

export interface Framework {
  /** Its folder here, and its page in `docs/frameworks/`. */
  readonly name: string;
  readonly title: string;
  readonly language: "typescript" | "python";
  /** What the page of the table calls its version: a package of its environment. */
  readonly package: string;
  /** The files of its guard, besides what all guards of its language share; a folder ends in `/`. */
  readonly guard: readonly string[];
  /**
   * Of builders without code: the package that its flows have the guard from. Its page has a flow as
   * JSON, which the driver runs.
   */
  readonly flow?: "n8n-nodes-countersign" | "countersign-zapier";
  /** The framework's own hook, as `bare` has it throw. */
  readonly hook: string;
  /** What stays open there whatever a guard does. */
  readonly open: string;
}

/**
 * A framework in Python is a folder with `requirements.txt` (every package pinned) and `driver.py`,
 * and an entry here; one in TypeScript has `package.json` with its lock, and `driver.mjs`.
 */
export const FRAMEWORKS: readonly Framework[] = [
  {
    name: "ai",
    title: "Vercel AI SDK",
    language: "typescript",
    package: "ai",
    guard: ["clients/typescript/src/ai.ts"],
    hook: "`toolApproval`",
    open:
      "tools that the model's provider runs; an approval in the SDK's messages can be forged, " +
      "and lets nothing run",
  },
  {
    name: "openai-agents",
    title: "OpenAI Agents SDK",
    language: "typescript",
    package: "@openai/agents",
    guard: ["clients/typescript/src/openai_agents.ts"],
    hook: "tool input guardrail",
    open: "hosted tools, which run at the provider; tools of MCP servers, which the gateway guards",
  },
  {
    name: "langchain",
    title: "LangChain, LangGraph",
    language: "typescript",
    package: "langchain",
    guard: ["clients/typescript/src/langchain.ts"],
    hook: "`wrapToolCall`",
    open: "middleware after ours may change the call; tools called past the agent's tool node",
  },
  {
    name: "adk",
    title: "Google ADK",
    language: "typescript",
    package: "@google/adk",
    guard: ["clients/typescript/src/adk.ts"],
    hook: "`beforeToolCallback` of a plugin",
    open: "tools that are built into a model",
  },
  {
    name: "mcp",
    title: "MCP server",
    language: "typescript",
    package: "@modelcontextprotocol/server",
    guard: ["clients/typescript/src/mcp.ts"],
    hook: "none: a wrapper of the handler",
    open: "resources and prompts",
  },
  {
    name: "n8n",
    title: "n8n",
    language: "typescript",
    package: "n8n-core",
    guard: ["clients/n8n/", "tools/no_code_packages.ts"],
    flow: "n8n-nodes-countersign",
    hook: "a node before it, with On Error: Continue",
    open:
      "a node that is deactivated or has pinned data guards nothing; what the guarded node takes " +
      "from elsewhere than `countersign.arguments`",
  },
  {
    name: "zapier",
    title: "Zapier",
    language: "typescript",
    package: "zapier-platform-core",
    guard: ["clients/zapier/", "tools/no_code_packages.ts"],
    flow: "countersign-zapier",
    hook: "a step before it",
    open: "what the guarded step takes from elsewhere than Arguments; Go on without a Filter",
  },
];
