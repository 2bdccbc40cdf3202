import type { JsonValue } from "../base/json.ts";

/**
 * What can be wrong with a log or a receipt, by codes that stay, and what each means for whoever
 * relies on it.
 */

/** Everything that can be wrong with a log or a receipt; stable, for scripts that read them. */
export type FindingCode =
  | "line_not_json"
  | "duplicate_member"
  | "line_malformed"
  | "index_gap"
  | "index_duplicate"
  | "index_swap"
  | "entry_index_mismatch"
  | "org_mismatch"
  | "leaf_hash_mismatch"
  | "entry_malformed"
  | "time_backwards"
  | "private_malformed"
  | "private_digest_missing"
  | "private_digest_mismatch"
  | "key_rotation_invalid"
  | "decision_unsigned"
  | "decision_out_of_time"
  | "statement_mismatch"
  | "assertion_malformed"
  | "assertion_challenge_mismatch"
  | "assertion_elsewhere"
  | "assertion_user_unverified"
  | "assertion_signature_wrong"
  | "passkey_mismatch"
  | "passkey_unknown"
  | "passkey_removed"
  | "passkey_malformed"
  | "enrolment_unfounded"
  | "actor_unknown"
  | "actor_ended"
  | "actor_not_entitled"
  | "kill_switch_passed"
  | "approval_unknown"
  | "approval_not_open"
  | "level_out_of_order"
  | "decided_twice"
  | "policy_outdated"
  | "ask_undecided"
  | "mint_undecided"
  | "mint_unapproved"
  | "token_unknown"
  | "token_spent"
  | "token_ended"
  | "token_mismatch"
  | "report_unfounded"
  | "policy_incomplete"
  | "mandate_gap"
  | "mandate_widened"
  | "mandate_over"
  | "mandate_resource_closed"
  | "budget_released"
  | "budget_overspent"
  | "budget_miscounted"
  | "settlement_unfounded"
  | "sub_token_overused"
  | "sub_token_widened"
  | "mandate_log_malformed"
  | "mandate_cut_off"
  | "mandate_unknown"
  | "definition_mismatch"
  | "too_few_entries"
  | "root_mismatch"
  | "origin_mismatch"
  | "unpinned_key"
  | "bad_signature"
  | "key_retired"
  | "key_not_active"
  | "rollback"
  | "fork"
  | "receipt_size_mismatch"
  | "receipt_not_included"
  | "receipt_key_mismatch"
  | "receipt_unsigned"
  | "receipt_mismatch";

/** The first thing that is wrong. */
export interface Finding {
  readonly code: FindingCode;
  /** The entry concerned: its index, or where it should stand. Null if it is not about one entry. */
  readonly index: number | null;
  /** What was got and what was expected. */
  readonly what: string;
  /** The earlier entry that this one cannot follow; null where there is none, or it is about none. */
  readonly earlier: number | null;
}

const MEANINGS: Record<FindingCode, string> = {
  line_not_json: "The export was damaged on its way or edited by hand. Export it again.",
  duplicate_member:
    "Two readers could take the line for different entries; the log never writes such a line. It was made by someone else.",
  line_malformed: "This is not a line that the log writes. Export it again, or it was edited.",
  index_gap:
    "Entries were dropped from the log or from the export. Make sure that the export is of the whole log, without since and until.",
  index_duplicate: "An entry was put in a second time, or in place of another.",
  index_swap: "Entries were reordered: what happened first is no longer told first.",
  entry_index_mismatch: "The entry was moved from another place, or its number was changed.",
  org_mismatch: "The entry belongs to the log of another organization.",
  leaf_hash_mismatch: "The entry, or the hash beside it, was changed after it was written.",
  entry_malformed:
    "The entry is not one that this version writes. A newer log needs a newer verifier; else it was made by someone else.",
  time_backwards:
    "Times in a log never decrease. The entry was put in later with a false time, or moved.",
  private_malformed: "The private part is not one that the log writes: it was edited.",
  private_digest_missing:
    "The entry promises nothing about this private part: it was added afterwards.",
  private_digest_mismatch:
    "The private part was changed: the entry commits to another value. The entry itself is intact.",
  key_rotation_invalid:
    "Someone wrote a change of the log's key into it that the holder of the old key did not make.",
  decision_unsigned:
    "Nobody stands for this approval: no passkey signed it, and no approver key gave it.",
  decision_out_of_time:
    "The member signed at another time than the entry says: an old signature was used, or it was put in later.",
  statement_mismatch:
    "The member signed something else than the entry says: the approval is not theirs.",
  assertion_malformed:
    "What should show that the member signed is not what the log writes, and shows nothing.",
  assertion_challenge_mismatch:
    "The member's passkey signed something else, or the statement was changed afterwards.",
  assertion_elsewhere:
    "The passkey was used for something else or on another site: the member was not on the approval page.",
  assertion_user_unverified:
    "The device did not check who used it: it need not have been the member.",
  assertion_signature_wrong:
    "The member's passkey did not sign this: the approval was made up or changed.",
  passkey_mismatch: "The entry names one passkey, and another one signed.",
  passkey_unknown:
    "The log does not say whose passkey this is: anyone can make one and sign with it.",
  passkey_removed:
    "The member, or the user, no longer had this passkey: whoever signed held a lost or discarded one.",
  passkey_malformed:
    "The log does not say which key the member got: nothing signed by it can be checked.",
  enrolment_unfounded:
    "A passkey speaks for a user that no link was made for: somebody else may have put it there.",
  actor_unknown:
    "Nobody of that id was ever let in: the entry, or the one that made its author, was made up or left out.",
  actor_ended:
    "Whoever wrote this had been shut out by then: a revoked or expired credential was used, or the entry was put in later.",
  actor_not_entitled:
    "The service lets nobody of this kind do that: the entry was not written by it, or not by whom it names.",
  kill_switch_passed:
    "While a kill switch is on, nothing that it covers is let through: the entry was made up, or put elsewhere.",
  approval_unknown:
    "Nobody asked for this: the request was made up, or its beginning was left out.",
  approval_not_open:
    "The request was over, or decided: what became of it was changed, or something was put in later.",
  level_out_of_order:
    "The levels were not decided one after the other, so one of them was passed over.",
  decided_twice: "Two levels are two people: one person must not be both.",
  policy_outdated:
    "Each decision is made on the policy of its moment. This one is of a policy that had been replaced: it was put in later, or the service did not keep to it.",
  ask_undecided:
    "A human is asked because a decision in the same moment requires it. This request comes of none.",
  mint_undecided:
    "A token comes from a decision that allows its action, in the same moment. This one comes from none.",
  mint_unapproved:
    "The action needs a human's approval, and there is none that this token could come from.",
  token_unknown:
    "No such token was there to be used: it was never minted, was over long before, or its entry was left out.",
  token_spent:
    "A token is good once. One of the two uses was made up, or the service was deceived.",
  token_ended: "The token was over or void by then: nothing should have run on it.",
  token_mismatch: "The token was minted for another action, or by somebody else.",
  report_unfounded:
    "A run is reported that did not begin, or whose end was reported already: it was made up.",
  policy_incomplete:
    "A policy of several commits holds as a whole: an entry for each of its changes, then the one that applies it. Entries of it were left out or made up.",
  mandate_gap:
    "Entries about a mandate are numbered one after the other: one of them was left out, or one was put in.",
  mandate_widened:
    "A mandate only narrows what the policy says: the entry was not written by the service, or was changed.",
  mandate_over:
    "The mandate had been ended, or was over, by then: nothing may be allowed under it any more.",
  mandate_resource_closed:
    "The resource was closed to all mandates by then: the entry was not written by the service, or was put elsewhere.",
  budget_released:
    "What a check reserved counts as spent until somebody says what it cost: here less of it would count. The entry was not written by the service, or was changed.",
  budget_overspent:
    "More was allowed than the budget or the uses of a mandate have room for, or than goes without asking a human: the service that wrote the entry did not keep to it, or entries before it were changed.",
  budget_miscounted:
    "What is allowed under a mandate counts against each budget that it falls under, in full, in the window of its time and for as long as its terms say. This does not: the entry was not written by the service, or was changed.",
  settlement_unfounded:
    "Only what a decision reserved and no token has is settled, once, by whoever asked. This settlement was made up, or what it rests on was left out.",
  sub_token_overused:
    "Uses of a sub-token are numbered one after the other, up to as many as it is made for: an entry was left out or put in, or the service did not keep to it.",
  sub_token_widened:
    "A sub-token only narrows what its maker may: the entry was not written by the service, or was changed.",
  mandate_log_malformed:
    "This is not what the service hands out as the log of a mandate. Fetch it again, or it was edited.",
  mandate_cut_off:
    "The last entries about the mandate are missing, or the download ended early. Fetch it again.",
  mandate_unknown: "The log does not tell of a mandate of this id: nothing is proven about it.",
  definition_mismatch:
    "The scopes shown are not those that the user granted: limits that are taken from them prove nothing.",
  too_few_entries:
    "The end of the log was cut off: entries that the checkpoint vouches for are not in the export.",
  root_mismatch:
    "The entries are not those that the checkpoint was signed over: at least one was replaced, together with its hash.",
  origin_mismatch: "These files are of different logs and say nothing about each other.",
  unpinned_key:
    "Anyone can make a key and sign with it. Only keys that you got before, and from elsewhere, prove who signed.",
  bad_signature: "The signature proves nothing: the checkpoint was changed or made up.",
  key_retired:
    "A key that was replaced speaks for nothing afterwards: whoever got hold of it later can sign whatever they like.",
  key_not_active:
    "This is the log as it was before its key was replaced, or one made by whoever got hold of an old key. Ask for its present checkpoint.",
  rollback:
    "The log was shorter than it had been: it was set back to an old state, or its end was removed.",
  fork:
    "The log's past was rewritten: its beginning is not the log that the previous checkpoint was signed over.",
  receipt_size_mismatch: "The receipt's parts do not belong together: it was put together by hand.",
  receipt_not_included: "The entry is not in the log that the checkpoint was signed over.",
  receipt_key_mismatch:
    "The receipt names a key that did not sign its checkpoint: it was altered. Trust only your own keys file.",
  receipt_unsigned: "The receipt was made up, or changed after it was signed.",
  receipt_mismatch:
    "The receipt is signed, or says to be, and the log says something else: whoever holds the key made it beside the log. Keep both.",
};

/** What a finding means for whoever relies on the log, in plain words. */
export function meaningOf(code: FindingCode): string {
  return MEANINGS[code];
}

/** A value of somebody else's log, as a finding quotes it. */
export function shown(value: JsonValue | undefined): string {
  return JSON.stringify(value ?? null);
}

/** A finding about the entry that is, or should be, at `index`. */
export function entryFinding(
  code: FindingCode,
  index: number,
  what: string,
  earlier: number | null = null,
): Finding {
  return { code, index, what, earlier };
}

/** A finding about the log or receipt as a whole. */
export function wholeFinding(code: FindingCode, what: string): Finding {
  return { code, index: null, what, earlier: null };
}
