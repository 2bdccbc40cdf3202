import { toBase64Url } from "../base/bytes.ts";

/** The name that passkeys carry for an account: its id in base64url, which tells nothing of the person. */
export function userHandleOf(account: string): string {
  return toBase64Url(new TextEncoder().encode(account));
}
