import type { JsonObject } from "../../lib/base/json.ts";
import type { ClockDoubt } from "../../lib/ledger/clock.ts";
import { assertionFaultText } from "../../lib/passkeys/fault.ts";
import type { InputProblem, RefusalData } from "../../lib/refusal.ts";
import { CANCELLED_WORDS } from "../../lib/sheet/sentence.ts";

/** Refusals that only the HTTP surface knows. */
export interface SurfaceData {
  /** `close`: paths that there are, and that resemble it. */
  route_not_found: { path: string; close: string[] };
  method_not_allowed: { method: string; allow: string[] };
  payload_too_large: { limit: number };
  request_timeout: { seconds: number };
  misdirected_request: { host: string; expected: string };
  foreign_origin: { origin: string | null };
  upgrade_required: Record<never, never>;
  origin_not_allowed: { origin: string };
  id_in_flight: { id: string | number };
  too_many_frames: { limit: number; retry_after_seconds: number };
  not_over_socket: { what: string };
  answer_too_large: { limit: number };
  other_organization: Record<never, never>;
  overloaded: Record<never, never>;
  store_unavailable: Record<never, never>;
  clock: { doubt: ClockDoubt };
  stopping: Record<never, never>;
  internal_error: Record<never, never>;
}

type ProblemData = RefusalData & SurfaceData;

export type ProblemCode = keyof ProblemData;

/** What one code becomes on the wire, and what `docs/errors.md` says of it. */
export interface ProblemKind<D> {
  readonly status: number;
  readonly title: string;
  /** When this is answered, for the documentation. */
  readonly meaning: string;
  /** What went wrong this time: what was got, what was expected. */
  readonly detail: (data: D) => string;
  /** What its caller can do, in one sentence of the documentation. */
  readonly advice: string;
  /** Routes or times to act on, for programs. */
  readonly next?: (data: D) => JsonObject;
  /** Members beside the standard ones. */
  readonly members?: (data: D) => JsonObject;
}

const fieldErrors = (data: { errors: InputProblem[] }): JsonObject => ({
  errors: data.errors.map(({ path, message }) => ({ path, message })),
});

const firstError = (data: { errors: InputProblem[] }): string => {
  const [first] = data.errors;
  return first === undefined
    ? "The request does not fit."
    : `${first.path || "The request"} ${first.message}.`;
};

const VIEW_CHANGES: Record<RefusalData["view_changed"]["because"], string> = {
  asked_again: "The action was asked again while the page was open, with a new reason.",
  next_level: "The first level was decided while the page was open.",
  other_view: "The page showed something else than what would be decided.",
};

const SESSION_ENDS: Record<RefusalData["session_ended"]["why"], string> = {
  none: "You are not signed in.",
  ended: "You were signed out: this session was ended, here or elsewhere.",
  idle: "Your session ended after 12 hours without use.",
  expired: "Your session ended: one lasts for 7 days.",
};

const LINK_FAULTS: Record<RefusalData["link_not_valid"]["why"], string> = {
  ended: "The link was used, replaced or withdrawn, is too old, or is not complete.",
  other_account: "The link is for another e-mail address than the one you are signed in with.",
  sign_in_first: "The address of this link has a passkey here already.",
};

const retryAfter = (data: { retry_after_seconds: number }): JsonObject => ({
  retry_after_seconds: data.retry_after_seconds,
});

/** Which call a refusal is about, as far as there is one. */
function namesOfCall(
  { upstream, call_id, token_id, execution_id }: Pick<
    RefusalData["outcome_unknown"],
    "upstream" | "call_id" | "token_id" | "execution_id"
  >,
): JsonObject {
  return {
    upstream,
    ...(call_id === null ? {} : { call_id }),
    ...(token_id === null ? {} : { token_id }),
    ...(execution_id === null ? {} : { execution_id }),
  };
}

/**
 * Every error that the API answers, in one place: status, words and next step. The compiler holds
 * this table to the reasons of the domain, and `docs/errors.md` is generated from it.
 */
export const PROBLEMS: { readonly [C in ProblemCode]: ProblemKind<ProblemData[C]> } = {
  malformed_json: {
    status: 400,
    title: "Malformed JSON",
    meaning: "The body is not JSON as RFC 8259 has it, not UTF-8, or ended too early.",
    detail: ({ message }) => message,
    advice: "Send a JSON object encoded as UTF-8.",
  },
  token_invalid: {
    status: 400,
    title: "Token invalid",
    meaning: "The run token is not one of this organization, or was altered.",
    detail: () => "The run token is not one of this organization, or was altered.",
    advice: "Mint a new token for the action.",
    next: () => ({ mint: "/v1/tokens/mint" }),
  },
  missing_credentials: {
    status: 401,
    title: "Credentials missing",
    meaning: "No key was presented.",
    detail: () => "No key was presented.",
    advice: "Send `X-API-Key: <key>` or `Authorization: Bearer <key>`.",
  },
  invalid_credentials: {
    status: 401,
    title: "Credentials not accepted",
    meaning: "The presented key is unknown, revoked or expired, or a sub-token that is used up. " +
      "Which of these is not said.",
    detail: ({ instead }) =>
      instead === undefined
        ? "The presented key is unknown, revoked or expired."
        : `Keys of the API are not taken here; present ${instead}.`,
    advice: "Check the key for missing characters; if it was revoked, ask for a new one.",
  },
  wrong_tier: {
    status: 403,
    title: "Wrong kind of key",
    meaning: "The key is good, and its tier is not one that this route takes.",
    detail: ({ tier, allowed }) =>
      `A credential of tier ${tier} was presented; this needs ${allowed.join(" or ")}.`,
    advice: "Use a key of the tier that the route needs.",
    members: ({ tier, allowed }) => ({ tier, allowed: [...allowed] }),
  },
  tenant_not_permitted: {
    status: 403,
    title: "Tenant not permitted",
    meaning:
      "The credential is bound to tenants, and the request names another or, where there are several, none.",
    detail: ({ tenant_id }) =>
      tenant_id === null
        ? "This credential is bound to tenants, and the request names none of them."
        : `This credential may not act for the tenant ${JSON.stringify(tenant_id)}.`,
    advice: "Name one of the tenants that the credential is bound to.",
    next: ({ permitted }) => ({ tenant_ids: [...permitted] }),
  },
  insufficient_scope: {
    status: 403,
    title: "Scope missing",
    meaning: "The access token, its grant, or the member's role does not include the scope.",
    detail: ({ needs }) => `This needs the scope ${needs}.`,
    advice: "Authorize again with this scope; the member's role has to include it.",
    members: ({ needs }) => ({ scope: needs }),
  },
  owner_required: {
    status: 403,
    title: "Needs an owner",
    meaning: "What was asked is for an owner in the dashboard, not for a key.",
    detail: ({ what }) => `${what} is for an owner in the dashboard, not for a key.`,
    advice: "Ask an owner of the organization.",
  },
  session_ended: {
    status: 401,
    title: "Signed out",
    meaning:
      "There is no session: none was presented, it was ended, here or elsewhere (`ended`), or " +
      "it is over by its time (`idle`, `expired`). `why` says which.",
    detail: ({ why }) => SESSION_ENDS[why],
    advice: "Sign in again with your passkey.",
    next: () => ({ sign_in: "/sign-in" }),
    members: ({ why }) => ({ why }),
  },
  membership_ended: {
    status: 403,
    title: "No longer a member",
    meaning:
      "The person is signed in, and no member of the organization that their session looks at.",
    detail: ({ organization }) =>
      organization === null
        ? "You look at no organization: it was deleted, or you have joined none yet."
        : `You are no longer a member of ${organization}.`,
    advice: "Choose another organization, or ask an owner or admin to invite you again.",
    next: () => ({ organizations: "/organizations" }),
  },
  role_required: {
    status: 403,
    title: "Not for your role",
    meaning: "The member's role does not have the right that this needs.",
    detail: ({ role, right }) => `Your role, ${role}, does not include this (${right}).`,
    advice: "Ask an owner or admin of the organization.",
    members: ({ role, right }) => ({ role, right }),
  },
  fresh_assertion_required: {
    status: 403,
    title: "Confirm with your passkey",
    meaning: "This is done only within five minutes after the member has shown their passkey.",
    detail: ({ what }) => `${what} needs your passkey once more.`,
    advice: "Confirm with your passkey, then send the same again.",
    next: () => ({ confirm: "/session/fresh" }),
  },
  recovery_held: {
    status: 403,
    title: "On hold after a recovery",
    meaning:
      "The member recovered their account a short while ago. While that is on hold they see " +
      "nothing private and change nothing; they may throw a kill switch.",
    detail: ({ until }) => `Your account was recovered; this is on hold until ${until}.`,
    advice: "Wait, or ask another owner to confirm the recovery under their passkey.",
    members: ({ until }) => ({ until }),
  },
  assertion_not_accepted: {
    status: 403,
    title: "Passkey not accepted",
    meaning: "The passkey's answer does not fit what was asked; `why` names what is wrong with it.",
    detail: ({ why }) => assertionFaultText(why),
    advice: "Reload the page and try again.",
    members: ({ why }) => ({ why }),
  },
  code_not_accepted: {
    status: 403,
    title: "Code not accepted",
    meaning:
      "The code is wrong, over five minutes old, used, or was asked for in another browser. Which of these is not said.",
    detail: () =>
      "The code is wrong, too old, or was asked for in another browser. After five wrong tries it is void.",
    advice: "Check the digits, or ask for a new code in this browser.",
  },
  device_code_not_accepted: {
    status: 403,
    title: "No computer under this code",
    meaning:
      "No computer waits under the code: it is wrong, over ten minutes old, or was answered. Which of these is not said. A session takes five wrong codes, a person twenty a day.",
    detail: ({ left }) =>
      left === 0
        ? "No more codes are taken here: too many were wrong."
        : "No computer waits under this code: it is wrong, over ten minutes old, or was answered.",
    advice:
      "Check the letters at the terminal, or ask there for a new code. After five wrong ones, sign out and in again; after twenty, wait a day.",
    members: ({ left }) => ({ left }),
  },
  tool_disabled: {
    status: 403,
    title: "Tool disabled",
    meaning: "The policy disables the action; `resolved_from` names the level that decided.",
    detail: ({ resolved_from }) => `The policy disables this action (${resolved_from}).`,
    advice: "Do not run it. An owner or admin can change the rule that it names.",
    members: ({ resolved_from }) => ({ resolved_from }),
  },
  guard_blocked: {
    status: 403,
    title: "Blocked by a guard",
    meaning:
      "A guard of the tool found something in the arguments and blocks it. `guard` has its kind, and the place as a JSON pointer into the request; a name there that may itself be data is `*`.",
    detail: ({ guard: { kind, pointer } }) => `A guard (${kind}) found something at ${pointer}.`,
    advice:
      "Do not run it. Ask with arguments that do not hold what the guard looks for, or have an owner or admin look at the guards of the tool.",
    members: ({ resolved_from, guard: { kind, pointer } }) => ({
      resolved_from,
      guard: { kind, pointer },
    }),
  },
  self_approval: {
    status: 403,
    title: "Own request",
    meaning:
      "Who answers for the requester may not decide this request: who made it, rotated its secret, or answers for the key that did.",
    detail: () => "This member answers for the requester, and may not decide this request.",
    advice: "Have another approver decide.",
  },
  not_an_approver: {
    status: 403,
    title: "Not an approver",
    meaning:
      "The member has no right to decide at this level, or has not accepted the membership under a passkey.",
    detail: ({ level }) =>
      `This member may not decide at level ${level}, or has not accepted the membership under a passkey.`,
    advice: "Have a member decide who has the right to at this level.",
  },
  already_decided_level: {
    status: 403,
    title: "Already decided a level",
    meaning: "One person, and one key, decides at most one level of a request.",
    detail: () => "One person, and one key, decides at most one level of a request.",
    advice: "Have somebody else decide the next level.",
  },
  passkey_required: {
    status: 403,
    title: "Passkey required",
    meaning:
      "This decision needs a passkey, of a member or of the user who is asked; an approver " +
      "key cannot make it.",
    detail: ({ why }) => why,
    advice:
      "A member decides in the dashboard under a passkey, a user on the page of the question.",
  },
  not_the_requester: {
    status: 403,
    title: "Not the requester",
    meaning:
      "Only who asked for an approval may use or cancel it; to revoke it is also for its decider, owners and admins.",
    detail: () =>
      "Only who asked for this approval may use or cancel it; to revoke it is also for its decider, owners and admins.",
    advice: "Use the credential that made the request, or make a request of your own.",
    next: () => ({ request_approval: "/v1/approvals" }),
  },
  token_revoked: {
    status: 403,
    title: "Token revoked",
    meaning:
      "The run token was good, and would not be minted any more. `reason` says why: `kill_switch`, `credential` (the minter's was revoked, expired or narrowed), `rotated` (its agent was given a new token), `tool_changed`, `approval_revoked`, `mandate` (the one it was minted under has ended), `policy` (the action is not allowed without an approval any more, or disabled) or `levels` (its approval is not enough any more).",
    detail: ({ why }) => `The run token no longer authorizes its action: ${why}.`,
    advice: "Do not run it. Check again what the policy says now.",
    members: ({ reason }) => ({ reason }),
    next: () => ({ check: "/v1/permissions/check" }),
  },
  not_found: {
    status: 404,
    title: "Not found",
    meaning: "There is nothing with this id in the organization of the key.",
    detail: ({ what }) => `There is no ${what}.`,
    advice: "Check the id; ids of other organizations are not found either.",
  },
  link_not_valid: {
    status: 404,
    title: "Link not valid",
    meaning:
      "The invitation, set-up or recovery link was used, replaced or withdrawn, is too old, is not complete, or is for somebody else.",
    detail: ({ why }) => LINK_FAULTS[why],
    advice:
      "Sign in if you have a passkey here; otherwise ask whoever sent the link for a new one.",
    members: ({ why }) => ({ why }),
    next: () => ({ sign_in: "/sign-in" }),
  },
  route_not_found: {
    status: 404,
    title: "No such route",
    meaning: "There is no such path.",
    detail: ({ path, close }) =>
      `There is no route ${path}.` +
      (close.length === 0 ? "" : ` Close to it: ${close.join(", ")}.`),
    advice: "See `/docs` for the routes; `next.close` names those that the path resembles.",
    next: ({ close }) => ({ docs: "/docs", ...(close.length === 0 ? {} : { close }) }),
  },
  method_not_allowed: {
    status: 405,
    title: "Method not allowed",
    meaning: "The path is there, for other methods.",
    detail: ({ method, allow }) => `${method} is not for this route; it takes ${allow.join(", ")}.`,
    advice: "Use a method of the `Allow` header.",
  },
  request_timeout: {
    status: 408,
    title: "Request too slow",
    meaning: "The body did not arrive in time.",
    detail: ({ seconds }) => `The body did not arrive within ${seconds} seconds.`,
    advice: "Send the request again, in one piece.",
  },
  last_owner: {
    status: 409,
    title: "Last owner",
    meaning: "The organization would be left without an owner who can sign in.",
    detail: ({ organization }) =>
      `${JSON.stringify(organization)} would be left without an owner who can sign in.`,
    advice: "Make another member with a passkey an owner first, or delete the organization.",
    members: ({ organization }) => ({ organization }),
  },
  last_passkey: {
    status: 409,
    title: "Last passkey",
    meaning: "The account would be left without a passkey that works under this address.",
    detail: () => "It is your only passkey here: without it you could not sign in again.",
    advice: "Add another passkey first.",
  },
  too_many_passkeys: {
    status: 409,
    title: "Too many passkeys",
    meaning: "The account has as many passkeys as one person may have.",
    detail: ({ most }) => `Your account has ${most} passkeys already, and no more fit.`,
    advice: "Remove one that you do not use, then add the new one.",
  },
  too_many_upstreams: {
    status: 409,
    title: "Too many upstreams",
    meaning: "The organization has as many upstreams as it may have.",
    detail: ({ most }) => `The organization has ${most} upstreams already, and no more fit.`,
    advice: "Remove one that is not needed, then add the new one.",
  },
  definition_changed: {
    status: 409,
    title: "Definition changed",
    meaning:
      "A tool of an upstream is to be approved for a definition that is not the one it has, or it " +
      "has changed since it was first offered and no definition is named. Nothing was approved.",
    detail: ({ tool_name }) =>
      `${tool_name} is defined in another way than was named, or than when it was first offered.`,
    advice: "Read what it is by now, then approve it by that `definition_digest`.",
    members: ({ tool_name }) => ({ tool_name }),
  },
  too_many_webhooks: {
    status: 409,
    title: "Too many webhooks",
    meaning: "The organization has as many webhooks as one may have, active or not.",
    detail: ({ most }) => `There are ${most} webhooks already, and no more fit.`,
    advice: "Remove one that is not used, or have one address hear of more events.",
  },
  too_many_channels: {
    status: 409,
    title: "Too many channels",
    meaning: "The organization has as many channels as one may have, active or not.",
    detail: ({ most }) => `There are ${most} channels already, and no more fit.`,
    advice: "Remove one that is not used, or have one channel hear of more events.",
  },
  slack_not_connected: {
    status: 409,
    title: "Slack not connected",
    meaning: "Slack did not give the address of a channel, or its answer was not to this session.",
    detail: ({ why }) => `Slack ${why}.`,
    advice: "Begin again under Notifications, or paste the address of an incoming webhook there.",
  },
  rotation_running: {
    status: 409,
    title: "Rotation running",
    meaning:
      "The webhook was given a new secret within the last 24 hours, and the one before still signs.",
    detail: ({ until }) => `The secret before the present one signs until ${until}.`,
    advice:
      "Wait until then; or send force: true to end that secret now, whoever still knows it alone.",
    members: ({ until }) => ({ until }),
  },
  too_many_organizations: {
    status: 409,
    title: "Too many organizations",
    meaning: "The person made as many organizations as one may in a day, or is in as many as fit.",
    detail: ({ most, within }) =>
      within === "day"
        ? `You have made ${most} organizations within a day, and no more are made until it is over.`
        : `You are in ${most} organizations, and no more fit.`,
    advice: "Use one that you have, or wait a day; leave or delete one that nobody needs.",
  },
  approval_not_required: {
    status: 409,
    title: "Approval not required",
    meaning: "The policy allows the action as it is: there is nothing to approve.",
    detail: () => "The policy allows this action as it is.",
    advice: "Mint a token, or run the action.",
    next: () => ({ mint: "/v1/tokens/mint" }),
  },
  approval_required: {
    status: 409,
    title: "Approval required",
    meaning:
      "The policy holds the action for a human, and no approval that covers it was given along.",
    detail: ({ resolved_from }) => `The policy holds this action for a human (${resolved_from}).`,
    advice: "Request an approval, wait for it, then mint with its `approval_id`.",
    members: ({ decision_id, resolved_from }) => ({ decision_id, resolved_from }),
    next: () => ({ request_approval: "/v1/approvals" }),
  },
  approval_not_approved: {
    status: 409,
    title: "Approval not approved",
    meaning:
      "The approval is pending, or ended without being given, or does not count any more on the policy of now.",
    detail: ({ status, because }) =>
      because === null
        ? `The approval is ${status}.`
        : `The approval is ${status}, because ${CANCELLED_WORDS[because]}.`,
    advice: "Wait until it is approved; if it has ended, request a new one.",
    members: ({ status, because }) => ({ approval_status: status, ended_because: because }),
    next: ({ pending }) =>
      pending === undefined
        ? { request_approval: "/v1/approvals" }
        : { wait: `/v1/approvals/${pending}?wait=50` },
  },
  approval_not_pending: {
    status: 409,
    title: "Approval not pending",
    meaning: "The approval was decided, or ended, already.",
    detail: ({ status, because }) =>
      because === null
        ? `The approval is ${status} already.`
        : `The approval is ${status}, because ${CANCELLED_WORDS[because]}.`,
    advice: "Nothing is left to decide or cancel; request a new one if it is still needed.",
    members: ({ status, because }) => ({ approval_status: status, ended_because: because }),
  },
  view_changed: {
    status: 409,
    title: "Changed while it was open",
    meaning:
      "The request was asked again, or went to its next level, after the page was shown: what was on it is not what would be decided.",
    detail: ({ because }) => VIEW_CHANGES[because],
    advice: "Reload the page, read it again, then decide.",
    members: ({ because }) => ({ because }),
  },
  nonce_ended: {
    status: 409,
    title: "Press Approve again",
    meaning:
      "What the passkey was to sign is over five minutes old, was used, or was handed to another session or level.",
    detail: () =>
      "It took longer than five minutes, was tried before, or the page was opened once more since.",
    advice: "Press Approve again.",
  },
  approval_used: {
    status: 409,
    title: "Approval used",
    meaning: "The approval was turned into a run token: it counts once.",
    detail: () => "The approval has been turned into a run token: it counts once.",
    advice: "Use that token, or request a new approval.",
    members: ({ token_id }) => ({ token_id }),
    next: () => ({ request_approval: "/v1/approvals" }),
  },
  approval_lapsed: {
    status: 409,
    title: "Approval lapsed",
    meaning: "The approval was given, and not used in time.",
    detail: ({ use_before }) => `The approval had to be used before ${use_before}.`,
    advice: "Request a new approval and mint soon after it is given.",
    members: ({ use_before }) => ({ use_before }),
    next: () => ({ request_approval: "/v1/approvals" }),
  },
  action_mismatch: {
    status: 409,
    title: "Action mismatch",
    meaning:
      "The action is not the one that was authorized; `differs` names the places where that is known.",
    detail: ({ differs }) =>
      differs === null || differs.length === 0
        ? "The action is not the one that was authorized."
        : `The action differs from the authorized one at ${differs.join(", ")}.`,
    advice: "Run exactly what was authorized, or ask again for what you mean to run.",
    members: ({ differs }) => (differs === null ? {} : { differs }),
  },
  recently_denied: {
    status: 409,
    title: "Recently denied",
    meaning: "The same requester had the same action denied a short while ago.",
    detail: ({ retry_after_seconds }) =>
      `The same action was denied; it can be asked again in ${retry_after_seconds} seconds.`,
    advice: "Do not run it. Read why it was denied before you ask again.",
    members: ({ approval_id }) => ({ approval_id }),
    next: retryAfter,
  },
  no_second_level: {
    status: 409,
    title: "No second level",
    meaning:
      "The tool needs a second approval, and group Level 2 has no member who could give it: one who accepted the membership under a passkey.",
    detail: () => "This tool needs a second approval, and nobody in group Level 2 could give it.",
    advice:
      "An owner or admin puts a member with a passkey into group Level 2; or an owner allows one approval under their passkey.",
  },
  tool_not_registered: {
    status: 409,
    title: "Tool not registered",
    meaning: "The tool is not in the catalog, and was not added by being asked about.",
    detail: ({ tool_name }) => `The tool ${JSON.stringify(tool_name)} is not in the catalog.`,
    advice: "Register it with a management key, or ask again when discovery has room.",
  },
  token_used: {
    status: 409,
    title: "Token used",
    meaning: "The run token was consumed before: of any number of attempts one succeeds.",
    detail: ({ consumed_at }) => `The run token was consumed at ${consumed_at}: it counts once.`,
    advice: "Do not run the action again. Mint a new token if it is wanted once more.",
    members: ({ consumed_at, consumed_by_request }) => ({ consumed_at, consumed_by_request }),
  },
  already_logged: {
    status: 409,
    title: "Already logged",
    meaning: "The execution was reported before.",
    detail: ({ execution_id }) => `The execution is logged already, as ${execution_id}.`,
    advice: "Nothing is left to do.",
    members: ({ execution_id }) => ({ execution_id }),
  },
  mandate_not_found: {
    status: 404,
    title: "Mandate not found",
    meaning:
      "There is no mandate with this id that the key may know of. On a check it is a verdict instead.",
    detail: ({ mandate_id }) => `There is no mandate ${mandate_id}.`,
    advice:
      "Check the id; mandates of other organizations, and of tenants of others, are not found.",
  },
  confirmation_gone: {
    status: 410,
    title: "Not open any more",
    meaning:
      "The question was answered, is over, or there is none by this nonce; which is not said.",
    detail: () => "There is no open question by this nonce.",
    advice: "Ask again for the action: that makes a new question.",
  },
  mandate_ended: {
    status: 409,
    title: "Mandate ended",
    meaning:
      "The mandate that is to be replaced or handed on was revoked, replaced by another, or has expired.",
    detail: ({ mandate_id, state }) => `The mandate ${mandate_id} is ${state}.`,
    advice: "Grant a mandate without `replaces`, or replace the one that took its place.",
    members: ({ mandate_id, state }) => ({ mandate_id, state }),
  },
  mandate_too_wide: {
    status: 422,
    title: "Mandate too wide",
    meaning: "A mandate that is made of another may say less than that one, and no more.",
    detail: ({ parent, path }) => `${path} says more than the mandate ${parent} does.`,
    advice:
      "Leave it out, which means as there, or narrow it: scopes, resources, limits, budgets, tenant, end.",
    members: ({ parent, path }) => ({ parent, path }),
  },
  mandate_too_deep: {
    status: 422,
    title: "Mandate too deep",
    meaning: "A mandate was handed on as often as one can be.",
    detail: ({ parent, most }) =>
      `The mandate ${parent} is the last of a line, which has ${most} at most.`,
    advice: "Hand on one that stands further up.",
    members: ({ parent, most }) => ({ parent, most }),
  },
  estimate_required: {
    status: 422,
    title: "Estimate required",
    meaning: "The action counts against a budget, and the request does not say what it may cost.",
    detail: () => "The action counts against a budget, and nothing says what it may cost.",
    advice: "Send `estimated_cost_micros`, millionths of your currency, as high as it can become.",
  },
  reservation_not_found: {
    status: 404,
    title: "Reservation not found",
    meaning:
      "There is no such decision of the caller, it reserved nothing, or a run token has what it reserved.",
    detail: ({ decision_id }) =>
      `The decision ${decision_id} has no reservation that you can settle.`,
    advice: "What ran under a run token is settled by its execution: log that with `cost_micros`.",
    next: () => ({ log: "/v1/executions/log" }),
  },
  already_settled: {
    status: 409,
    title: "Already settled",
    meaning: "The reservation was settled with another cost, or taken over by a run token, before.",
    detail: ({ decision_id }) => `What the decision ${decision_id} reserved is settled already.`,
    advice: "Nothing is left to do.",
    members: ({ decision_id }) => ({ decision_id }),
  },
  erased: {
    status: 410,
    title: "Erased",
    meaning: "The receipt would say whom it is about, and that was erased.",
    detail: ({ receipt_id }) => `What ${receipt_id} would say of a user was erased.`,
    advice: "Nobody can make it again. Its entry is in the log, and proves itself as before.",
  },
  bundle_edition_exists: {
    status: 412,
    title: "Edition published by now",
    meaning: "Another edition of the bundle was published after the one that `If-Match` names.",
    detail: ({ id, edition }) =>
      edition === 0
        ? `The bundle ${id} has no edition yet.`
        : `The newest edition of the bundle ${id} is ${edition} by now.`,
    advice: "Read the bundle again, apply your change to it, and send it with its edition.",
    members: ({ edition }) => ({ edition }),
  },
  idempotency_in_progress: {
    status: 409,
    title: "Request in progress",
    meaning: "A request with this idempotency key is still running.",
    detail: () => "A request with this idempotency key is still running.",
    advice: "Wait for its answer, then repeat to read it.",
  },
  idempotency_stale: {
    status: 409,
    title: "Kept answer is stale",
    meaning:
      "The kept answer granted something, and the policy has changed or the token was spent since.",
    detail: () => "The kept answer granted something that it may not grant any more.",
    advice: "Ask again under a new idempotency key.",
  },
  token_expired: {
    status: 410,
    title: "Token expired",
    meaning: "The run token was not used in time.",
    detail: ({ expired_at }) => `The run token expired at ${expired_at}.`,
    advice: "Mint a new token.",
    members: ({ expired_at }) => ({ expired_at }),
    next: () => ({ mint: "/v1/tokens/mint" }),
  },
  precondition_failed: {
    status: 412,
    title: "Policy changed",
    meaning: "The policy changed after the version that `If-Match` names.",
    detail: ({ policy_version }) => `The policy is at version ${policy_version} by now.`,
    advice: "Read the policy again, apply your change to it, and send it with its version.",
    members: ({ policy_version }) => ({ policy_version }),
  },
  payload_too_large: {
    status: 413,
    title: "Body too large",
    meaning: "The body is larger than any request may be.",
    detail: ({ limit }) => `A body may have ${limit} bytes.`,
    advice: "Send less.",
  },
  misdirected_request: {
    status: 421,
    title: "Misdirected request",
    meaning: "The request names another host than this deployment's public origin.",
    detail: ({ host, expected }) =>
      `This is ${expected}; the request was for ${host}. Ask for ${expected}; a proxy in front of it ` +
      "has to hand the Host on as it came.",
    advice: "Use the public origin of the deployment (`COUNTERSIGN_URL`).",
  },
  invalid_request: {
    status: 422,
    title: "Request does not fit",
    meaning: "Body, query or path do not fit the schema of the route; `errors` names each place.",
    detail: firstError,
    advice: "Correct the members that `errors` names.",
    members: fieldErrors,
  },
  duplicate_key: {
    status: 422,
    title: "Duplicate member",
    meaning: "An object names a member twice, which readers take differently.",
    detail: firstError,
    advice: "Name every member of an object once.",
    members: fieldErrors,
  },
  invalid_arguments: {
    status: 422,
    title: "Arguments do not fit the tool",
    meaning: "The arguments do not fit the tool's parameter schema; `errors` names each place.",
    detail: firstError,
    advice: "Correct the arguments after the tool's parameter schema.",
    members: fieldErrors,
  },
  invalid_selector: {
    status: 422,
    title: "Not a selector",
    meaning: "The parts of the selector are none of the eight levels of a rule, or one of them " +
      "holds `*`, `?` or `|`: names are compared as they stand, and no pattern is understood.",
    detail: firstError,
    advice:
      "Write what `errors` says instead; docs/rules.md has the levels, and lists of what is " +
      "allowed.",
    members: fieldErrors,
  },
  org_required: {
    status: 422,
    title: "Organization not named",
    meaning: "The MCP connection reaches several organizations, and the call names none of them.",
    detail: ({ orgs }) =>
      `This connection reaches ${orgs.length} organizations, and the call names none of them.`,
    advice: "Pass `org`, the id of the organization that the call is about.",
    members: ({ orgs }) => ({ organizations: orgs.map(({ id, name }) => ({ id, name })) }),
  },
  idempotency_mismatch: {
    status: 422,
    title: "Idempotency key used for another request",
    meaning: "The idempotency key came with another body before.",
    detail: () => "This idempotency key came with another body before.",
    advice: "Use a new key for a new request.",
  },
  precondition_required: {
    status: 428,
    title: "Version required",
    meaning: "A policy is replaced only with `If-Match`, so that nobody's change is lost.",
    detail: () => "A policy is replaced only with `If-Match`.",
    advice: 'Read the policy and send its version as `If-Match: "<policy_version>"`.',
  },
  rate_limited: {
    status: 429,
    title: "Too many requests",
    meaning:
      "The credential, the person, or the address of somebody who is not signed in, sent more requests than its limit for a minute.",
    detail: ({ limit, left }) =>
      `At most ${limit} requests a minute are answered to one sender` +
      (left === 0 ? "." : `; ${left} are left, and this call counts as more.`),
    advice:
      "Wait for the seconds of `Retry-After`, at most a minute. A batch counts as many requests as it holds: send one that is larger than the limit in parts.",
    next: retryAfter,
  },
  too_many_streams: {
    status: 429,
    title: "Too many answers open",
    meaning:
      "A credential may have 4 exports and other large answers open at the same time, a process 64. One that is not read for 30 seconds is ended. Who leaves 4 large answers to changes unread changes nothing more.",
    detail: ({ limit }) => `As many large answers are being read as may be: ${limit}.`,
    advice:
      "Read those that are open to their end, or close them; try again after the seconds of `Retry-After` at the latest.",
    next: retryAfter,
  },
  too_many_sockets: {
    status: 429,
    title: "Too many sockets",
    meaning: "A credential may have 20 sockets open at the same time, a process 500.",
    detail: ({ limit }) => `As many sockets are open as may be: ${limit}.`,
    advice: "Use one of those that are open: each takes many frames at once. Close what is unused.",
    next: retryAfter,
  },
  too_many_pending: {
    status: 429,
    title: "Too many requests for approval",
    meaning:
      "The requester, or the organization, has asked for as many approvals as may wait, or as may be asked in a minute.",
    detail: ({ limit }) => `The limit is reached: ${limit}.`,
    advice: "Wait for decisions, or cancel what is no longer needed.",
    next: retryAfter,
  },
  too_many_codes: {
    status: 429,
    title: "Too many codes",
    meaning:
      "An address gets five codes an hour, and takes twenty wrong tries a day; it has had as many.",
    detail: () => "This address has had as many codes, or wrong tries, as it may have for now.",
    advice: "Wait for the seconds of `Retry-After`, then ask for a new code.",
    next: retryAfter,
  },
  internal_error: {
    status: 500,
    title: "Internal error",
    meaning: "Something failed inside. Nothing was granted.",
    detail: () => "Something failed inside. Nothing was granted.",
    advice: "Report the request id to the operator.",
  },
  foreign_origin: {
    status: 403,
    title: "Sent from another site",
    meaning: "A change came from a page of another site, or its sender did not say from where.",
    detail: ({ origin }) => `The request came from ${origin ?? "an unknown origin"}.`,
    advice: "Open the dashboard itself and do it there.",
  },
  upgrade_required: {
    status: 426,
    title: "Not a WebSocket",
    meaning: "The route opens a WebSocket, and the request asks for none.",
    detail: () => "The request does not ask for a WebSocket of version 13 (RFC 6455).",
    advice:
      "Open it by a WebSocket client; behind a proxy, let that pass `Upgrade` and `Connection` on.",
  },
  origin_not_allowed: {
    status: 403,
    title: "Origin not allowed",
    meaning:
      "A page of another site asked for a socket, and the operator has not named its origin.",
    detail: ({ origin }) => `Pages of ${JSON.stringify(origin)} get no socket here.`,
    advice: "The operator names the exact origin in `COUNTERSIGN_WS_ORIGINS`.",
  },
  id_in_flight: {
    status: 409,
    title: "Id in flight",
    meaning: "A frame has the id of another one of the same socket that is not answered yet.",
    detail: ({ id }) => `The frame ${JSON.stringify(id)} of this socket is not answered yet.`,
    advice: "Give every frame another id, or wait for the answer. Nothing was done for this one.",
  },
  too_many_frames: {
    status: 429,
    title: "Too many frames in flight",
    meaning: "As many frames of the socket wait for their answers as may.",
    detail: ({ limit }) => `${limit} frames of this socket wait for their answers.`,
    advice: "Read answers before you ask on. Nothing was done for this one.",
    next: retryAfter,
  },
  not_over_socket: {
    status: 404,
    title: "Not over a socket",
    meaning: "Frames reach the routes of the API that answer JSON, and nothing else.",
    detail: ({ what }) => `${what} is not reached over a socket.`,
    advice:
      "Ask for it over HTTP: exports stream, and pages, OAuth and MCP have ways of their own.",
  },
  answer_too_large: {
    status: 502,
    title: "Answer too large for the socket",
    meaning: "What was asked was done, and its answer is larger than a socket may hold.",
    detail: ({ limit }) => `The answer has more than ${limit} bytes. What was asked was done.`,
    advice: "Repeat it over HTTP, with the same idempotency key; ask for shorter pages of lists.",
  },
  other_organization: {
    status: 409,
    title: "Another organization",
    meaning:
      "A form of the dashboard is of another organization than the one that its sender looks at by now.",
    detail: () =>
      "You switched to another organization after this page was loaded. Nothing was changed.",
    advice: "Switch back, load the page again, and do it there.",
  },
  not_of_an_upstream: {
    status: 409,
    title: "Not run from here",
    meaning:
      "The tool of a call is in the catalog, and no tool of an upstream: nothing here runs it.",
    detail: ({ tool_name }) =>
      `${tool_name} is no tool of an upstream, so it is not run from here.`,
    advice: "Mint a run token for the action and run it yourself, or call a tool of an upstream.",
    next: () => ({ mint: "/v1/tokens/mint" }),
  },
  upstream_paused: {
    status: 409,
    title: "Upstream paused",
    meaning: "The upstream of the tool is paused by whoever configures it. Nothing was sent.",
    detail: ({ upstream }) => `The upstream ${upstream} is paused.`,
    advice: "Wait until it is active again.",
    members: ({ upstream }) => ({ upstream }),
  },
  credential_missing: {
    status: 409,
    title: "Upstream wants a credential",
    meaning:
      "The upstream wants a credential, and there is none here that acts for this caller, or it " +
      "answered 401 to the one that is kept. Nothing was run, and the permission was given back.",
    detail: ({ upstream, says }) => `The upstream ${upstream} did not let the call in. ${says}`,
    advice: "Tell whoever keeps the credential to open connect_url; without one, whoever " +
      "configures the upstream. Then ask for the same again.",
    members: (data) => ({ ...namesOfCall(data), connect_url: data.connect_url }),
  },
  credential_not_for_origin: {
    status: 422,
    title: "Credential of another origin",
    meaning:
      "An upstream names a credential that may not go to where it is. Credentials are bound " +
      "to the scheme, host and port that they were put in for. Nothing was sent.",
    detail: ({ credential_id, origin, origins }) =>
      `The credential ${credential_id} may go to ${origins.join(", ")}, and not to ${
        origin || "this address"
      }.`,
    advice: "Name a credential that was put in for this origin, or put one in.",
    members: ({ credential_id, origin, origins }) => ({
      credential_id,
      origin,
      origins: [...origins],
    }),
  },
  credential_needs_reconnect: {
    status: 409,
    title: "Credential needs a person",
    meaning:
      "The credential of the upstream is no good any more, or was never connected: a member has to " +
      "connect it. Nothing was run, and the permission was given back.",
    detail: ({ upstream, connect_url }) =>
      `The credential of the upstream ${upstream} has to be connected by a member, at ${connect_url}`,
    advice:
      "Tell the member who keeps it, or for one of the organization a member who configures " +
      "it, to open the address in connect_url. Then ask for the same again.",
    members: (data) => ({
      ...namesOfCall(data),
      credential_id: data.credential_id,
      connect_url: data.connect_url,
    }),
  },
  provider_not_connected: {
    status: 409,
    title: "Provider not connected",
    meaning: "The provider of a credential let nobody in, or its answer was not to this session.",
    detail: ({ why }) => `The provider ${why}.`,
    advice:
      "Begin again under Credentials. If it stays so, look at what the credential says of it.",
  },
  too_many_credentials: {
    status: 409,
    title: "Too many credentials",
    meaning: "The organization has as many credentials as it may have.",
    detail: ({ most }) => `The organization has ${most} credentials, which is as many as it may.`,
    advice: "Remove one that nothing uses.",
    members: ({ most }) => ({ most }),
  },
  sub_token_too_wide: {
    status: 422,
    title: "Sub-token too wide",
    meaning: "A sub-token may do less than whoever makes it, and no more.",
    detail: ({ path, why }) => `${path} ${why}.`,
    advice: "Leave it out, which means as its maker has it, or narrow it.",
    members: ({ path }) => ({ path }),
  },
  too_many_sub_tokens: {
    status: 409,
    title: "Too many sub-tokens",
    meaning: "As many sub-tokens of one maker are in force as may be.",
    detail: ({ most }) => `${most} sub-tokens of this maker are in force, and no more fit.`,
    advice: "Revoke one that nothing uses, or make them for a shorter time.",
    members: ({ most }) => ({ most }),
  },
  upstream_asks: {
    status: 409,
    title: "Upstream asks something",
    meaning: "The upstream wants to know something before it answers, and nobody here tells it. " +
      "What it did until then it did; the permission is used.",
    detail: ({ upstream, asked }) =>
      `The upstream ${upstream} asks for something first: ${
        asked.join(", ") || "it did not say what"
      }.`,
    advice: "Call the tool with arguments that leave nothing to ask.",
    members: (data) => ({ ...namesOfCall(data), asked: [...data.asked] }),
  },
  too_many_running: {
    status: 429,
    title: "Too many calls running",
    meaning: "A caller may have 4 calls under way, an upstream 8, a process 32. Nothing was sent.",
    detail: ({ limit }) => `As many calls are under way as may be: ${limit}.`,
    advice: "Wait until one of them is answered, then call again.",
    next: retryAfter,
  },
  upstream_failed: {
    status: 502,
    title: "Upstream failed",
    meaning: "The upstream refused the call, by a status of 4xx or an error of the protocol. The " +
      "permission is used.",
    detail: ({ upstream, says }) => `The upstream ${upstream} refused the call. ${says}`,
    advice: "Look at what it says; a call with other arguments is another action.",
    members: (data) => ({
      ...namesOfCall(data),
      http_status: data.http_status,
      rpc_code: data.rpc_code,
    }),
  },
  result_too_large: {
    status: 502,
    title: "Result too large",
    meaning:
      "The tool ran, and its result is larger than its upstream may send. The permission is " +
      "used.",
    detail: ({ upstream, max_bytes, bytes }) =>
      `The result of the upstream ${upstream} has ` +
      (bytes === null ? `more than ${max_bytes} bytes.` : `${bytes} bytes, at most ${max_bytes}.`),
    advice: "Do not run it again for the same: ask for less, such as a page or a part.",
    members: (data) => ({ ...namesOfCall(data), max_bytes: data.max_bytes, bytes: data.bytes }),
  },
  upstream_busy: {
    status: 503,
    title: "Upstream busy",
    meaning: "The upstream takes no call at this moment. Nothing was run, and the permission was " +
      "given back.",
    detail: ({ upstream, says }) => `The upstream ${upstream} takes no call now. ${says}`,
    advice: "Try again after the seconds of `Retry-After`.",
    next: retryAfter,
    members: namesOfCall,
  },
  outcome_unknown: {
    status: 504,
    title: "Outcome unknown",
    meaning: "The call was sent, and no whole answer came: it may have run, or run still. It is " +
      "never sent again by us, and the permission is used.",
    detail: ({ upstream, says }) =>
      `Nobody knows whether the upstream ${upstream} ran the call. ${says}`,
    advice: "Find out what became of it before you run it again.",
    members: namesOfCall,
  },
  upstream_unreachable: {
    status: 502,
    title: "Upstream out of reach",
    meaning:
      "The upstream could not be asked: it was not found or not reached, did not prove its name, " +
      "did not let us in, or did not answer what the protocol asks. No tool of it was run, and a " +
      "permission that was used for it was given back.",
    detail: ({ upstream, says }) => `The upstream ${upstream} could not be asked. ${says}`,
    advice: "Whoever runs the upstream sees to it; then ask again.",
    members: namesOfCall,
  },
  overloaded: {
    status: 503,
    title: "Overloaded",
    meaning: "More requests wait for the store than may, or more large bodies come in at once. " +
      "Nothing was granted.",
    detail: () => "Too many requests wait for the store, or too many large bodies come in at once.",
    advice: "Try again after the seconds of `Retry-After`.",
    next: () => ({ retry_after_seconds: 1 }),
  },
  stopping: {
    status: 503,
    title: "Stopping",
    meaning: "The process is being stopped and takes no new request. Nothing was granted.",
    detail: () => "This process is stopping.",
    advice:
      "Try again after the seconds of `Retry-After`: another one answers, or this one is back.",
    next: () => ({ retry_after_seconds: 1 }),
  },
  store_unavailable: {
    status: 503,
    title: "Store unavailable",
    meaning: "The store did not answer, or did not take the write. Nothing was granted.",
    detail: () => "The store does not answer, or takes no write. Nothing was granted.",
    advice: "Try again after the seconds of `Retry-After`.",
    next: () => ({ retry_after_seconds: 1 }),
  },
  clock: {
    status: 503,
    title: "Clock in doubt",
    meaning:
      "The log of the organization is more than 5 minutes ahead of the clock of the process that was " +
      "asked, or that clock was set by as much while it ran. Nothing was granted and nothing written.",
    detail: ({ doubt }) =>
      doubt === "ahead"
        ? "The newest entry of the log lies more than 5 minutes ahead of this server's clock. Nothing " +
          "was granted. An owner can accept a clock that is right on the Settings page."
        : "This server's clock was set by more than 5 minutes while it ran. Nothing was granted. An " +
          "owner can accept a clock that is right on the Settings page.",
    advice:
      "Try again after the seconds of `Retry-After`. If it stays so, whoever runs the server sets its " +
      "clock right; if the clock is right, and one that was ahead has written into the log, an owner " +
      "accepts that on the Settings page, or the operator by `deno task accept-clock ORG`.",
    next: () => ({ retry_after_seconds: 60 }),
  },
};
