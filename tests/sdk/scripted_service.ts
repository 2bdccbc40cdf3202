import assert from "node:assert/strict";
import type { Clock } from "../../clients/typescript/src/clock.ts";
import { Countersign, type Options } from "../../clients/typescript/src/mod.ts";
import vectors from "../../clients/vectors.json" with { type: "json" };

/** A service that answers as the vectors say, and a clock that nobody waits for. */

type Json = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly status?: number;
  readonly like?: string;
  readonly with?: Json;
  readonly without?: readonly string[];
  readonly problem?: Json;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly fails?: string;
}

export interface Exchange {
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly body?: Json;
    /** The key itself, whether there is one, or none. */
    readonly idempotency_key: string | boolean;
  };
  readonly answer: Answer;
}

/** Time passes as soon as nothing else happens. */
export class IdleClock implements Clock {
  #now = 0;

  readonly now = () => this.#now;

  readonly after = (milliseconds: number, then: () => void) => {
    const timer = setTimeout(() => {
      this.#now += milliseconds;
      then();
    }, 0);
    return () => clearTimeout(timer);
  };
}

/** An answer of the vectors, changed as asked. */
export function answerLike(name: string, changed: Json = {}, without: readonly string[] = []) {
  const answers: Readonly<Record<string, Json>> = vectors.answers;
  const rows = Object.entries({ ...answers[name], ...changed });
  return Object.fromEntries(rows.filter(([member]) => !without.includes(member)));
}

function responseOf({ status = 200, like, problem, text, headers, ...changes }: Answer): Response {
  const body = text ??
    JSON.stringify(problem ?? answerLike(like ?? "", changes.with, changes.without));
  return new Response(body, { status, headers: { ...headers } });
}

/** A client of it, and what it was asked that it did not expect. */
export function scripted(exchanges: readonly Exchange[], options: Partial<Options> = {}) {
  const left = [...exchanges];
  const clock = new IdleClock();
  let keys = 0;
  const fetch = (input: URL | RequestInfo, init?: RequestInit): Promise<Response> => {
    const next = left.shift();
    assert.ok(next !== undefined, `one request too many: ${init?.method} ${input}`);
    const { request, answer } = next;
    const url = new URL(String(input));
    const headers = new Headers(init?.headers);
    assert.equal(
      `${init?.method} ${url.pathname}${url.search}`,
      `${request.method} ${request.path}`,
    );
    assert.equal(headers.get("authorization"), "Bearer cs_std_key");
    assert.equal(init?.redirect, "manual");
    const body = init?.body === undefined ? undefined : JSON.parse(String(init.body));
    assert.deepEqual(body, request.body);
    const key = headers.get("idempotency-key");
    const { idempotency_key } = request;
    if (typeof idempotency_key === "string") assert.equal(key, idempotency_key);
    else assert.equal(key !== null, idempotency_key);
    if (answer.fails === "unreachable") return Promise.reject(new TypeError("connection refused"));
    if (answer.fails !== "silent") return Promise.resolve(responseOf(answer));
    const { promise, reject } = Promise.withResolvers<Response>();
    init?.signal?.addEventListener("abort", () => reject(init.signal?.reason), { once: true });
    return promise;
  };
  const client = new Countersign({
    key: "cs_std_key",
    url: "https://countersign.example",
    fetch,
    clock,
    random: () => 0,
    newKey: () => `made-${++keys}`,
    ...options,
  });
  return { client, left };
}
