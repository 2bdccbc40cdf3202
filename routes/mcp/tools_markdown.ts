import { type McpTool, orgField } from "./tool.ts";
import { MCP_TOOLS } from "./tools.ts";

/** The table of tools in `docs/mcp.md`, as the code has them. */
export function toolsMarkdown(): string {
  return [
    "| tool | scope | arguments | hints |",
    "| --- | --- | --- | --- |",
    ...MCP_TOOLS.map((tool) =>
      `| \`${tool.name}\` | ${scopesOf(tool)} | ${argumentsOf(tool)} | ${hintsOf(tool)} |`
    ),
  ].join("\n") + "\n";
}

function scopesOf({ scopes }: McpTool): string {
  const least = scopes({});
  const most = scopes({ request: true });
  const more = most.filter((scope) => !least.includes(scope));
  return [...least, ...more.map((scope) => `${scope} for \`request\``)].join("; ");
}

function argumentsOf({ input }: McpTool): string {
  return Object.entries(input.shape).map(([name, field]) => {
    const optional = field === orgField || field.safeParse(undefined).success;
    return `\`${name}${optional ? "?" : ""}\``;
  }).join(", ");
}

function hintsOf({ hints }: McpTool): string {
  const { readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = hints;
  return [
    readOnlyHint ? "reads only" : "writes",
    destructiveHint ? "destructive" : "not destructive",
    idempotentHint ? "idempotent" : "not idempotent",
    openWorldHint ? "open world" : "closed world",
  ].join(", ");
}
