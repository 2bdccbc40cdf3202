import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { isUsableKey, verifyByCoseKey } from "../passkeys/cose_key.ts";
import { authenticatorDataFault, clientDataFault, signedMessage } from "../passkeys/responses.ts";
import { type AssertionBytes, bytesOrNull, CEREMONY_FINDINGS, digestOrNull } from "./assertion.ts";
import { type CheckedEntry, isTime } from "./export_lines.ts";
import { entryFinding, type Finding, shown } from "./finding.ts";
import { privateValue } from "./private_parts.ts";
import { Remembered } from "./story_entry.ts";

/**
 * Which passkeys speak for the users of an organization, as its log tells: from when on, by which link
 * they were made, and whether one of them signed.
 */

/** A passkey as the private part of an entry shows it. */
export interface ShownKey {
  /** As leaves name it. */
  readonly digest: string;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly rpId: string;
  readonly origins: readonly string[];
}

/** A passkey of a user, as the log told of it last. */
export interface UserKey {
  /** Null where the private part that says so is not in the export. */
  readonly shown: ShownKey | null;
  readonly since: string;
  /** It came while another was just replaced or removed, and answers nothing before. */
  readonly usableFrom: string;
}

/** The passkeys of one user, and the entry that set them. */
interface OwnKeys {
  readonly keys: ReadonlyMap<JsonValue, UserKey>;
  readonly index: number;
  /** Until when nothing newer answers, nor the application, for one just went; null for never. */
  readonly heldUntil: string | null;
}

export class UserKeys {
  /** Those that speak for each user, by the digests that leaves name them by. */
  readonly #keys = new Map<JsonValue, OwnKeys>();
  /** Those of whom the export does not show whose they are; which of them went it does not tell. */
  readonly #hidden = new Map<JsonValue, UserKey>();
  #isAnyHidden = false;
  /** When any entry named a passkey first. */
  readonly #named = new Map<JsonValue, string>();
  readonly #links = new EnrolmentLinks();

  /** The passkeys of a user, as far as the log shows; null where it shows of none. */
  of(user: JsonValue): OwnKeys | null {
    return this.#keys.get(user) ?? null;
  }

  /**
   * Why nobody but a user answers for them at a time of the log: they have a passkey for sure, which no
   * entry that does not show whose it is may have removed, or one of theirs went just now. Null where
   * somebody may.
   */
  ownAlone(user: JsonValue, at: string): string | null {
    const own = this.#keys.get(user);
    if (own === undefined) return null;
    const { keys, index, heldUntil } = own;
    if (keys.size > 0) return this.#isAnyHidden ? null : "who has a passkey of their own";
    if (heldUntil === null || at >= heldUntil) return null;
    return `whose passkey entry ${index} removed or replaced; nobody answers before ${heldUntil}`;
  }

  /**
   * What may be meant where an entry names a passkey: the user's own, and one of whom it is not shown
   * whose it is.
   */
  named(credential: JsonValue, user: JsonValue | undefined): readonly UserKey[] {
    if (user === undefined) {
      // Of any user: it was named before at least.
      const since = this.#named.get(credential);
      return since === undefined ? [] : [{ shown: null, since, usableFrom: since }];
    }
    const found = [this.#keys.get(user)?.keys.get(credential), this.#hidden.get(credential)];
    return found.filter((key) => key !== undefined);
  }

  /** Takes in that a link was made by which a user makes a passkey. */
  open(entry: CheckedEntry, parts: JsonObject | null): void {
    this.#links.open(entry, parts);
  }

  /** Takes in which passkeys speak for a user from now on, or says what is wrong with that. */
  async set(
    entry: CheckedEntry,
    parts: JsonObject | null,
    index: number,
  ): Promise<Finding | null> {
    const { at, data } = entry;
    const unfounded = this.#links.judge(entry, parts, index);
    if (unfounded !== null) return unfounded;
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
    const before = user === undefined ? this.#hidden : this.#keys.get(user)?.keys;
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
    const heldUntil = isTime(data.held_until) ? data.held_until : null;
    if (user !== undefined) this.#keys.set(user, { keys: next, index, heldUntil });
    else {
      this.#isAnyHidden = true;
      for (const [credential, key] of next) this.#hidden.set(credential, { ...key, shown: null });
    }
    return null;
  }
}

/** How long a link serves, and how far the log may be ahead of the clock, milliseconds. */
const LINK_MS = 15 * 60 * 1000;
const TOLERANCE_MS = 5 * 60 * 1000;

/** The links by which users make passkeys: each serves once, for its own user, and in its time. */
class EnrolmentLinks {
  readonly #open = new Remembered<JsonValue | undefined>();

  open({ at, data }: CheckedEntry, parts: JsonObject | null): void {
    if (typeof data.enrolment !== "string") return;
    this.#open.forget(at);
    const until = new Date(Date.parse(at) + LINK_MS + TOLERANCE_MS).toISOString();
    this.#open.set(data.enrolment, privateValue(parts, "user_id"), until);
  }

  /** What is wrong with a passkey that no key set: it has to come by a link that was open. */
  judge(
    { at, actor, data }: CheckedEntry,
    parts: JsonObject | null,
    index: number,
  ): Finding | null {
    if (actor.type === "api_key") return null;
    const { enrolment, added, removed } = data;
    const finding = (what: string) =>
      entryFinding("enrolment_unfounded", index, `Entry ${index} ${what}`);
    if (typeof enrolment !== "string" || this.#open.until(enrolment) <= at) {
      return finding(
        `has a passkey speak for a user by the link ${shown(enrolment)}, which no ` +
          "entry of the quarter of an hour before opens, or which served already",
      );
    }
    const wanted = this.#open.get(enrolment);
    const user = privateValue(parts, "user_id");
    if (wanted !== undefined && user !== undefined && wanted !== user) {
      return finding(`has a passkey speak for ${shown(user)} by a link for ${shown(wanted)}`);
    }
    if (added !== 1 || removed !== 0) {
      return finding("does more by a link than to add one passkey");
    }
    this.#open.set(enrolment, wanted, "");
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

/** What is wrong with what a user's passkey signed; null for nothing. */
export async function userSignatureFinding(
  bytes: AssertionBytes,
  challenge: string,
  key: ShownKey,
  { user, index }: { readonly user: JsonValue; readonly index: number },
): Promise<Finding | null> {
  return ceremonyFinding(bytes, challenge, key, index) ??
    await signatureFinding(bytes, key, { user, index });
}

function ceremonyFinding(
  { clientDataJson, authenticatorData }: AssertionBytes,
  challenge: string,
  { rpId, origins }: ShownKey,
  index: number,
): Finding | null {
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
