import type { Tool } from "@modelcontextprotocol/client";
import { z } from "zod";
import type { RestClient } from "./rest_client.ts";

type Permission = "allowed" | "requires_approval";

/** A tool of an MCP server as `PUT /v1/tools/:name` takes it. */
export interface Registration {
  readonly description: string;
  readonly category: string;
  readonly tags: readonly string[];
  readonly risk_level: "low" | "medium" | "high";
  readonly parameters: Tool["inputSchema"];
  readonly annotations: {
    readonly read_only: boolean;
    readonly destructive: boolean;
    readonly idempotent: boolean;
    readonly open_world: boolean;
  };
  readonly annotations_acknowledged: true;
  readonly default_permission: Permission;
}

/**
 * What a tool says of itself, and the default that follows: what only reads is allowed, all else
 * waits for a human. Hints that are absent have MCP's defaults, which assume the worst.
 */
export function registrationOf({ description = "", inputSchema, annotations }: Tool): Registration {
  const read_only = annotations?.readOnlyHint ?? false;
  const destructive = !read_only && (annotations?.destructiveHint ?? true);
  return {
    description,
    category: "files",
    tags: ["mcp"],
    risk_level: read_only ? "low" : destructive ? "high" : "medium",
    parameters: inputSchema,
    annotations: {
      read_only,
      destructive,
      idempotent: annotations?.idempotentHint ?? false,
      open_world: annotations?.openWorldHint ?? true,
    },
    annotations_acknowledged: true,
    default_permission: read_only ? "allowed" : "requires_approval",
  };
}

const registered = z.object({
  name: z.string(),
  status: z.literal("approved"),
  default_permission: z.enum(["allowed", "requires_approval"]),
  parameters: z.record(z.string(), z.json()),
});

/** Registers every tool and gives what Countersign made of them. */
export async function registerTools(manager: RestClient, tools: readonly Tool[]) {
  const made: z.output<typeof registered>[] = [];
  for (const tool of tools) {
    const path = `/v1/tools/${tool.name}`;
    const expected = { status: 201, body: registered };
    made.push(await manager.send("PUT", path, registrationOf(tool), expected));
  }
  return made;
}
