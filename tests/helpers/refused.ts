import assert from "node:assert/strict";
import { Refusal, type RefusalCode, type RefusalData } from "../../lib/refusal.ts";
import type { Got } from "./countersign.ts";

/**
 * Asserts that an attempt is refused, whether the refusal is thrown or was recorded.
 * @param data what the refusal says, where that matters
 * @returns what it says
 */
export async function refused<C extends RefusalCode>(
  attempt: Promise<unknown>,
  code: C,
  data?: RefusalData[C],
): Promise<RefusalData[C]> {
  const refusal = await attempt.then(() => null, (thrown: unknown) => thrown);
  if (refusal === null) return assert.fail(`not refused, expected ${code}`);
  if (!(refusal instanceof Refusal)) throw refusal;
  assert.equal(refusal.code, code, JSON.stringify(refusal.data));
  if (data !== undefined) assert.deepEqual(refusal.data, data);
  return refusal.data as RefusalData[C];
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
