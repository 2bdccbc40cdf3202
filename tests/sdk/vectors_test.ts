import assert from "node:assert/strict";
import { type Answers, CountersignError } from "../../clients/typescript/src/mod.ts";
import vectors from "../../clients/vectors.json" with { type: "json" };
import { type Exchange, scripted } from "./scripted_service.ts";

/** The vectors that drive every client: request in, HTTP out, answer in, result out. */

type Json = Readonly<Record<string, unknown>>;

interface Case {
  readonly name: string;
  readonly call: readonly unknown[];
  readonly exchanges: readonly Exchange[];
  readonly options?: { readonly fail_open?: readonly string[] };
  readonly result?: Json;
  readonly error?: Json;
  /** References of requests that were told to wait for. */
  readonly pending?: readonly string[];
}

const CASES = vectors.cases as readonly Case[];

type Method = (...args: readonly unknown[]) => Promise<Json>;

for (const { name, call, exchanges, options, result, error, pending = [] } of CASES) {
  Deno.test(`TypeScript client: ${name}`, async () => {
    const failOpen = options?.fail_open;
    const { client, left } = scripted(exchanges, failOpen === undefined ? {} : { failOpen });
    const [path, first, second] = call;
    const [group = "", member] = String(path).split(".");
    const of = client as unknown as Record<string, Method & Record<string, Method>>;
    const method = member === undefined
      ? of[group]?.bind(client)
      : of[group]?.[member]?.bind(of[group]);
    assert.ok(method !== undefined, `no method ${path}`);
    const told: string[] = [];
    const onPending = ({ reference }: Answers["approval"]) => told.push(reference);
    const more = path === "authorize"
      ? { ...second as Json, onPending }
      : second === undefined
      ? undefined
      : path === "check"
      ? { idempotencyKey: (second as Json)["idempotency_key"] }
      : second;
    let got: Json | undefined;
    let failure: unknown;
    try {
      got = await method(first, ...(more === undefined ? [] : [more]));
    } catch (thrown) {
      failure = thrown;
    }
    if (error !== undefined) {
      assert.ok(failure instanceof CountersignError, `${failure}`);
      for (const [member, value] of Object.entries(error)) {
        assert.deepEqual((failure as unknown as Json)[member], value, member);
      }
    } else {
      assert.equal(failure, undefined);
      for (const [member, value] of Object.entries(result ?? {})) {
        assert.deepEqual(got?.[member], value, member);
      }
    }
    assert.deepEqual(left, [], "what was expected came");
    assert.deepEqual(told, pending);
  });
}
