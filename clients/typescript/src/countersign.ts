import { isCheck, isConsumed, isMint } from "./answers.ts";
import {
  type Action,
  type Asking,
  type Authorization,
  authorize,
  type Unasked,
} from "./authorize.ts";
import type { Clock } from "./clock.ts";
import { CountersignError, NoAnswer } from "./errors.ts";
import { exchange, SYSTEM_CLOCK, type Ways } from "./exchange.ts";
import { type CallAsking, guard, type GuardedTool } from "./guard.ts";
import {
  anyAnswer,
  Approvals,
  Budgets,
  Calls,
  Confirmations,
  Mandates,
  Receipts,
} from "./resources.ts";
import type { Accepts, Sender, Sending } from "./sender.ts";
import { verifiedEvent } from "./webhooks.ts";
import type { Answers, Bodies } from "./wire.ts";

export interface Options {
  /** A standard key or the token of an agent. What other keys may do is in the reference. */
  readonly key: string;
  /** Where Countersign is, such as `https://countersign.example`. */
  readonly url: string | URL;
  /** For a request that holds nobody, tries included. 1000 for a check, 10000 for all else. */
  readonly checkTimeoutMs?: number;
  readonly timeoutMs?: number;
  /**
   * Tools that run although nobody could be asked: no answer, or none in time, or one of 5xx. What
   * they are told has `is_fallback: true`. Every other tool is refused then. A refusal (4xx) or an
   * answer that cannot be read is never one of these, nor is a call that a person has to approve:
   * that is an answer, whatever becomes of the waiting.
   */
  readonly failOpen?: readonly string[];
  /** Allows http to another host than this computer, where the key can be read on the way. */
  readonly insecure?: boolean;
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Makes the keys under which a request that is sent twice is done once. */
  readonly newKey?: () => string;
}

/** A verdict; `is_fallback` where it was not Countersign that gave it. */
export type Verdict =
  | (Answers["check"] & { readonly is_fallback: false })
  | (Unasked & { readonly permission: "allowed" })
  | {
    readonly permission: "disabled";
    readonly is_fallback: true;
    readonly why: string;
    readonly code: string;
  };

/**
 * Countersign, as an agent's program asks it: may this run, under which token, and what became of
 * it. Nothing goes over the network before a method is called.
 */
export class Countersign implements Sender {
  readonly ways: Ways;
  readonly #timeoutMs: number;
  readonly #checkTimeoutMs: number;
  readonly #failOpen: ReadonlySet<string>;
  readonly #newKey: () => string;

  /** @throws {TypeError} for an address or a key that cannot be one */
  constructor(options: Options) {
    const key = usableKey(options.key);
    this.ways = {
      url: serviceUrl(options),
      // Not enumerable, so that whoever prints a client prints no key.
      get key() {
        return key;
      },
      fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)),
      clock: options.clock ?? SYSTEM_CLOCK,
      random: options.random ?? Math.random,
    };
    Object.defineProperty(this.ways, "key", { enumerable: false });
    this.#timeoutMs = someTime("timeoutMs", options.timeoutMs ?? 10_000);
    this.#checkTimeoutMs = someTime("checkTimeoutMs", options.checkTimeoutMs ?? 1000);
    this.#failOpen = new Set(options.failOpen);
    this.#newKey = options.newKey ?? (() => crypto.randomUUID());
  }

  /** Whether an action may run. Never throws for want of an answer: that is a verdict, too. */
  async check(body: Bodies["check"], sending: Sending = {}): Promise<Verdict> {
    try {
      const held = body.mint && body.request ? body.wait ?? 0 : 0;
      const answer = await this.post("/v1/permissions/check", body, isCheck, {
        timeoutMs: this.#checkTimeoutMs,
        heldSeconds: held,
        ...sending,
      });
      return { ...answer, is_fallback: false };
    } catch (error) {
      const why = this.#unasked(error);
      if (this.#failOpen.has(body.tool_name)) {
        return { allowed: true, permission: "allowed", is_fallback: true, why: why.message };
      }
      return { permission: "disabled", is_fallback: true, why: why.message, code: why.code };
    }
  }

  /**
   * A token for one run of an action: checked, asked for where a person has to approve, waited for,
   * and minted. A refusal is a value; an error is a question that could not be put.
   */
  async authorize(action: Action, asking: Asking): Promise<Authorization> {
    try {
      return await authorize(this, action, asking);
    } catch (error) {
      const { message } = this.#unasked(error);
      if (!this.#failOpen.has(action.tool_name)) throw error;
      return { allowed: true, is_fallback: true, why: message };
    }
  }

  /** A token for an action that is allowed, or was approved. */
  mint(body: Bodies["mint"], sending: Sending = {}): Promise<Answers["mint"]> {
    return this.post("/v1/tokens/mint", body, isMint, { once: true, ...sending });
  }

  /** Uses a token up, for exactly this action. What it returns, returns once. */
  consume(token: string, action: Action, sending: Sending = {}): Promise<Answers["consume"]> {
    const { mandate_id: _, estimated_cost_micros: __, ...fields } = action;
    const body = { ...fields, token };
    return this.post("/v1/tokens/consume", body, isConsumed, { once: true, ...sending });
  }

  /** Says what became of a run. */
  log(body: Bodies["log"], sending: Sending = {}): Promise<Answers["log"]> {
    return this.post("/v1/executions/log", body, anyAnswer<Answers["log"]>, {
      once: true,
      ...sending,
    });
  }

  /** A tool that runs only with a token for this very call. */
  guard<A extends Readonly<Record<string, unknown>>, R>(
    tool: GuardedTool<A, R>,
  ): (args: A, asking?: CallAsking) => Promise<R> {
    return guard(this, tool);
  }

  readonly approvals: Approvals = new Approvals(this);
  readonly calls: Calls = new Calls(this);
  readonly mandates: Mandates = new Mandates(this);
  readonly confirmations: Confirmations = new Confirmations(this);
  readonly budgets: Budgets = new Budgets(this);
  readonly receipts: Receipts = new Receipts(this);

  /** Events that the service sends. */
  readonly webhooks: { readonly verify: typeof verifiedEvent } = { verify: verifiedEvent };

  /** Any other route that is read. */
  get<T>(path: string, accepts: Accepts<T>, sending: Sending = {}): Promise<T> {
    return exchange(this.ways, { method: "GET", path, accepts, ...this.#sent(sending) });
  }

  /** Any other route that is posted to. */
  post<T>(
    path: string,
    body: object,
    accepts: Accepts<T>,
    sending: Sending = {},
  ): Promise<T> {
    return exchange(this.ways, { method: "POST", path, body, accepts, ...this.#sent(sending) });
  }

  /** Any other route that something is put at; sent once. */
  put<T>(path: string, body: object, accepts: Accepts<T>, sending: Sending = {}): Promise<T> {
    return exchange(this.ways, { method: "PUT", path, body, accepts, ...this.#sent(sending) });
  }

  #sent({ once, idempotencyKey, timeoutMs, ifMatch, heldSeconds = 0, signal }: Sending): {
    readonly timeoutMs: number;
    readonly idempotencyKey?: string;
    readonly ifMatch?: string;
    readonly signal?: AbortSignal;
  } {
    const key = idempotencyKey ?? (once === true ? this.#newKey() : undefined);
    return {
      timeoutMs: (timeoutMs ?? this.#timeoutMs) + heldSeconds * 1000,
      ...(key === undefined ? {} : { idempotencyKey: key }),
      ...(ifMatch === undefined ? {} : { ifMatch }),
      ...(signal === undefined ? {} : { signal }),
    };
  }

  /**
   * The error of a question that nobody answered.
   * @throws what is none of these: a refusal, an answer that cannot be read, a caller that left
   */
  #unasked(error: unknown): CountersignError {
    const open = error instanceof NoAnswer
      ? error.code !== "bad_answer" || (error.status ?? 0) >= 500
      : error instanceof CountersignError && (error.status ?? 0) >= 500;
    if (open && (error as CountersignError).reference === null) return error as CountersignError;
    throw error;
  }
}

const OWN_HOST = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;

/** Where a key may go. @throws {TypeError} */
export function serviceUrl({ url, insecure = false }: Pick<Options, "url" | "insecure">): URL {
  if (!url) throw new TypeError("url is missing: the address of Countersign (COUNTERSIGN_URL)");
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const plain = parsed?.protocol === "http:";
  if (parsed === null || !plain && parsed.protocol !== "https:") {
    // Not what it is: it may hold a password.
    throw new TypeError(
      "url must be an address such as https://countersign.example, with https://",
    );
  }
  if (plain && !insecure && !OWN_HOST.test(parsed.hostname)) {
    throw new TypeError(
      `The key would be sent readable to ${parsed.host}: use https, or say insecure: true`,
    );
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw new TypeError("url must not hold a password: the key is sent as a header");
  }
  return parsed;
}

function usableKey(key: string): string {
  if (!key) throw new TypeError("key is missing: an agent's token, or a key (COUNTERSIGN_KEY)");
  // Not the key itself: messages end up in logs.
  if (!/^[\x21-\x7e]+$/.test(key)) throw new TypeError("key must be visible ASCII, without blanks");
  return key;
}

/** Of what is none the engines make the shortest, in which nothing is ever answered. */
function someTime(name: string, milliseconds: number): number {
  if (milliseconds > 0) return milliseconds;
  throw new TypeError(`${name} must be milliseconds, more than 0`);
}
