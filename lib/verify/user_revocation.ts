import { isJsonObject, type JsonValue } from "../base/json.ts";
import { challengeText } from "../passkeys/challenge.ts";
import { type RevocationStatement, revocationStatement } from "../passkeys/statement.ts";
import { readBytes } from "./assertion.ts";
import { type CheckedEntry, isTime } from "./export_lines.ts";
import { entryFinding, type Finding, shown } from "./finding.ts";
import { type ShownKey, userSignatureFinding } from "./user_keys.ts";

/** The end of a mandate by its user: what their passkey signed, held against the entry. */

/** For how long what was signed counts, and how far two clocks may differ, milliseconds. */
const COUNTS_MS = 5 * 60 * 1000;
const TOLERANCE_MS = 5 * 60 * 1000;
const AHEAD_MS = 60 * 1000;

/** What is wrong with an end that a user's passkey signed; null for nothing. */
export async function revocationFinding(
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
      : 'has a statement that is no "countersign.mandate-revocation" of version 1';
    const what = `The assertion of entry ${index} ${problem}`;
    return entryFinding("assertion_malformed", index, what);
  }
  const { data, subject, actor, at } = entry;
  if (bytes.credential !== data.credential) {
    const what = `The assertion of entry ${index} is by passkey ${bytes.credential}, the entry ` +
      `names ${shown(data.credential)}`;
    return entryFinding("passkey_mismatch", index, what);
  }
  const expected: [string, JsonValue, JsonValue | undefined][] = [
    ["org", statement.org, org],
    ["mandate", statement.mandate, subject.mandate],
    ["mandate", statement.mandate, actor.id],
    ["user", statement.user, user],
  ];
  for (const [name, said, wanted] of expected) {
    if (said === wanted) continue;
    const what = `The passkey of entry ${index} signed ${name} ${shown(said)}, the entry says ` +
      shown(wanted);
    return entryFinding("statement_mismatch", index, what);
  }
  const age = Date.parse(at) - Date.parse(statement.issued_at);
  if (age > COUNTS_MS + TOLERANCE_MS || age < -(AHEAD_MS + TOLERANCE_MS)) {
    const what = `Entry ${index} is of ${at}, its passkey signed at ${statement.issued_at}`;
    return entryFinding("decision_out_of_time", index, what);
  }
  return await userSignatureFinding(bytes, challengeText(statement), key, { user, index });
}

const TEXTS = ["issuer", "org", "mandate", "user", "issued_at"] as const;

/** The statement of an end; null for what is none, or holds what nobody compares. */
function statementIn(value: JsonValue | undefined): RevocationStatement | null {
  if (!isJsonObject(value)) return null;
  const isOne = value.v === 1 && value.type === "countersign.mandate-revocation" &&
    TEXTS.every((name) => typeof value[name] === "string") && isTime(value.issued_at);
  if (!isOne) return null;
  const read = value as RevocationStatement;
  const known = Object.keys(revocationStatement(read));
  return Object.keys(value).every((name) => known.includes(name)) ? read : null;
}
