import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { duePrefix } from "../../lib/store/keys.ts";
import type { Got, TestOrg } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/** An entry of the log without what differs from run to run. */
export interface ConfigEntry {
  readonly type: string;
  readonly subject: JsonObject;
  readonly data: JsonObject;
}

/** The entries of configuration changes made over HTTP, in order; the whole log verifies. */
export async function configEntries(org: TestOrg): Promise<ConfigEntry[]> {
  const entries = await verifiedLog(org.countersign.services.deps, org.id);
  return entries.flatMap(({ entry: { type, subject, data } }) => {
    const { request_id, ...rest } = data;
    if (request_id === undefined || type === "permission.checked") return [];
    assert.match(String(request_id), /^req_/);
    return [{ type, subject, data: rest }];
  });
}

/** The tools for which cancelling their approvals is scheduled. */
export async function toolsToCancel(org: TestOrg): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of org.countersign.services.deps.kv.list({ prefix: duePrefix() })) {
    if (key[2] === "tool_changed" && key[3] === org.id) found.push(String(key[4]));
  }
  return found;
}

/** Every name that a list gives, read in pages of a size. */
export async function namesOf(
  org: TestOrg,
  path: string,
  member: string,
  limit: number,
): Promise<string[]> {
  const names: string[] = [];
  let cursor: string | null = null;
  do {
    const join: string = path.includes("?") ? "&" : "?";
    const next: string = cursor === null ? "" : `&cursor=${cursor}`;
    const got: Got = await org.get(`${path}${join}limit=${limit}${next}`);
    assert.equal(got.status, 200, got.text);
    assert.ok(got.body.data.length <= limit);
    names.push(...got.body.data.map((item: Record<string, string>) => item[member]));
    cursor = got.body.next_cursor;
  } while (cursor !== null);
  return names;
}
