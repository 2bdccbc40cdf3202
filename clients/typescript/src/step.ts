import { isApprovalAnswer, isCheck, isConsumed, isMint } from "./answers.ts";
import {
  type Action,
  type Asking,
  authorize,
  type Authorized,
  authorized,
  type NotAuthorized,
  notAuthorized,
  type Seeker,
} from "./authorize.ts";
import { NotRun } from "./errors.ts";
import { refusalOf } from "./refusal.ts";

/**
 * A step of a flow that was built without code: whether its item passes on to what it guards.
 * Nothing is thrown, for such engines do with an error what their own settings say, and go on where
 * these say so. What breaks is a step that stops.
 */

/** It passes, once. */
export interface Passing {
  readonly passes: true;
  readonly token: string;
  readonly token_id: string;
  readonly decision_id: string | null;
  /** The request that a person approved; null where nobody was asked. */
  readonly reference: string | null;
}

/** It does not, and what to tell. */
export interface Stopped {
  readonly passes: false;
  readonly code: string;
  readonly message: string;
  readonly reference: string | null;
  readonly review_url: string | null;
  readonly confirm_url: string | null;
  readonly next: NotAuthorized["next"];
  readonly what_to_do: string;
}

export type Step = Passing | Stopped;

/** What becomes of the token of a step. */
export interface Passage {
  /** False leaves the token to whoever runs the action, who consumes it. */
  readonly consume: boolean;
}

const CONSUMED: Passage = { consume: true };

/** Asks a person where one is needed, waits for them, and consumes the token of exactly this item. */
export function askToPass(
  seeker: Seeker,
  action: Action,
  asking: Asking,
  passage = CONSUMED,
): Promise<Step> {
  return settled(action, async () => {
    const permit = await authorize(seeker, action, asking);
    return permit.allowed ? await passed(seeker, action, permit, passage) : stopped(permit);
  });
}

/**
 * The same without asking anybody: what is allowed passes, and what a person has approved by now.
 * A flow that was woken looks here again, whoever woke it and whatever they said.
 */
export function checkToPass(seeker: Seeker, action: Action, passage = CONSUMED): Promise<Step> {
  return settled(action, async () => {
    const body = { ...action, mint: true };
    const asked = await seeker.post("/v1/permissions/check", body, isCheck, { once: true });
    if (asked.token !== undefined && asked.token_id !== undefined) {
      const { token, token_id } = asked;
      return await passed(seeker, action, authorized(asked, { token, token_id }, null), passage);
    }
    const id = requestIn(asked.next);
    if (id === null) return unasked(notAuthorized(asked, null));
    const path = `/v1/approvals/${encodeURIComponent(id)}`;
    const approval = await seeker.get(path, isApprovalAnswer);
    if (approval.status !== "approved") return stopped(notAuthorized(asked, approval));
    const by = { ...action, approval_id: approval.id };
    const minted = await seeker.post("/v1/tokens/mint", by, isMint, { once: true });
    return await passed(seeker, action, authorized(asked, minted, approval), passage);
  });
}

/** Consumes a token that an earlier step left, for the item as it is now. */
export function spendToPass(seeker: Seeker, action: Action, token: string): Promise<Step> {
  return settled(action, async () => {
    const token_id = await consumed(seeker, action, token);
    return { passes: true, token, token_id, decision_id: null, reference: null };
  });
}

/** The request that a verdict points at: pending, or approved and not used. */
function requestIn(next: Readonly<Record<string, unknown>>): string | null {
  const { approval_id, wait } = next;
  if (typeof approval_id === "string") return approval_id;
  return typeof wait === "string" ? /\/v1\/approvals\/(apr_\w+)/.exec(wait)?.[1] ?? null : null;
}

function unasked(why: NotAuthorized): Stopped {
  const needsPerson = why.code === "no_token";
  const message = "A person has to approve it as it is now, and nobody is asked";
  return stopped(needsPerson ? { ...why, code: "requires_approval", message } : why);
}

async function passed(
  seeker: Seeker,
  action: Action,
  { token, token_id, decision_id, approval }: Authorized,
  { consume }: Passage,
): Promise<Step> {
  const reference = approval?.reference ?? null;
  if (consume && await consumed(seeker, action, token) !== token_id) {
    throw new NotRun("Another token was consumed than was sent", { code: "bad_answer", reference });
  }
  return { passes: true, token, token_id, decision_id, reference };
}

async function consumed(seeker: Seeker, action: Action, token: string): Promise<string> {
  const { tool_name, arguments: args, tenant_id, resource_id, method } = action;
  const body = { token, tool_name, arguments: args, tenant_id, resource_id, method };
  return (await seeker.post("/v1/tokens/consume", body, isConsumed, { once: true })).token_id;
}

/** The end of a step without a token. */
export function stopped(why: NotAuthorized): Stopped {
  const { code, message, reference, review_url, confirm_url, next } = why;
  const { what_to_do } = refusalOf("", new NotRun(message, { code }));
  return { passes: false, code, message, reference, review_url, confirm_url, next, what_to_do };
}

/** The end of a step that broke, by an error of any kind. */
export function brokenStep(tool: string, error: unknown): Stopped {
  const { code, message, reference, next, what_to_do } = refusalOf(tool, error);
  const none = { review_url: null, confirm_url: null };
  return { passes: false, code, message, reference, next, what_to_do, ...none };
}

async function settled({ tool_name }: Action, step: () => Promise<Step>): Promise<Step> {
  try {
    return await step();
  } catch (error) {
    return brokenStep(tool_name, error);
  }
}
