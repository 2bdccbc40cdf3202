import assert from "node:assert/strict";
import { Refusal, type RefusalCode, type RefusalData } from "../lib/refusals/refusal.ts";
import type { Got } from "./countersign_fixture.ts";

/**
 * Asserts that an attempt is refused, whether the refusal is thrown or returned.
 * @param data what the refusal says, where that matters
 * @returns what it says
 */
export async function refused<C extends RefusalCode>(
  attempt: Promise<unknown>,
  code: C,
  data?: RefusalData[C],
): Promise<Refusal<C>["data"]> {
  const outcome = await attempt.catch((thrown: unknown) => {
    if (thrown instanceof Refusal) return thrown;
    throw thrown;
  });
  if (!(outcome instanceof Refusal)) return assert.fail(`not refused, expected ${code}`);
  assert.equal(outcome.code, code, JSON.stringify(outcome.data));
  if (data !== undefined) assert.deepEqual(outcome.data, data);
  return (outcome as unknown as Refusal<C>).data;
}

/**
 * Asserts a refusal over HTTP: its status, its code, and that it is a problem document.
 * @param path a place in the body that one of its `errors` names
 */
export function assertProblem(got: Got, status: number, code: string, path?: string): void {
  assert.equal(`${got.status} ${got.body?.code}`, `${status} ${code}`, got.text);
  assert.equal(got.headers.get("content-type"), "application/problem+json");
  if (path === undefined) return;
  const paths = got.body.errors.map((error: { path: string }) => error.path);
  assert.ok(paths.includes(path), `${JSON.stringify(paths)} should name ${path}`);
}
