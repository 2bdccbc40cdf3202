import type { JsonObject, JsonValue } from "../base/json.ts";
import { challengeText } from "../passkeys/challenge.ts";
import { isUsableKey, verifyByCoseKey } from "../passkeys/cose_key.ts";
import { authenticatorDataFault, clientDataFault, signedMessage } from "../passkeys/responses.ts";
import { type ApprovalStatement, approvalStatement } from "../passkeys/statement.ts";
import {
  type AssertionBytes,
  bytesOrNull,
  CEREMONY_FINDINGS,
  digestOrNull,
  readBytes,
} from "./assertion.ts";
import { Confirmations } from "./confirmations.ts";
import { type CheckedEntry, isTime } from "./export_lines.ts";
import { entryFinding, type Finding, shown } from "./finding.ts";
import { privateValue } from "./private_parts.ts";

/**
 * Approvals of a log, each held against the signature of its member's passkey. Nothing is taken
 * from anywhere but the log.
 */

/** How the approvals of a log were given, and what users ended themselves. */
export interface DecisionCounts {
  /** Signed by a passkey, and the signature checked. */
  readonly checked: number;
  /** Signed by a passkey, but a private part that is needed to check it is not in the export. */
  readonly unchecked: number;
  /** Given through an approver key, which answers for the member; nobody signed. */
  readonly byKey: number;
}

const DECIDED_TYPE = "approval.decided";

/**
 * Checks that every approval in a log was signed by a passkey of its member, with nothing but the
 * log: what was signed, that it is what the entry says, and that the passkey was enrolled then.
 */
export class SignedDecisions {
  readonly #passkeys = new EnrolledPasskeys();
  readonly #confirmations = new Confirmations();
  #checked = 0;
  #unchecked = 0;
  #byKey = 0;

  get counts(): DecisionCounts {
    return { checked: this.#checked, unchecked: this.#unchecked, byKey: this.#byKey };
  }

  /**
   * Takes in the next entry, whose private parts agree with its digests already, or says what is
   * wrong with it. Entries of other types are passed over.
   */
  async take(
    entry: CheckedEntry,
    parts: JsonObject | null,
    place: { readonly org: string; readonly index: number },
  ): Promise<Finding | null> {
    const { index } = place;
    const confirmed = await this.#confirmations.take(entry, parts, place);
    if (confirmed === "checked") this.#checked++;
    else if (confirmed === "unchecked") this.#unchecked++;
    else if (confirmed !== null) return confirmed;
    if (confirmed !== null) return null;
    if (entry.type === ENROLLED_TYPE) return await this.#passkeys.enrol(entry, parts, index);
    if (entry.type === REMOVED_TYPE) return this.#passkeys.remove(entry, index);
    if (entry.type !== DECIDED_TYPE || entry.data.decision !== "approve") return null;
    if (!Object.hasOwn(entry.data, "assertion_digest")) return this.#unsigned(entry, index);

    const passkey = this.#passkeyOf(entry, index);
    if ("code" in passkey) return passkey;
    const value = privateValue(parts, "assertion");
    if (value === undefined) {
      this.#unchecked++;
      return null;
    }
    const read = readAssertion(value);
    if ("problem" in read) {
      const what = `The assertion of entry ${index} ${read.problem}`;
      return entryFinding("assertion_malformed", index, what);
    }
    const finding = contentFinding(read, entry, place);
    if (finding !== null) return finding;
    if (passkey.publicKey === null) {
      this.#unchecked++;
      return null;
    }
    const message = signedMessage(read.authenticatorData, read.clientDataJson);
    if (!await verifyByCoseKey(passkey.publicKey, message, read.signature)) {
      const what =
        `The signature of entry ${index} is not by passkey ${read.credential} of member ` +
        shown(entry.subject.member);
      return entryFinding("assertion_signature_wrong", index, what);
    }
    this.#checked++;
    return null;
  }

  #unsigned(entry: CheckedEntry, index: number): Finding | null {
    if (typeof entry.data.asserted_by === "string") {
      this.#byKey++;
      return null;
    }
    const what = `Entry ${index} approves with neither an "asserted_by" key nor an ` +
      '"assertion_digest"';
    return entryFinding("decision_unsigned", index, what);
  }

  /** The key of the passkey that the leaf names, as far as the export shows it. */
  #passkeyOf(
    { subject, data }: CheckedEntry,
    index: number,
  ): Finding | { readonly publicKey: Uint8Array<ArrayBuffer> | null } {
    const passkey = this.#passkeys.find(String(subject.member), String(data.credential));
    const label = `Passkey ${shown(data.credential)} of member ${shown(subject.member)}`;
    if (passkey === undefined) {
      const what = `${label}, which approves in entry ${index}, was not enrolled before`;
      return entryFinding("passkey_unknown", index, what);
    }
    if (passkey.removedAt !== null) {
      const what = `${label} approves in entry ${index}, but entry ${passkey.removedAt} removed it`;
      return entryFinding("passkey_removed", index, what);
    }
    return passkey;
  }
}

/** What is wrong with an assertion, its signature aside. */
function contentFinding(
  read: ReadAssertion,
  entry: CheckedEntry,
  { org, index }: { readonly org: string; readonly index: number },
): Finding | null {
  const { statement } = read;
  if (read.credential !== entry.data.credential) {
    const what = `The assertion of entry ${index} is by passkey ${read.credential}, the entry ` +
      `names ${shown(entry.data.credential)}`;
    return entryFinding("passkey_mismatch", index, what);
  }
  const { subject, data, actor } = entry;
  const expected: [string, JsonValue | undefined, JsonValue | undefined][] = [
    ["org", statement.org, org],
    ["approval", statement.approval, subject.approval],
    ["level", statement.level, data.level],
    ["action_digest", statement.action_digest, data.action_digest],
    ["view_digest", statement.view_digest, data.view_digest],
    ["member", statement.member, subject.member],
    ["member", statement.member, actor.type === "member" ? actor.id : statement.member],
  ];
  for (const [name, said, wanted] of expected) {
    if (said === wanted) continue;
    const what = `The passkey of entry ${index} signed ${name} ${shown(said)}, the entry says ` +
      shown(wanted);
    return entryFinding("statement_mismatch", index, what);
  }
  const unsigned = unsignedFinding(read, entry, index);
  if (unsigned !== null) return unsigned;
  const { issued_at: from, expires_at: to } = statement;
  if (entry.at < from || entry.at > to) {
    const what = `Entry ${index} is of ${entry.at}, what its passkey signed held from ${from} to ` +
      to;
    return entryFinding("decision_out_of_time", index, what);
  }
  const fault = clientDataFault(read.clientDataJson, {
    type: "webauthn.get",
    challenge: challengeText(statement),
    origin: statement.issuer,
    rpId: read.rpId,
  }) ?? authenticatorDataFault(read.authenticatorData, read.rpId);
  if (fault === null) return null;
  const [code, problem] = CEREMONY_FINDINGS[fault];
  const what = `The assertion of entry ${index} ${problem} (issuer ${shown(statement.issuer)})`;
  return entryFinding(code, index, what);
}

/** What an entry says for its member that their passkey did not sign: a later use, or a note. */
function unsignedFinding(
  { statement: { use_before, note_digest } }: ReadAssertion,
  { data }: CheckedEntry,
  index: number,
): Finding | null {
  const told = data.use_before;
  if (isTime(told) && told > use_before) {
    const what = `The passkey of entry ${index} signed for a use before ${use_before}, the entry ` +
      `says ${told}`;
    return entryFinding("statement_mismatch", index, what);
  }
  if (note_digest !== null || !Object.hasOwn(data, "note_digest")) return null;
  const what = `The passkey of entry ${index} signed no note, the entry has one`;
  return entryFinding("statement_mismatch", index, what);
}

/** A stored assertion, decoded; nothing about it is verified yet. */
interface ReadAssertion extends AssertionBytes {
  readonly statement: ApprovalStatement;
  readonly rpId: string;
}

const TEXTS = [
  ...["issuer", "org", "approval", "action_digest", "view_digest", "member", "nonce"],
  ...["issued_at", "expires_at", "use_before"],
] as const;

const TIMES = ["issued_at", "expires_at", "use_before"] as const;

/** Reads the private part `assertion` of a decision, or says why it is none. */
function readAssertion(value: JsonValue): ReadAssertion | { readonly problem: string } {
  const bytes = readBytes(value);
  if ("problem" in bytes) return bytes;
  const { statement } = bytes;
  const problem = statementProblem(statement);
  if (problem !== null) return { problem };
  const read = statement as ApprovalStatement;
  return { ...bytes, statement: read, rpId: new URL(read.issuer).hostname };
}

function statementProblem(statement: JsonObject): string | null {
  const { v, type, level, decision, note_digest: noteDigest, issuer } = statement;
  if (v !== 1 || type !== "countersign.approval-decision") {
    return 'has a statement that is no "countersign.approval-decision" of version 1';
  }
  const absent = TEXTS.find((name) => typeof statement[name] !== "string");
  if (absent !== undefined) return `has a statement without text "${absent}"`;
  const timeless = TIMES.find((name) => !isTime(statement[name]));
  if (timeless !== undefined) return `has a statement whose "${timeless}" is no time`;
  if (level !== 1 && level !== 2) return "has a statement without level 1 or 2";
  if (decision !== "approve") return "has a statement that does not approve";
  if (noteDigest !== null && typeof noteDigest !== "string") {
    return 'has a statement whose "note_digest" is neither text nor null';
  }
  if (URL.parse(String(issuer))?.origin !== issuer) {
    return 'has a statement whose "issuer" is no origin';
  }
  // Members of the statement are signed for, so none may stand there that nobody compares.
  const known = Object.keys(approvalStatement(statement as ApprovalStatement));
  const unknown = Object.keys(statement).find((name) => !known.includes(name));
  return unknown === undefined ? null : `has a statement with an unknown member "${unknown}"`;
}

/** The types of the entries by which a member gets a passkey and loses it. */
const ENROLLED_TYPE = "passkey.enrolled";

const REMOVED_TYPE = "passkey.removed";

/** What the log said last of one passkey of one member. */
interface LoggedPasskey {
  /** COSE key; null when its private part is not in the export. */
  readonly publicKey: Uint8Array<ArrayBuffer> | null;
  /** The entry that removed it; null while it counts. */
  readonly removedAt: number | null;
}

/** The passkeys of the members, as the log tells of them so far. */
class EnrolledPasskeys {
  readonly #passkeys = new Map<string, LoggedPasskey>();

  /** The passkey of a member with this credential digest; undefined when it was never enrolled. */
  find(member: string, credential: string): LoggedPasskey | undefined {
    return this.#passkeys.get(nameOf(member, credential));
  }

  /** Takes in a `passkey.enrolled` entry, or says what is wrong with it. */
  async enrol(
    entry: CheckedEntry,
    parts: JsonObject | null,
    index: number,
  ): Promise<Finding | null> {
    const { member } = entry.subject;
    const { credential } = entry.data;
    if (typeof member !== "string" || typeof credential !== "string") {
      return malformed(index, "names no member or no credential");
    }
    const { type, id: by } = entry.actor;
    if (type !== "member" || by !== member) {
      const what = `Entry ${index} gives ${member} a passkey by ${shown(type)} ${shown(by)}; ` +
        "members enrol their own";
      return entryFinding("actor_not_entitled", index, what);
    }
    const id = privateValue(parts, "credential_id");
    const key = privateValue(parts, "public_key");
    if (id !== undefined && digestOrNull(id) !== credential) {
      return malformed(index, "is not of the credential that its private part names");
    }
    const publicKey = key === undefined ? null : bytesOrNull(key);
    if (key !== undefined && (publicKey === null || !await isUsableKey(publicKey))) {
      return malformed(index, "has a public key that is no COSE key for ES256, EdDSA or RS256");
    }
    this.#passkeys.set(nameOf(member, credential), { publicKey, removedAt: null });
    return null;
  }

  /** Takes in a `passkey.removed` entry, or says what is wrong with it. */
  remove(entry: CheckedEntry, index: number): Finding | null {
    const { member } = entry.subject;
    const { credential } = entry.data;
    if (typeof member !== "string" || typeof credential !== "string") {
      return malformed(index, "names no member or no credential");
    }
    const publicKey = this.find(member, credential)?.publicKey ?? null;
    this.#passkeys.set(nameOf(member, credential), { publicKey, removedAt: index });
    return null;
  }
}

function nameOf(member: string, credential: string): string {
  return JSON.stringify([member, credential]);
}

function malformed(index: number, what: string): Finding {
  return entryFinding("passkey_malformed", index, `The passkey of entry ${index} ${what}`);
}
