/**
 * Why an answer of a passkey counts for nothing, and what a person is told to do next.
 */

/** What can be wrong with the circumstances in which a passkey was used. */
export type CeremonyFault =
  | "malformed"
  | "wrong_type"
  | "wrong_challenge"
  | "wrong_origin"
  | "cross_origin"
  | "wrong_rp_id"
  | "user_not_present"
  | "user_not_verified";

/** Why an answer of a passkey is not accepted. */
export type PasskeyFault =
  | CeremonyFault
  | "wrong_credential"
  | "wrong_user"
  | "counter_went_back"
  | "bad_signature"
  | "not_discoverable"
  | "attestation_unexpected"
  | "unsupported_key";

/** Faults that only the records of the deployment show. */
type RecordFault =
  | "ceremony_ended"
  | "unknown_passkey"
  | "made_for_other_address"
  | "passkey_taken"
  | "too_new"
  | "out_of_time";

/** Why what a passkey was used for is refused: fixed words, which tell nothing of anybody else. */
export type AssertionFault = PasskeyFault | RecordFault;

const TEXTS: Record<AssertionFault, string> = {
  malformed: "What the browser sent is no answer of a passkey. Reload the page and try again.",
  wrong_type: "The passkey was used for something else. Reload the page and try again.",
  wrong_challenge:
    "The passkey confirmed something else than what this page shows, or the page is too old. Reload it and try again.",
  wrong_origin:
    "The passkey was used on a page of another address. Open this one directly and try again.",
  cross_origin:
    "The passkey was used inside a page of another site. Open this one in its own tab and try again.",
  wrong_rp_id: "The passkey was asked in the name of another site. Open this one directly.",
  user_not_present: "The passkey was not touched. Try again and confirm it on your device.",
  user_not_verified:
    "Your device did not check that it is you. Try again with fingerprint, face or PIN.",
  wrong_credential: "Another passkey answered than the one asked for. Use one of your own.",
  wrong_user: "The passkey belongs to another account. Use one of your own.",
  counter_went_back:
    "The passkey counts fewer uses than before: it may have been copied. Use another one, and remove this one under Security.",
  bad_signature: "The signature is not by this passkey. Try again, or use another one.",
  not_discoverable:
    "The passkey was not stored on the device, so it could not sign you in. Choose another device.",
  attestation_unexpected:
    "The device told more about itself than it was asked. Choose another device.",
  unsupported_key:
    "The passkey signs in a way that is not supported here: ES256, EdDSA and RS256 are. Choose another device.",
  ceremony_ended:
    "This took longer than five minutes, was done already, or was begun in another browser. Reload the page and try again.",
  unknown_passkey:
    "This passkey is not known here: it was removed, or never finished. Use another one, or recover your account.",
  made_for_other_address:
    "This passkey was made for another address of this server, and works only there. Ask whoever runs it for a new set-up link.",
  too_new:
    "This passkey came after the question was asked, or while another was just replaced. It answers what is asked later.",
  out_of_time:
    "What the passkey signed is more than five minutes old, or of a time to come. Sign anew; where that does not help, set the clock.",
  passkey_taken: "This passkey is in use already. Make another one.",
};

/** The reason for a person: what happened and what to do next. */
export function assertionFaultText(fault: AssertionFault): string {
  return TEXTS[fault];
}
