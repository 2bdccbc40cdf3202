import type { JsonValue } from "../../lib/base/json.ts";
import type { AllowedUnder } from "../../lib/decisions/under_mandate.ts";
import { asCaller, type MachineOperation } from "../../lib/identity/acting.ts";
import {
  askerOf,
  type CallerTier,
  type Client,
  type MachineCaller,
  type Presented,
} from "../../lib/identity/caller.ts";
import type { Accepted } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import { keepAnswer } from "../../lib/tokens/kept_answer.ts";
import { isKept, problemOf } from "./problem_document.ts";

/** One request of somebody whom the surface need not know. */
export interface OpenCall {
  readonly services: Services;
  readonly request: Request;
  readonly id: string;
  readonly params: unknown;
  /** By the schema of the route; undefined where it takes none. */
  readonly body: unknown;
  readonly client: Client;
  /** Presented all the same; null for none. Who it is, the route has to find. */
  readonly secret: string | null;
}

interface Repetition {
  readonly key: string;
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array;
}

/** One authenticated request, its inputs parsed by the route's schemas. */
export class Call<P, Q, B> {
  #spent: number;
  #isChecked = false;

  constructor(
    readonly services: Services,
    readonly request: Request,
    readonly id: string,
    readonly params: P,
    readonly query: Q,
    readonly body: B,
    readonly client: Client,
    readonly presented: Presented,
    readonly allowed: readonly CallerTier[],
    /** Null when the request carries no idempotency key. */
    readonly repetition: Repetition | null,
    /** The caller as this process knew them when the request came. */
    readonly caller: MachineCaller,
    /** How long it took to find them, milliseconds: part of the patience that the request has. */
    spent: number,
  ) {
    this.#spent = spent;
  }

  get org(): string {
    return this.presented.org;
  }

  /** Runs an operation for the caller; its result is current, and stored where it has effects. */
  transact<L, R>(operation: MachineOperation<L, R>): Promise<Accepted<R>> {
    const { deps, ledgers } = this.services;
    const since = deps.monotonic() - this.#spent;
    this.#spent = 0;
    this.#isChecked = true;
    const acting = asCaller(this.presented, this.allowed, operation);
    return ledgers.of(this.org).transact(acting, since);
  }

  /** Whether an operation found the caller, as the policy of that moment has them. */
  get isChecked(): boolean {
    return this.#isChecked;
  }

  /**
   * Runs an operation and answers with its result. Where the request carries an idempotency key the
   * answer is kept in the same commit, and a repetition gets it again.
   *
   * @param options.finishes whether an earlier commit of this request left its answer unfinished
   * @param options.part which of several answers of the request this is: each is kept by itself
   */
  async commit<L, R>(
    operation: MachineOperation<L, R>,
    render: (result: Accepted<R>) => Answer,
    { finishes = false, part = 0 }: { readonly finishes?: boolean; readonly part?: number } = {},
  ): Promise<Answer> {
    if (this.repetition === null) return render(await this.transact(operation));
    const { key, method, path, body } = this.repetition;
    const answered = await this.transact(keepAnswer(
      operation,
      {
        org: this.org,
        credential_id: askerOf(this.caller),
        method,
        path,
        // No key that a request can have has a space.
        key: part === 0 ? key : `${key} ${part}`,
        body,
        answer_key: this.presented.answer_key,
        finishes,
      },
      render,
      (refusal) => isKept(refusal.code) ? problemOf(refusal, { path, id: this.id }) : null,
    ));
    return {
      status: answered.status,
      body: answered.body,
      headers: {
        ...(answered.status < 400 ? {} : { "content-type": "application/problem+json" }),
        ...(answered.replayed ? { "idempotent-replayed": "true" } : {}),
      },
    };
  }
}

/** An answer in JSON. `granted` when repeating it would grant something again. */
export interface Answer {
  readonly status: number;
  readonly body: JsonValue;
  readonly headers?: Readonly<Record<string, string>>;
  readonly granted?: {
    readonly token_id: string | null;
    readonly under?: readonly AllowedUnder[];
  };
  /** See `Keepable.unfinished_ms`: the request goes on after this commit. */
  readonly unfinished_ms?: number;
}
