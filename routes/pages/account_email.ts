import type { Services } from "../../lib/services.ts";
import { accountKey } from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { accountRecord } from "../../lib/store/records/people.ts";
import type { BrowserCall } from "../dashboard/browser_call.ts";

/** The address of an account; empty when it is gone. */
export async function accountEmail(
  { deps }: Pick<Services, "deps">,
  account: string,
): Promise<string> {
  const row = await readRecord(deps.kv, accountKey(account), accountRecord);
  return row?.value.email ?? "";
}

/** The address of whoever is signed in in this browser; null when nobody is. */
export async function signedInEmail({ services, session }: BrowserCall): Promise<string | null> {
  return session === null ? null : await accountEmail(services, session.record.account);
}
