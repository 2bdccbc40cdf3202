import type { Child } from "./child.ts";
import type { Load, Measured } from "./measure.ts";
import { refuseFailures } from "./report.ts";
import {
  askRequests,
  cancelRequests,
  consumeRequests,
  mcpCheckRequests,
  mintRequests,
} from "./requests.ts";
import { send } from "./rest.ts";
import type { Question } from "./sample_policy.ts";

/**
 * What is asked of the service besides checks over REST: tokens minted and consumed, checks over
 * MCP, approvals asked for.
 */

/** A service with the sample policy, and the credentials of one of its organizations. */
export interface Served {
  readonly port: number;
  /** Standard, and without a rate limit, as the agent's token is. */
  readonly key: string;
  readonly agent: string;
  readonly management: string;
}

export type Operation = "mint" | "consume" | "mcp" | "ask";

export const OPERATION_NAMES: Readonly<Record<Operation, string>> = {
  mint: "mint a token",
  consume: "consume a token",
  mcp: "check over MCP",
  ask: "ask for an approval",
};

const CONNECTIONS = 32;
/** An agent may have 20 requests pending, and an organization 500. */
const ASKS_AN_AGENT = 20;
const ASKING_AGENTS = 24;
/** Few at once: in versions of before each was a commit of its own, and a caller waits only so long. */
const CANCEL_CONNECTIONS = 4;
const CANCEL_SECONDS = 60;

/** Puts the load of the operations on one service, round by round. */
export class Operations {
  private constructor(
    readonly generator: Child,
    readonly served: Served,
    readonly questions: readonly Question[],
    readonly allowed: readonly Question[],
    readonly gated: readonly Question[],
  ) {}

  /** Sorts the questions by what the service answers to them. */
  static async over(
    generator: Child,
    served: Served,
    questions: readonly Question[],
  ): Promise<Operations> {
    const of = async (question: Question) => {
      const path = "/v1/permissions/check";
      const { permission } = await send(served.port, served.key, "POST", path, question);
      return permission;
    };
    const permissions = await Promise.all(questions.map(of));
    const answered = (permission: string) =>
      questions.filter((_, i) => permissions[i] === permission);
    const [allowed, gated] = [answered("allowed"), answered("requires_approval")];
    return new Operations(generator, served, questions, allowed, gated);
  }

  /** One round of each. What is asked is withdrawn again, for little may be pending at once. */
  async round(
    { seconds, warmUpSeconds }: Pick<Load, "seconds" | "warmUpSeconds">,
  ): Promise<Record<Operation, Measured>> {
    const { key, agent } = this.served;
    const timing = { seconds, warmUpSeconds };
    const minted = await this.#load({
      requests: mintRequests(this.allowed, key),
      keep: "token",
      ...timing,
    });
    const consumed = await this.#load({
      requests: consumeRequests(this.allowed, minted.kept ?? [], key),
      once: true,
      seconds,
      warmUpSeconds: warmUpSeconds / 4,
    });
    const mcp = await this.#load({ requests: mcpCheckRequests(this.questions, agent), ...timing });
    const { kept: _, ...mint } = minted;
    return { mint, consume: consumed, mcp, ask: await this.#ask(seconds) };
  }

  async #ask(seconds: number): Promise<Measured> {
    const { port, management } = this.served;
    // New ones each time, as an agent may ask so often a minute.
    const agents = await Promise.all(
      Array.from({ length: ASKING_AGENTS }, async () => {
        const fields = { name: "asking", rate_limit_per_minute: null };
        const { id, token } = await send(port, management, "POST", "/v1/agents", fields);
        return { id: String(id), token: String(token) };
      }),
    );
    const tokens = agents.map(({ token }) => token);
    const { kept = [], ...asked } = await this.#load({
      requests: askRequests(this.gated, tokens, ASKING_AGENTS * ASKS_AN_AGENT),
      once: true,
      keep: "id",
      seconds,
      warmUpSeconds: 0,
    });
    const cancelled = await this.#load({
      connections: CANCEL_CONNECTIONS,
      requests: cancelRequests(kept, tokens),
      once: true,
      seconds: CANCEL_SECONDS,
      warmUpSeconds: 0,
    });
    refuseFailures([cancelled]);
    for (const { id } of agents) await send(port, management, "DELETE", `/v1/agents/${id}`);
    return asked;
  }

  #load(load: Omit<Load, "port" | "connections"> & Partial<Load>): Promise<Measured> {
    return this.generator.load({ port: this.served.port, connections: CONNECTIONS, ...load });
  }
}
