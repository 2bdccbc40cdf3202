/** The frameworks whose guards are tried, and what is said of each beside what a run measures. */

/**
 * What goes wrong with a hook after which the host runs the tool, or beside it, and what the rules
 * say of the tool then: by that, no effect or this one is right, and anything else is a call that
 * nobody authorized.
 */
export const HOOK_FAULTS = {
  "is missing": "disabled",
  "crashes without a word": "disabled",
  "is killed": "disabled",
  "is killed with its shell": "disabled",
  "outlasts the host's limit": "disabled",
  "answers what cannot be read": "disabled",
  "stands beside one that changes the call": "allowed",
  "stands beside one that permits and changes it": "allowed",
  "is switched off": "disabled",
  "was never trusted": "disabled",
  "let a shell start, which is then typed into": "disabled",
} as const;

export type HookFault = keyof typeof HOOK_FAULTS;

const OF_COMMAND = [
  "is missing",
  "crashes without a word",
  "is killed",
  "is killed with its shell",
  "outlasts the host's limit",
  "answers what cannot be read",
  "stands beside one that changes the call",
  "is switched off",
] as const satisfies readonly HookFault[];

const OF_CALLBACK = [
  "crashes without a word",
  "outlasts the host's limit",
  "answers what cannot be read",
  "stands beside one that changes the call",
  "stands beside one that permits and changes it",
  "is switched off",
] as const satisfies readonly HookFault[];

export interface Framework {
  /** Its folder here, and its page in `docs/frameworks/`. */
  readonly name: string;
  /** The folder whose environment, files and page it shares, where that is another's. */
  readonly within?: string;
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
  /** What Countersign knows the tool by; its own name where nothing is said. */
  readonly tool?: string;
  /** The guard does not hear what became of a run. */
  readonly unheard?: true;
  /** What may go wrong with its hook in a host that runs the tools itself. */
  readonly faults?: readonly HookFault[];
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
    open: "hosted tools, which run at the provider",
  },
  {
    name: "openai-agents-mcp",
    within: "openai-agents",
    title: "OpenAI Agents SDK, tools of MCP servers",
    language: "typescript",
    package: "@openai/agents",
    guard: ["clients/typescript/src/openai_agents.ts"],
    hook: "tool input guardrail of the server",
    open: "resources and prompts of the server",
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
  {
    name: "claude-code",
    title: "Claude Code",
    language: "typescript",
    package: "@anthropic-ai/claude-code",
    guard: [
      "clients/typescript/src/cli/bin.ts",
      "clients/typescript/src/cli/hook.ts",
      "clients/typescript/src/cli/hosts.ts",
    ],
    tool: "claude/mcp__shop__refund_order",
    unheard: true,
    faults: OF_COMMAND,
    hook: "`PreToolUse`, a command",
    open: "[below](#hosts-that-run-the-tools-themselves)",
  },
  {
    name: "claude-agent-sdk",
    title: "Claude Agent SDK",
    language: "typescript",
    package: "@anthropic-ai/claude-agent-sdk",
    guard: ["clients/typescript/src/claude.ts"],
    tool: "claude/mcp__shop__refund_order",
    faults: OF_CALLBACK,
    hook: "`PreToolUse`, a callback",
    open: "[below](#hosts-that-run-the-tools-themselves)",
  },
  {
    name: "claude-agent-sdk-python",
    title: "Claude Agent SDK",
    language: "python",
    package: "claude-agent-sdk",
    guard: ["clients/python/src/countersign_sdk/claude.py"],
    tool: "claude/mcp__shop__refund_order",
    faults: OF_CALLBACK,
    hook: "`PreToolUse`, a callback",
    open: "[below](#hosts-that-run-the-tools-themselves)",
  },
  {
    name: "codex",
    title: "Codex",
    language: "typescript",
    package: "@openai/codex",
    guard: [
      "clients/typescript/src/cli/bin.ts",
      "clients/typescript/src/cli/hook.ts",
      "clients/typescript/src/cli/hosts.ts",
    ],
    tool: "codex/mcp__shop__refund_order",
    unheard: true,
    faults: [...OF_COMMAND, "was never trusted", "let a shell start, which is then typed into"],
    hook: "`PreToolUse`, a command",
    open: "[below](#hosts-that-run-the-tools-themselves)",
  },
  {
    name: "langchain-python",
    title: "LangChain, LangGraph",
    language: "python",
    package: "langchain",
    guard: ["clients/python/src/countersign_sdk/langchain.py"],
    hook: "`wrap_tool_call`",
    open: "tools that the model's provider runs; a middleware that stands after the guard",
  },
  {
    name: "pydantic-ai",
    title: "Pydantic AI",
    language: "python",
    package: "pydantic-ai-slim",
    guard: ["clients/python/src/countersign_sdk/pydantic_ai.py"],
    hook: "`before_tool_execute`",
    open: "tools that the model's provider runs; a capability that stands after the guard",
  },
  {
    name: "openai-agents-python",
    title: "OpenAI Agents",
    language: "python",
    package: "openai-agents",
    guard: ["clients/python/src/countersign_sdk/openai_agents.py"],
    hook: "`needs_approval`",
    open: "tools that the model's provider runs, which the guard refuses; tools of `mcp_servers`",
  },
  {
    name: "fastmcp",
    title: "FastMCP",
    language: "python",
    package: "fastmcp",
    guard: ["clients/python/src/countersign_sdk/fastmcp.py"],
    hook: "`on_call_tool`",
    open: "resources and prompts; a middleware that is added after the guard",
  },
  {
    name: "adk-python",
    title: "Google ADK",
    language: "python",
    package: "google-adk",
    guard: ["clients/python/src/countersign_sdk/adk.py"],
    hook: "`before_tool_callback`",
    open: "tools that the model's provider runs, which the guard refuses",
  },
  {
    name: "crewai",
    title: "CrewAI",
    language: "python",
    package: "crewai",
    guard: ["clients/python/src/countersign_sdk/crewai.py"],
    hook: "`@on(PRE_TOOL_CALL)`",
    open: "hooks that are registered after the guard's",
  },
];
