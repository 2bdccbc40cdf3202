import { faultText, type PasskeyFault } from "../passkeys/fault.ts";

/** Faults that only the records of the deployment show. */
type RecordFault =
  | "ceremony_ended"
  | "unknown_passkey"
  | "made_for_other_address"
  | "passkey_taken";

/** Why what a passkey was used for is refused: fixed words, which tell nothing of anybody else. */
export type AssertionFault = PasskeyFault | RecordFault;

const TEXTS: Record<RecordFault, string> = {
  ceremony_ended:
    "This took longer than five minutes, was done already, or was begun in another browser. Reload the page and try again.",
  unknown_passkey:
    "This passkey is not known here: it was removed, or never finished. Use another one, or recover your account.",
  made_for_other_address:
    "This passkey was made for another address of this server, and works only there. Ask whoever runs it for a new set-up link.",
  passkey_taken: "This passkey is in use already. Make another one.",
};

/** The reason for a person: what happened and what to do next. */
export function assertionFaultText(fault: AssertionFault): string {
  return isRecordFault(fault) ? TEXTS[fault] : faultText(fault);
}

function isRecordFault(fault: AssertionFault): fault is RecordFault {
  return Object.hasOwn(TEXTS, fault);
}
