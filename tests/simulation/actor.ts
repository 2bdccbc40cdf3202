import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import type { Chance } from "./chance.ts";
import type { Asked } from "./history.ts";
import type { SimulatedOrg, World } from "./world.ts";

/** The tools of every org, by what their own default says. */
export const TOOLS = { read: "allowed", deploy: "requires_approval", wipe: "disabled" } as const;
/** How long a report of an execution may take in every org. */
export const REPORT_WITHIN_MS = 120_000;

/** The tools of servers of others in every org, by what their own default says. */
export const CALLED_TOOLS = {
  "notes/read": "allowed",
  "notes/add": "allowed",
  "notes/wipe": "requires_approval",
  "mail/send": "allowed",
  "shop/stock": "allowed",
  "shop/order": "allowed",
  "shop/refund": "requires_approval",
  "api/look": "allowed",
  "api/post": "allowed",
  "api/wipe": "requires_approval",
} as const;
/** The tools that a team decides of, in orgs that have one. */
export const TEAM_TOOLS = { release: "requires_approval" } as const;
/** How long a call may take, and how long it may take to be reported, seconds and milliseconds. */
export const CALL_SECONDS = 20;
export const CALL_REPORT_MS = (CALL_SECONDS + 60) * 1000;

export type ToolName = keyof typeof TOOLS;
export const TOOL_NAMES = Object.keys(TOOLS) as ToolName[];

/** A credential by a name of its own; its secret changes when it is rotated. */
export interface Credential {
  readonly name: string;
  /** Its id in the product; null for those that are never changed. */
  id: string | null;
  secret: string;
}

/** What all actors of an org share. */
export interface Scene {
  readonly world: World;
  readonly org: SimulatedOrg;
  /** Those of agents and the standard key. */
  readonly callers: Credential[];
  /** Addresses of members whom an approver key names. */
  readonly approvers: string[];
}

/** One who asks: by its own chance, one thing after the other. */
export class Actor {
  constructor(readonly scene: Scene, readonly name: string, readonly chance: Chance) {}

  /** A request with a credential, and its answer. Never fails. */
  ask(
    credential: Credential,
    deed: string,
    method: string,
    path: string,
    body?: JsonValue,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Asked> {
    const question = {
      actor: this.name,
      org: this.scene.org.id,
      deed,
      method,
      path,
      body,
      credential: credential.name,
      key: headers["idempotency-key"] ?? null,
    };
    return this.scene.world.ask(question, credential.secret, headers);
  }

  /**
   * The same for what must not be done twice: under an idempotency key, again with the same while no
   * answer comes, as a client does.
   */
  async askOnce(
    credential: Credential,
    deed: string,
    path: string,
    body: JsonObject,
  ): Promise<Asked> {
    const key = this.chance.bytes(9).toHex();
    for (let time = 1;; time++) {
      const asked = await this.ask(credential, deed, "POST", path, body, {
        "idempotency-key": key,
      });
      const isUnsure = asked.status === null || asked.status >= 500 ||
        asked.answer.code === "idempotency_in_progress";
      // Some ask again although they have heard.
      const again = isUnsure || this.chance.happens(0.1);
      if (!again || time === 5 || this.scene.world.isEnding) return asked;
      await this.pause(100, 3000);
    }
  }

  /** Some time between two. */
  pause(from: number, to: number): Promise<void> {
    return this.scene.world.pause(this.chance.between(from, to));
  }

  /** Does things until the world ends. */
  async live(step: () => Promise<unknown>, from: number, to: number): Promise<void> {
    while (!this.scene.world.isEnding) {
      await this.pause(from, to);
      await step();
    }
  }
}
