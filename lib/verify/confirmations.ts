import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { challengeText } from "../passkeys/challenge.ts";
import {
  type RevocationStatement,
  revocationStatement,
  type UserStatement,
  userStatement,
} from "../passkeys/statement.ts";
import { readBytes } from "./assertion.ts";
import { type CheckedEntry, isTime } from "./export_lines.ts";
import { entryFinding, type Finding, shown } from "./finding.ts";
import { privateValue } from "./private_parts.ts";
import { Remembered } from "./story_entry.ts";
import { type ShownKey, type UserKey, UserKeys, userSignatureFinding } from "./user_keys.ts";

/**
 * What users signed by their own passkeys, held against the log alone: yeses, and the ends of what they
 * had granted. Which key it was, that it spoke for this user before the question was asked and still
 * did when the yes was used, and that it signed exactly what the entry says.
 */

/** How what a user signed stands against the log; null for an entry that is none of a user's passkey. */
export type CheckedConfirmation = Finding | "checked" | "unchecked" | null;

/** What every yes of a passkey commits to, whether or not an export shows it. */
const COMMITTED = ["assertion", "user_id"] as const;

/** A request is open for seven days at most. */
const KEPT_MS = 8 * 24 * 60 * 60 * 1000;

/** A yes by which a token may come. */
interface Yes {
  readonly user: JsonValue;
  readonly credential: JsonValue;
  /** When was asked what it answers. */
  readonly asked: string;
}

export class Confirmations {
  readonly #keys = new UserKeys();
  /** When requests were asked that wait. */
  readonly #asked = new Remembered<string>();
  /** What users said yes to, by its request, for as long as it may be used. */
  readonly #yeses = new Remembered<Yes>();

  /** Takes in the next entry, whose private parts agree with its digests already. */
  async take(
    entry: CheckedEntry,
    parts: JsonObject | null,
    place: { readonly org: string; readonly index: number },
  ): Promise<CheckedConfirmation> {
    const { type, at, data, subject, actor } = entry;
    const { index } = place;
    switch (type) {
      case "user.enrolment_opened":
        this.#keys.open(entry, parts);
        return null;
      case "user.passkeys_set":
        return await this.#keys.set(entry, parts, index);
      case "approval.created":
        if (typeof subject.approval !== "string") return null;
        this.#asked.forget(at);
        this.#asked.set(subject.approval, at, keptUntil(at));
        return null;
      case "mandate.revoked":
        if (actor.type !== "user") return null;
        return await this.#signed(entry, parts, place, "now");
      case "token.minted":
        return this.#usedFinding(entry, index, "mints");
      case "token.consumed":
        return this.#usedFinding(entry, index, "has something run");
      case "approval.decided":
        if (data.decision !== "approve" || data.level !== 0) return null;
        if (actor.type !== "user") return this.#byKeyFinding(entry, parts, index);
        return await this.#signed(entry, parts, place, this.#askedAt(entry));
      default:
        return null;
    }
  }

  /**
   * Checks what a passkey of a user signed.
   * @param asked when was asked what it answers; `now` for what nobody asked, which any may sign
   */
  async #signed(
    entry: CheckedEntry,
    parts: JsonObject | null,
    { org, index }: { readonly org: string; readonly index: number },
    asked: string,
  ): Promise<CheckedConfirmation> {
    const { data } = entry;
    const left = COMMITTED.find((name) => !Object.hasOwn(data, `${name}_digest`));
    if (left !== undefined) {
      const what = `Entry ${index} speaks for a user, and commits to no "${left}"`;
      return entryFinding("decision_unsigned", index, what);
    }
    const assertion = privateValue(parts, "assertion");
    const user = privateValue(parts, "user_id");
    const key = this.#keyOf(entry, user, { asked, index });
    if ("code" in key) return key;
    const isYes = entry.type === "approval.decided";
    if (isYes && user !== undefined) {
      const yes = { user, credential: data.credential ?? null, asked };
      this.#yeses.forget(entry.at);
      this.#yeses.set(String(entry.subject.approval), yes, keptUntil(entry.at));
    }
    if (user === undefined || assertion === undefined || key.shown === null) return "unchecked";
    const signed = { assertion, user, org, index };
    const finding = isYes
      ? await signedFinding(YES, entry, key.shown, signed)
      : await signedFinding(END, entry, key.shown, signed);
    return finding ?? "checked";
  }

  /** A key of the application answers for no user who has a passkey, or had one until just now. */
  #byKeyFinding(
    { actor, at }: CheckedEntry,
    parts: JsonObject | null,
    index: number,
  ): Finding | null {
    const why = this.#keys.ownAlone(privateValue(parts, "user_id") ?? null, at);
    if (why === null) return null;
    const what = `Entry ${index} says yes by ${shown(actor.type)} ${
      shown(actor.id)
    } for a user ${why}`;
    return entryFinding("actor_not_entitled", index, what);
  }

  /** What is wrong with a token that comes, or is used, by a yes of a passkey that went since. */
  #usedFinding({ subject }: CheckedEntry, index: number, does: string): Finding | null {
    const yes = this.#yeses.get(String(subject.approval));
    if (yes === undefined) return null;
    const own = this.#keys.of(yes.user);
    const key = own?.keys.get(yes.credential);
    // Where it was not shown whose the passkey is, its end may not be either.
    if (own === null || (key !== undefined && key.since < yes.asked)) return null;
    const what =
      `Entry ${index} ${does} by a yes of passkey ${shown(yes.credential)}, which entry ` +
      `${own.index} removed or replaced`;
    return entryFinding("passkey_removed", index, what, own.index);
  }

  /** The passkey that an entry says signed, if it could by then. */
  #keyOf(
    entry: CheckedEntry,
    user: JsonValue | undefined,
    { asked, index }: { readonly asked: string; readonly index: number },
  ): UserKey | Finding {
    const found = this.#keys.named(entry.data.credential ?? null, user)
      .map((key) => ({ key, finding: answeringFinding(entry, key, { asked, index }) }));
    const good = found.find(({ finding }) => finding === null);
    if (good !== undefined) return good.key;
    const label = passkeyLabel(entry, index);
    return found[0]?.finding ??
      entryFinding("passkey_unknown", index, `${label} speaks for no user`);
  }

  #askedAt({ at, subject }: CheckedEntry): string {
    return this.#asked.get(String(subject.approval)) ?? at;
  }
}

function keptUntil(at: string): string {
  return new Date(Date.parse(at) + KEPT_MS).toISOString();
}

function passkeyLabel({ type, data }: CheckedEntry, index: number): string {
  const does = type === "approval.decided" ? "says yes" : "ends a mandate";
  return `Passkey ${shown(data.credential)}, which ${does} in entry ${index},`;
}

/** Why a passkey that speaks for a user does not sign this; null where it may. */
function answeringFinding(
  entry: CheckedEntry,
  key: UserKey,
  { asked, index }: { readonly asked: string; readonly index: number },
): Finding | null {
  if (asked === "now") return null;
  const label = passkeyLabel(entry, index);
  if (key.since >= asked) {
    const what = `${label} speaks for a user since ${key.since}, asked was at ${asked}`;
    return entryFinding("passkey_unknown", index, what);
  }
  if (entry.at >= key.usableFrom) return null;
  const what = `${label} answers nothing before ${key.usableFrom}: another was just replaced`;
  return entryFinding("passkey_unknown", index, what);
}

/** What a passkey signed for a user, and whom it is said to be of. */
interface Claim {
  readonly assertion: JsonValue;
  readonly user: JsonValue;
  readonly org: string;
  readonly index: number;
}

/** What users sign of one kind, and what of it an entry has to say as well. */
interface Signable<S extends UserStatement | RevocationStatement> {
  readonly type: S["type"];
  /** Null for what is none, or holds what nobody compares. */
  readonly read: (value: JsonValue | undefined) => S | null;
  /** Members of the statement beside what the entry has in their place. */
  readonly expected: (entry: CheckedEntry, statement: S) => [string, JsonValue, Compared][];
  /** What was signed too early or too late for an entry, in words; null where neither. */
  readonly untimely: (at: string, statement: S) => string | null;
}

type Compared = JsonValue | undefined;

/** What is wrong with what a user's passkey signed; null for nothing. */
async function signedFinding<S extends UserStatement | RevocationStatement>(
  { type, read, expected, untimely }: Signable<S>,
  entry: CheckedEntry,
  key: ShownKey,
  { assertion, user, org, index }: Claim,
): Promise<Finding | null> {
  const bytes = readBytes(assertion);
  const statement = isJsonObject(assertion) ? read(assertion.statement) : null;
  if ("problem" in bytes || statement === null) {
    const problem = "problem" in bytes
      ? bytes.problem
      : `has a statement that is no "${type}" of version 1`;
    const what = `The assertion of entry ${index} ${problem}`;
    return entryFinding("assertion_malformed", index, what);
  }
  const { at, subject, actor, data } = entry;
  if (bytes.credential !== data.credential) {
    const what = `The assertion of entry ${index} is by passkey ${bytes.credential}, the entry ` +
      `names ${shown(data.credential)}`;
    return entryFinding("passkey_mismatch", index, what);
  }
  const compared: [string, JsonValue, Compared][] = [
    ["org", statement.org, org],
    ["mandate", statement.mandate, subject.mandate],
    ["mandate", statement.mandate, actor.id],
    ["user", statement.user, user],
    ...expected(entry, statement),
  ];
  for (const [name, said, wanted] of compared) {
    if (said === wanted) continue;
    const what = `The passkey of entry ${index} signed ${name} ${shown(said)}, the entry says ` +
      shown(wanted);
    return entryFinding("statement_mismatch", index, what);
  }
  const when = untimely(at, statement);
  if (when !== null) {
    return entryFinding("decision_out_of_time", index, `Entry ${index} is of ${at}, ${when}`);
  }
  return await userSignatureFinding(bytes, challengeText(statement), key, { user, index });
}

const YES: Signable<UserStatement> = {
  type: "countersign.user-confirmation",
  read(value) {
    if (!isJsonObject(value)) return null;
    const { decision, uses, estimated_cost_micros: cost } = value;
    const isOne = isOfType(value, YES.type, YES_TEXTS) && isTime(value.expires_at) &&
      decision === "approve" && uses === 1 && (cost === null || typeof cost === "number");
    return isOne ? known(value as UserStatement, userStatement) : null;
  },
  expected: ({ subject, data }, statement) => [
    ["approval", statement.approval, subject.approval],
    ["action_digest", statement.action_digest, data.action_digest],
    ["view_digest", statement.view_digest, data.view_digest],
  ],
  untimely(at, { issued_at: from, expires_at: to }) {
    return at >= from && at <= to ? null : `what its passkey signed held from ${from} to ${to}`;
  },
};

const YES_TEXTS = [
  ...["issuer", "org", "mandate", "user", "approval", "action_digest", "view_digest", "nonce"],
  ...["issued_at", "expires_at"],
];

/** For how long what was signed counts, and how far two clocks may differ, milliseconds. */
const COUNTS_MS = 5 * 60 * 1000;
const TOLERANCE_MS = 5 * 60 * 1000;
const AHEAD_MS = 60 * 1000;

const END: Signable<RevocationStatement> = {
  type: "countersign.mandate-revocation",
  read(value) {
    if (!isJsonObject(value) || !isOfType(value, END.type, END_TEXTS)) return null;
    return known(value as RevocationStatement, revocationStatement);
  },
  expected: () => [],
  untimely(at, { issued_at }) {
    const age = Date.parse(at) - Date.parse(issued_at);
    const isTimely = age <= COUNTS_MS + TOLERANCE_MS && age >= -(AHEAD_MS + TOLERANCE_MS);
    return isTimely ? null : `its passkey signed at ${issued_at}`;
  },
};

const END_TEXTS = ["issuer", "org", "mandate", "user", "issued_at"];

function isOfType(value: JsonObject, type: string, texts: readonly string[]): boolean {
  return value.v === 1 && value.type === type && isTime(value.issued_at) &&
    texts.every((name) => typeof value[name] === "string");
}

/** The statement, unless it has members that one made of its own facts has not. */
function known<S extends JsonObject>(statement: S, made: (facts: S) => JsonObject): S | null {
  const names = Object.keys(made(statement));
  return Object.keys(statement).every((name) => names.includes(name)) ? statement : null;
}
