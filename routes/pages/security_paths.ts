export const SECURITY_PATH = "/security";

/** Takes `to`: where to go on for somebody who is offered a passkey on the way. */
export const ADD_PASSKEY_PATH = "/security/new-passkey";

export const DELETE_ACCOUNT_PATH = "/security/delete-account";

/** The page of one passkey. */
export function passkeyPath(credentialId: string): string {
  return `${SECURITY_PATH}/passkeys/${credentialId}`;
}
