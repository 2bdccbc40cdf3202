import { fromBase64Url } from "../base/bytes.ts";
import type { JsonObject, JsonValue } from "../json/json_value.ts";
import { isUsableKey } from "../passkeys/cose_key.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import type { CheckedEntry } from "./export_lines.ts";
import { entryFinding, type Finding } from "./finding.ts";
import { privateValue } from "./private_parts.ts";

/** The types of the entries by which a member gets a passkey and loses it. */
export const ENROLLED_TYPE = "passkey.enrolled";

export const REMOVED_TYPE = "passkey.removed";

/** What the log said last of one passkey of one member. */
export interface LoggedPasskey {
  /** COSE key; null when its private part is not in the export. */
  readonly publicKey: Uint8Array<ArrayBuffer> | null;
  /** The entry that removed it; null while it counts. */
  readonly removedAt: number | null;
}

/** The passkeys of the members, as the log tells of them so far. */
export class EnrolledPasskeys {
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

function digestOrNull(id: JsonValue): string | null {
  return bytesOrNull(id) === null ? null : credentialDigest(String(id));
}

function bytesOrNull(value: JsonValue): Uint8Array<ArrayBuffer> | null {
  return typeof value === "string" ? fromBase64Url(value) : null;
}

function malformed(index: number, what: string): Finding {
  return entryFinding("passkey_malformed", index, `The passkey of entry ${index} ${what}`);
}
