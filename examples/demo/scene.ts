import { z } from "zod";
import type { FileServer } from "./file_server.ts";
import type { RestClient } from "./rest_client.ts";
import type { Story } from "./story.ts";

/** Everybody in the demo, and where the files are. */
export interface Scene {
  readonly story: Story;
  readonly manager: RestClient;
  readonly agent: RestClient;
  /** The agent's own key, for the guard. */
  readonly agentKey: string;
  readonly approver: RestClient;
  /** E-mail address of the member who approves. */
  readonly approverEmail: string;
  readonly files: FileServer;
  /** The folder that the file server serves. */
  readonly folder: string;
  /** Decisions that the agent was given; the log must have each of them. */
  readonly decisions: string[];
}

/** An approval as its requester and an approver see it. */
export const approval = z.object({
  id: z.string(),
  reference: z.string(),
  status: z.string(),
  tool_name: z.string(),
  reason: z.string(),
  arguments: z.record(z.string(), z.json()),
});

/** Any answer of `POST /v1/permissions/check`. */
export const checked = z.object({
  decision_id: z.string(),
  permission: z.string(),
  resolved_from: z.string(),
  token: z.string().optional(),
});

/** One that lets the agent act. */
export const granted = checked.extend({
  permission: z.literal("allowed"),
  token: z.string(),
  token_id: z.string(),
});

/** One that makes the agent wait. */
export const held = checked.extend({
  permission: z.literal("requires_approval"),
  token: z.undefined().optional(),
  approval,
});

/** A problem document. */
export const problem = z.object({
  code: z.string(),
  detail: z.string(),
  differs: z.array(z.string()).optional(),
});

/** Asks about one action, notes the decision, and gives the answer if it is as expected. */
export async function ask<T extends z.output<typeof checked>>(
  scene: Scene,
  question: object,
  expected: z.ZodType<T>,
): Promise<T> {
  const answer = await scene.agent.post("/v1/permissions/check", question, {
    status: 200,
    body: expected,
  });
  scene.decisions.push(answer.decision_id);
  return answer;
}

/** The text of a file in the served folder; null when there is none. */
export async function onDisk({ folder }: Scene, name: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(`${folder}/${name}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
