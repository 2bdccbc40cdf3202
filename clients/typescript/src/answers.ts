import type { Problem } from "./errors.ts";
import type { Answers } from "./wire.ts";

/**
 * What an answer must be before anything runs on it. An answer that is not is taken for a refusal:
 * a proxy's page, a cut body or another service must never look like a yes.
 */

type Json = Readonly<Record<string, unknown>>;

/** Null for everything but an object. */
export function objectOf(value: unknown): Json | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Json
    : null;
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const isTextOrNull = (value: unknown) => value === null || isText(value);
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isDigest = (value: unknown) => isText(value) && /^sha256:[0-9a-f]{64}$/.test(value);
const isTime = (value: unknown) =>
  isText(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) &&
  !Number.isNaN(Date.parse(value));
const oneOf = (...names: readonly string[]) => (value: unknown) =>
  isText(value) && names.includes(value);
const idOf = (prefix: string) => (value: unknown) => isText(value) && value.startsWith(prefix);

type Shape = Readonly<Record<string, (value: unknown) => boolean>>;

function fits(value: unknown, shape: Shape): value is Json {
  const object = objectOf(value);
  return object !== null && Object.entries(shape).every(([name, is]) => is(object[name]));
}

/** A member that may be left out. */
const maybe = (is: (value: unknown) => boolean) => (value: unknown) =>
  value === undefined || is(value);

const APPROVAL: Shape = {
  id: idOf("apr_"),
  reference: isText,
  status: oneOf("pending", "approved", "denied", "expired", "cancelled", "revoked"),
  tool_name: isText,
  action_digest: isDigest,
  review_url: isText,
  expires_at: isTime,
};
const isApproval = (value: unknown) => fits(value, APPROVAL);

const CHECK: Shape = {
  decision_id: idOf("dec_"),
  permission: oneOf("allowed", "requires_approval", "disabled"),
  resolved_from: isText,
  rule_id: isTextOrNull,
  policy_version: isCount,
  action_digest: isDigest,
  decided_at: isTime,
  audit: (value) => fits(value, { index: isCount, leaf_hash: isText }),
  next: (value) => objectOf(value) !== null,
  token: maybe(isText),
  token_id: maybe(idOf("rtk_")),
  approval: maybe(isApproval),
};

const MINT: Shape = {
  token: isText,
  token_id: idOf("rtk_"),
  action_digest: isDigest,
  expires_at: isTime,
  decision_id: isTextOrNull,
};

const CONSUME: Shape = {
  token_id: idOf("rtk_"),
  consumed_at: isTime,
  claims: (value) => fits(value, { token_id: idOf("rtk_"), action_digest: isDigest, tool: isText }),
};

/** Whether something is the answer of a check, whole and of one piece. */
export function isCheck(value: unknown): value is Answers["check"] {
  return fits(value, CHECK) && (value["token"] === undefined) === (value["token_id"] === undefined);
}

/** Whether something is a request for an approval. */
export function isApprovalAnswer(value: unknown): value is Answers["approval"] {
  return isApproval(value);
}

/** Whether something is a run token that was minted. */
export function isMint(value: unknown): value is Answers["mint"] {
  return fits(value, MINT);
}

/** Whether something says that a run token is consumed. */
export function isConsumed(value: unknown): value is Answers["consume"] {
  return fits(value, CONSUME) && objectOf(value["claims"])?.["token_id"] === value["token_id"];
}

/** A problem document; null for what is none, so that a proxy's error page is told apart. */
export function problemOf(status: number, value: unknown): Problem | null {
  const problem = objectOf(value);
  if (problem === null || !isText(problem["code"]) || problem["status"] !== status) return null;
  const { code, detail, request_id, next, errors } = problem;
  return {
    code,
    status,
    detail: isText(detail) ? detail : `The service answered ${status} ${code}.`,
    request_id: isText(request_id) ? request_id : null,
    next: objectOf(next),
    errors: Array.isArray(errors)
      ? errors.map(objectOf).flatMap((row) =>
        row !== null && typeof row["path"] === "string" && isText(row["message"])
          ? [{ path: row["path"], message: row["message"] }]
          : []
      )
      : [],
  };
}
