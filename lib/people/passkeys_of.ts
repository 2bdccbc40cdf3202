import { z } from "zod";
import type { Deps } from "../deps.ts";
import { accountPasskeyPrefix, passkeyKey } from "../store/keys.ts";
import { type Kv, listRecords, readRecord } from "../store/kv.ts";
import { type PasskeyRecord, passkeyRecord } from "../store/records/people.ts";

/** The passkeys of an account, the oldest first. */
export async function passkeysOf(kv: Kv, account: string): Promise<PasskeyRecord[]> {
  const passkeys: PasskeyRecord[] = [];
  for await (
    const { key } of listRecords(kv, { prefix: [...accountPasskeyPrefix(account)] }, z.unknown())
  ) {
    const passkey = await readRecord(kv, passkeyKey(String(key[2])), passkeyRecord);
    if (passkey !== null) passkeys.push(passkey.value);
  }
  return passkeys.sort((a, b) => a.created_at - b.created_at);
}

/** Those of them that work under the address of this deployment. */
export async function usablePasskeysOf(
  { deps, settings }: {
    readonly deps: Pick<Deps, "kv">;
    readonly settings: { readonly url: URL };
  },
  account: string,
): Promise<PasskeyRecord[]> {
  const passkeys = await passkeysOf(deps.kv, account);
  return passkeys.filter(({ rp_id }) => rp_id === settings.url.hostname);
}
