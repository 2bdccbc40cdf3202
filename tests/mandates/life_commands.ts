/** What may be done to mandates and under them, by whomever. Names are the test's own. */

export type Tool = "refund" | "wire";
export type Says = "allow" | "confirm" | "escalate" | "deny";
export type Permission = "allowed" | "requires_approval" | "disabled";

/** What a bundle or a mandate says of each tool; null where it does not speak of one. */
export type Terms = Readonly<Record<Tool, Says | null>>;

/** Who asks: two keys of the org, one inside of a tenant's wall, its agent, a key of another org. */
export type By = "app" | "other" | "walled" | "robot" | "foreign";

export interface Budget {
  readonly limit: number;
  readonly ask: number | null;
  /** Whether silence after a check gives back what it reserved. */
  readonly forgets: boolean;
}

interface Commands {
  grant: {
    readonly name: string;
    /** Of a bundle for a label, or of one for the agent. */
    readonly agent: "shop" | "bot";
    readonly user: string;
    readonly tenant: string | null;
    readonly budget: Budget | null;
    readonly uses: number | null;
    readonly minutes: number;
    readonly replaces: string | null;
  };
  narrow: {
    readonly name: string;
    readonly parent: string;
    readonly terms: Terms;
    readonly limit: number | null;
    readonly minutes: number;
  };
  check: {
    readonly name: string;
    readonly by: By;
    readonly mandate: string;
    readonly user: string | null;
    readonly tenant: string | null;
    readonly tool: Tool;
    readonly micros: number;
    readonly then: "nothing" | "mint" | "ask";
    /** Whether it is sent a second time, under the same Idempotency-Key. */
    readonly twice: boolean;
  };
  /** A token for what a check allowed, or for what was approved. */
  mint: { readonly name: string; readonly of: string };
  consume: { readonly token: string; readonly foreign: boolean };
  log: { readonly token: string; readonly micros: number };
  settle: { readonly decision: string; readonly micros: number; readonly foreign: boolean };
  answer: { readonly approval: string; readonly yes: boolean; readonly foreign: boolean };
  revoke: { readonly mandate: string; readonly foreign: boolean };
  publish: { readonly tool: Tool; readonly permission: Permission };
  bundle: { readonly agent: "shop" | "bot"; readonly terms: Terms };
  wait: { readonly seconds: number };
}

type Named = { [K in keyof Commands]: Commands[K] & { readonly do: K } };

export type Command = Named[keyof Named];
export type Check = Named["check"];
export type Grant = Named["grant"];
export type Narrow = Named["narrow"];
export type Mint = Named["mint"];

/** What a mandate says. */
export interface Granted extends Pick<Grant, "agent" | "user" | "tenant" | "budget" | "uses"> {
  readonly terms: Terms;
}

/** A mandate as whoever remembers all of them has it. */
export interface Mandate extends Granted {
  /** Seconds. */
  readonly expires: number;
  /** Itself, and those that it was made of. */
  readonly line: readonly string[];
  ended: "revoked" | "superseded" | null;
}

/** What waits for a yes or has one, and a token. */
export interface Asked {
  readonly check: Check;
  /** The seats that were asked. */
  readonly asked: readonly string[];
  state: string;
  /** Seconds. */
  until: number;
}

/** The bundles as they are first. */
export const BUNDLES: Record<Grant["agent"], Terms> = {
  shop: { refund: "allow", wire: "confirm" },
  bot: { refund: "allow", wire: null },
};

/** All that ever was, as plain data that can be copied. */
export class Remembered {
  now = 0;
  policy: Record<Tool, Permission> = { refund: "allowed", wire: "allowed" };
  bundles = { ...BUNDLES };
  mandates: Record<string, Mandate> = {};
  /** By whose they are: a mandate's, a user's. */
  limits: Record<string, Budget> = { u1: { limit: 60, ask: null, forgets: false } };
  /** Each amount against each limit: held until then, or spent for good. */
  amounts: { of: string; limit: string; micros: number; held: number | null }[] = [];
  uses: Record<string, number> = {};
  /** What checks without a token allowed, and what became of it. */
  decisions: Record<string, { check: Check; became: number | "token" | null }> = {};
  tokens: Record<string, Asked> = {};
  approvals: Record<string, Asked & { left: number; at: number }> = {};
}
