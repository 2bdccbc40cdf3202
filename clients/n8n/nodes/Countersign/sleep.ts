import { isApprovalAnswer, isCheck } from "./sdk/answers.ts";
import { type Action, notAuthorized, type Seeker } from "./sdk/authorize.ts";
import { type Stopped, stopped } from "./sdk/step.ts";

/**
 * Executions that sleep until a person has decided. Each request carries the place of the execution
 * that waits for it, as the caller's own reference. Who finds that place can wake it, and no more:
 * woken, it asks Countersign again, and sleeps on where the answer is not there yet.
 */

const PREFIX = "n8n:";

/** The place of an execution, as a request carries it. */
export function placeOf(resumeUrl: string, base: string): string {
  return PREFIX + resumeUrl.slice(base.length);
}

/**
 * What comes before the execution in the address by which it is woken.
 * @param resumeUrl the node's own
 */
export function wakingBase(resumeUrl: string): string {
  const { origin, pathname } = new URL(resumeUrl);
  return origin + pathname.split("/").slice(0, -2).join("/");
}

/** The address of a place, on this very instance and nowhere else; null for what is none. */
export function addressOf(place: string | null, base: string): string | null {
  const rest = place?.startsWith(PREFIX) === true ? place.slice(PREFIX.length) : "";
  return /^\/\d+\/[\w%-]+(\?[\w=&%-]*)?$/.test(rest) ? base + rest : null;
}

/** Asks where a person is needed; what is said of it while this place waits, null where it does not. */
export async function asksFor(
  seeker: Seeker,
  action: Action,
  reason: string,
  place: string,
): Promise<Stopped | null> {
  const body = { ...action, reason, request: true, reference_id: place };
  const asked = await seeker.post("/v1/permissions/check", body, isCheck, { once: true });
  const { approval = null } = asked;
  if (approval?.status !== "pending" || approval.reference_id !== place) return null;
  return stopped(notAuthorized(asked, approval));
}

/** Whether an item still waits for a person whose answer will wake this place. */
export async function stillWaits(
  seeker: Seeker,
  action: Action,
  place: string,
): Promise<boolean> {
  const { next } = await seeker.post(
    "/v1/permissions/check",
    { ...action },
    isCheck,
  );
  const wait = next["wait"];
  const id = typeof wait === "string" ? /\/v1\/approvals\/(apr_\w+)/.exec(wait)?.[1] : undefined;
  if (id === undefined) return false;
  const approval = await seeker.get(`/v1/approvals/${id}`, isApprovalAnswer);
  return approval.status === "pending" && approval.reference_id === place;
}
