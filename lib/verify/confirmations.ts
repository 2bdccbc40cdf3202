import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { challengeText } from "../passkeys/challenge.ts";
import { isUsableKey, verifyByCoseKey } from "../passkeys/cose_key.ts";
import { authenticatorDataFault, clientDataFault, signedMessage } from "../passkeys/responses.ts";
import { type UserStatement, userStatement } from "../passkeys/statement.ts";
import {
  type AssertionBytes,
  bytesOrNull,
  CEREMONY_FINDINGS,
  digestOrNull,
  readBytes,
} from "./assertion.ts";
import { type CheckedEntry, isTime } from "./export_lines.ts";
import { entryFinding, type Finding, shown } from "./finding.ts";
import { privateValue } from "./private_parts.ts";
import { Remembered } from "./story_entry.ts";

/**
 * What users said yes to by their own passkeys, held against the log alone: which key it was, that it
 * spoke for this user before the question was asked, and that it signed exactly what the entry says.
 */

/** How a yes stands against the log; null for an entry that is none of a user's passkey. */
export type CheckedConfirmation = Finding | "checked" | "unchecked" | null;

/** A passkey as the private part of an entry shows it. */
interface ShownKey {
  /** As leaves name it. */
  readonly digest: string;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly rpId: string;
  readonly origins: readonly string[];
}

/** A passkey of a user, as the log told of it last. */
interface UserKey {
  /** Null where the private part that says so is not in the export. */
  readonly shown: ShownKey | null;
  readonly since: string;
  /** It came while another was just replaced or removed, and answers nothing before. */
  readonly usableFrom: string;
}

/** What every yes of a passkey commits to, whether or not an export shows it. */
const COMMITTED = ["assertion", "user_id"] as const;

/** A request is open for seven days at most. */
const KEPT_MS = 8 * 24 * 60 * 60 * 1000;

export class Confirmations {
  /** Those that speak for each user, by the digests that leaves name them by. */
  readonly #keys = new Map<JsonValue, ReadonlyMap<JsonValue, UserKey>>();
  /** Those of whom the export does not show whose they are; which of them went it does not tell. */
  readonly #hidden = new Map<JsonValue, UserKey>();
  #isAnyHidden = false;
  /** When any entry named a passkey first. */
  readonly #named = new Map<JsonValue, string>();
  /** When requests were asked that wait. */
  readonly #asked = new Remembered<string>();

  /** Takes in the next entry, whose private parts agree with its digests already. */
  async take(
    entry: CheckedEntry,
    parts: JsonObject | null,
    { org, index }: { readonly org: string; readonly index: number },
  ): Promise<CheckedConfirmation> {
    const { type, at, data, subject, actor } = entry;
    if (type === "user.passkeys_set") return await this.#set(entry, parts, index);
    if (type === "approval.created" && typeof subject.approval === "string") {
      this.#asked.forget(at);
      const until = new Date(Date.parse(at) + KEPT_MS).toISOString();
      this.#asked.set(subject.approval, at, until);
      return null;
    }
    if (type !== "approval.decided" || data.decision !== "approve") return null;
    if (data.level !== 0) return null;
    if (actor.type !== "user") return this.#byKeyFinding(entry, parts, index);
    const left = COMMITTED.find((name) => !Object.hasOwn(data, `${name}_digest`));
    if (left !== undefined) {
      const what = `Entry ${index} approves for a user, and commits to no "${left}"`;
      return entryFinding("decision_unsigned", index, what);
    }
    const assertion = privateValue(parts, "assertion");
    const user = privateValue(parts, "user_id");
    const key = this.#keyOf(entry, user, index);
    if ("code" in key) return key;
    if (user === undefined || assertion === undefined || key.shown === null) return "unchecked";
    return await yesFinding(entry, key.shown, { assertion, user, org, index }) ?? "checked";
  }

  /** A key of the application answers for no user who has a passkey of their own. */
  #byKeyFinding({ actor }: CheckedEntry, parts: JsonObject | null, index: number): Finding | null {
    const own = this.#keys.get(privateValue(parts, "user_id") ?? null);
    // They may have been removed by an entry that does not show whose it is.
    if (own === undefined || own.size === 0 || this.#isAnyHidden) return null;
    const what =
      `Entry ${index} says yes by ${shown(actor.type)} ${shown(actor.id)} for a user who ` +
      "has a passkey of their own";
    return entryFinding("actor_not_entitled", index, what);
  }

  /** The passkey that an entry says answered, if it could by then. */
  #keyOf(entry: CheckedEntry, user: JsonValue | undefined, index: number): UserKey | Finding {
    const credential = entry.data.credential ?? null;
    const named = this.#named.get(credential);
    if (user === undefined) {
      // Of any user: it was named before the question at least.
      const any = named === undefined
        ? undefined
        : { shown: null, since: named, usableFrom: named };
      return this.#answering(entry, any, index);
    }
    const own = this.#answering(entry, this.#keys.get(user)?.get(credential), index);
    const hidden = this.#hidden.get(credential);
    if (!("code" in own) || hidden === undefined) return own;
    const other = this.#answering(entry, hidden, index);
    return "code" in other ? own : other;
  }

  #answering(
    { at, data, subject }: CheckedEntry,
    key: UserKey | undefined,
    index: number,
  ): UserKey | Finding {
    const label = `Passkey ${shown(data.credential)}, which says yes in entry ${index},`;
    if (key === undefined) {
      return entryFinding("passkey_unknown", index, `${label} speaks for no user`);
    }
    const asked = this.#asked.get(String(subject.approval)) ?? at;
    if (key.since >= asked) {
      const what = `${label} speaks for a user since ${key.since}, asked was at ${asked}`;
      return entryFinding("passkey_unknown", index, what);
    }
    if (at >= key.usableFrom) return key;
    const what = `${label} answers nothing before ${key.usableFrom}: another was just replaced`;
    return entryFinding("passkey_unknown", index, what);
  }

  /** Takes in which passkeys speak for a user from now on. */
  async #set(
    { at, data }: CheckedEntry,
    parts: JsonObject | null,
    index: number,
  ): Promise<Finding | null> {
    const credentials = Array.isArray(data.credentials) ? data.credentials : [];
    const usableFrom = isTime(data.held_until) ? data.held_until : at;
    const user = privateValue(parts, "user_id");
    const listed = privateValue(parts, "passkeys");
    const given = Array.isArray(listed) ? listed : [];
    if (listed !== undefined && given.length !== credentials.length) {
      const what =
        `Entry ${index} names ${credentials.length} passkeys and tells of ${given.length}`;
      return entryFinding("passkey_malformed", index, what);
    }
    const before = user === undefined ? this.#hidden : this.#keys.get(user);
    const next = new Map<JsonValue, UserKey>();
    for (const [i, credential] of credentials.entries()) {
      const shown = listed === undefined ? null : await keyIn(given[i]);
      if (listed !== undefined && shown?.digest !== credential) {
        const what = `Passkey ${i} of entry ${index} is none, or not the one that the entry names`;
        return entryFinding("passkey_malformed", index, what);
      }
      if (!this.#named.has(credential)) this.#named.set(credential, at);
      const old = before?.get(credential);
      const stays = old !== undefined && mayBeSame(old.shown, shown);
      next.set(credential, stays ? { ...old, shown } : { shown, since: at, usableFrom });
    }
    // What the entry does not list any more speaks for this user no longer.
    if (user !== undefined) this.#keys.set(user, next);
    else {
      this.#isAnyHidden = true;
      for (const [credential, key] of next) this.#hidden.set(credential, { ...key, shown: null });
    }
    return null;
  }
}

/** Whether one passkey is another, as far as is shown of both. */
function mayBeSame(a: ShownKey | null, b: ShownKey | null): boolean {
  return a === null || b === null || a.rpId === b.rpId &&
      a.publicKey.toBase64() === b.publicKey.toBase64() &&
      a.origins.toSorted().join() === b.origins.toSorted().join();
}

/** A passkey as the private part of an entry shows it; null for one that is none. */
async function keyIn(value: JsonValue | undefined): Promise<ShownKey | null> {
  if (!isJsonObject(value)) return null;
  const { credential_id, public_key, rp_id, origins } = value;
  const digest = credential_id === undefined ? null : digestOrNull(credential_id);
  const publicKey = public_key === undefined ? null : bytesOrNull(public_key);
  if (digest === null || publicKey === null || !await isUsableKey(publicKey)) return null;
  if (typeof rp_id !== "string" || !Array.isArray(origins)) return null;
  const sites = origins.filter((origin) => typeof origin === "string");
  return { digest, publicKey, rpId: rp_id, origins: sites };
}

/** What is wrong with a yes of a user's passkey; null for nothing. */
async function yesFinding(
  entry: CheckedEntry,
  key: ShownKey,
  { assertion, user, org, index }: {
    readonly assertion: JsonValue;
    readonly user: JsonValue;
    readonly org: string;
    readonly index: number;
  },
): Promise<Finding | null> {
  const bytes = readBytes(assertion);
  const statement = isJsonObject(assertion) ? statementIn(assertion.statement) : null;
  if ("problem" in bytes || statement === null) {
    const problem = "problem" in bytes
      ? bytes.problem
      : 'has a statement that is no "countersign.user-confirmation" of version 1';
    const what = `The assertion of entry ${index} ${problem}`;
    return entryFinding("assertion_malformed", index, what);
  }
  if (bytes.credential !== entry.data.credential) {
    const what = `The assertion of entry ${index} is by passkey ${bytes.credential}, the entry ` +
      `names ${shown(entry.data.credential)}`;
    return entryFinding("passkey_mismatch", index, what);
  }
  return statementFinding(entry, statement, { user, org, index }) ??
    ceremonyFinding(bytes, statement, key, index) ??
    await signatureFinding(bytes, key, { user, index });
}

function statementFinding(
  { at, subject, data, actor }: CheckedEntry,
  statement: UserStatement,
  { user, org, index }: {
    readonly user: JsonValue;
    readonly org: string;
    readonly index: number;
  },
): Finding | null {
  const expected: [string, JsonValue, JsonValue | undefined][] = [
    ["org", statement.org, org],
    ["approval", statement.approval, subject.approval],
    ["mandate", statement.mandate, subject.mandate],
    ["mandate", statement.mandate, actor.id],
    ["action_digest", statement.action_digest, data.action_digest],
    ["view_digest", statement.view_digest, data.view_digest],
    ["user", statement.user, user],
  ];
  for (const [name, said, wanted] of expected) {
    if (said === wanted) continue;
    const what = `The passkey of entry ${index} signed ${name} ${shown(said)}, the entry says ` +
      shown(wanted);
    return entryFinding("statement_mismatch", index, what);
  }
  const { issued_at: from, expires_at: to } = statement;
  if (at >= from && at <= to) return null;
  const what = `Entry ${index} is of ${at}, what its passkey signed held from ${from} to ${to}`;
  return entryFinding("decision_out_of_time", index, what);
}

function ceremonyFinding(
  { clientDataJson, authenticatorData }: AssertionBytes,
  statement: UserStatement,
  { rpId, origins }: ShownKey,
  index: number,
): Finding | null {
  const challenge = challengeText(statement);
  const faults = origins.map((origin) =>
    clientDataFault(clientDataJson, { type: "webauthn.get", challenge, origin, rpId })
  );
  const fault = (faults.includes(null) ? null : faults[0] ?? "wrong_origin") ??
    authenticatorDataFault(authenticatorData, rpId);
  if (fault === null) return null;
  const [code, problem] = CEREMONY_FINDINGS[fault];
  const what = `The assertion of entry ${index} ${problem} (site ${shown(rpId)})`;
  return entryFinding(code, index, what);
}

async function signatureFinding(
  { authenticatorData, clientDataJson, signature, credential }: AssertionBytes,
  { publicKey }: ShownKey,
  { user, index }: { readonly user: JsonValue; readonly index: number },
): Promise<Finding | null> {
  const message = signedMessage(authenticatorData, clientDataJson);
  if (await verifyByCoseKey(publicKey, message, signature)) return null;
  const what = `The signature of entry ${index} is not by passkey ${credential} of user ` +
    shown(user);
  return entryFinding("assertion_signature_wrong", index, what);
}

const TEXTS = [
  ...["issuer", "org", "mandate", "user", "approval", "action_digest", "view_digest", "nonce"],
  ...["issued_at", "expires_at"],
] as const;

/** The statement of a user's yes; null for what is none, or holds what nobody compares. */
function statementIn(value: JsonValue | undefined): UserStatement | null {
  if (!isJsonObject(value)) return null;
  const { v, type, decision, uses, estimated_cost_micros: cost } = value;
  const isOne = v === 1 && type === "countersign.user-confirmation" && decision === "approve" &&
    uses === 1 && (cost === null || typeof cost === "number") &&
    TEXTS.every((name) => typeof value[name] === "string") &&
    isTime(value.issued_at) && isTime(value.expires_at);
  if (!isOne) return null;
  const read = value as UserStatement;
  const known = Object.keys(userStatement(read));
  return Object.keys(value).every((name) => known.includes(name)) ? read : null;
}
