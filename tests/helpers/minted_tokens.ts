import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { serialize } from "node:v8";
import type { JsonObject } from "../../lib/base/json.ts";
import { checksum } from "../../lib/identity/credentials.ts";
import { decodeLeaf, type Entry } from "../../lib/ledger/entry.ts";
import { leavesFrom } from "../../lib/ledger/log_tail.ts";
import { orgKey } from "../../lib/store/keys.ts";
import type { OrgRecord } from "../../lib/store/records/policy.ts";
import type { Countersign, Got, TestOrg } from "./countersign.ts";

/** An action with every fact, as a body names it. */
export const TRANSFER = {
  tool_name: "transfer",
  tenant_id: "acme",
  resource_id: "account-1",
  method: "POST",
  arguments: { amount: 10, to: { name: "Ada", lines: ["a", "b"] } },
} as const;

/** What `POST /v1/tokens/mint` answers with. */
export interface Minted {
  readonly token: string;
  readonly token_id: string;
  readonly action_digest: string;
  readonly expires_at: string;
  readonly decision_id: string;
  readonly approval_id: string | null;
}

/** Mints a token that has to be granted. */
export async function minted(
  org: TestOrg,
  body: unknown = TRANSFER,
  key?: string,
): Promise<Minted> {
  const got = await org.post("/v1/tokens/mint", body, key ?? org.standard);
  assert.equal(got.status, 201, got.text);
  return got.body;
}

export function consume(
  org: TestOrg,
  token: string,
  action: unknown = TRANSFER,
  key = org.standard,
): Promise<Got> {
  return org.post("/v1/tokens/consume", { token, ...(action as object) }, key);
}

export function verify(org: TestOrg, token: string, action: unknown = {}): Promise<Got> {
  return org.post("/v1/tokens/verify", { token, ...(action as object) });
}

/** The entries of one type in an org's log, the oldest first. */
export async function entriesOf(org: TestOrg, type: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  const { kv } = org.countersign.services.deps;
  for await (const { leaf } of leavesFrom(kv, org.id, 0, Number.MAX_SAFE_INTEGER)) {
    const entry = decodeLeaf(leaf);
    if (entry.type === type) entries.push(entry);
  }
  return entries;
}

/** An approved tool `transfer`, whose actions are allowed unless the fields say otherwise. */
export async function orgWithTransfer(
  countersign: Countersign,
  fields: JsonObject = {},
): Promise<TestOrg> {
  const org = await countersign.org();
  await org.tool("transfer", fields);
  return org;
}

/** Whether any key or value of the store holds a text, inside of bytes too. */
export async function isStored(org: TestOrg, text: string): Promise<boolean> {
  for await (const { key, value } of org.countersign.services.deps.kv.list({ prefix: [] })) {
    if (serialize([key, value]).includes(text)) return true;
  }
  return false;
}

/** Changes settings of an org without the API. */
export function changeOrg(org: TestOrg, fields: Partial<OrgRecord>): Promise<void> {
  return org.transact((transaction) =>
    transaction.setPolicy(orgKey(org.id), { ...transaction.snapshot.org, ...fields })
  );
}

/** A token taken apart by hand, to be put together otherwise. */
export function parts(token: string): { claims: Record<string, unknown>; mac: string } {
  const [payload = "", rest = ""] = token.slice("cs_run_".length).split(".");
  return {
    claims: JSON.parse(Buffer.from(payload, "base64url").toString()),
    mac: rest.slice(0, -7),
  };
}

/** A token of any claims and signature, with a checksum that is right. */
export function forged(claims: unknown, mac: string): string {
  const payload = Buffer.from(JSON.stringify(claims)).toString("base64url");
  return checksummed(`cs_run_${payload}.${mac}`);
}

export function checksummed(text: string): string {
  return text + checksum(text);
}
