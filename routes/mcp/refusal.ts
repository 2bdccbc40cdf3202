import type { CallToolResult } from "@modelcontextprotocol/server";
import { isJsonObject, type JsonObject } from "../../lib/base/json.ts";
import { renderFindings } from "../../lib/decisions/guarded.ts";
import type { AnyRefusal, RefusalData } from "../../lib/refusal.ts";
import type { CallRecord } from "../../lib/store/records/call.ts";
import { problemOf, type SurfaceRefusal } from "../http/problem_document.ts";
import { PROBLEMS, type SurfaceData } from "../http/problems.ts";

/** What came of a call, with what to do next. */
export function toolResult(data: JsonObject, next: string): CallToolResult {
  return result({ ...data, next }, next);
}

/**
 * The result of a run that happened, and that a guard keeps from whoever asked. It is no refusal: it
 * is said to be an error so that no host looks for what the tool's schema promises.
 */
export function withheldResult(call: CallRecord): CallToolResult {
  const { guard, kind } = "withheld" in call && call.withheld !== undefined
    ? call.withheld
    : { guard: "?", kind: "?" };
  const about = {
    call_id: call.id,
    withheld: { guard, kind },
    ...guardedMeta(call),
  };
  const next =
    `The tool ran, and a guard (${guard}: ${kind}) withholds its result. Do not call it ` +
    "again for the same; tell the person you work for.";
  return { ...toolResult(about, next), isError: true };
}

/** What guards found and replaced, by kind and place. */
export function guardedMeta(call: CallRecord): JsonObject {
  const redactions = "redactions" in call ? call.redactions ?? [] : [];
  const { findings = [] } = call;
  return {
    ...(redactions.length === 0 ? {} : { redactions: redactions.map((one) => ({ ...one })) }),
    ...(findings.length === 0 ? {} : { findings: renderFindings(findings) }),
  };
}

/** A refusal as a result: the words of the API, and a next step that a model can take. */
export function refusalResult(
  refusal: AnyRefusal | SurfaceRefusal,
  id: string,
  steps: NextSteps = REFUSAL_NEXT,
): CallToolResult {
  const { code, data } = refusal;
  // The document's own members are for HTTP: what is left is what this refusal is about.
  const {
    type: _type,
    title: _title,
    status: _status,
    instance: _instance,
    next: hints,
    ...about
  } = problemOf(refusal, { path: "/mcp", id }).body;
  const say = (steps[code] ?? REFUSAL_NEXT[code]) as string | ((data: unknown) => string) | null;
  const next = typeof say === "function" ? say(data) : say ?? PROBLEMS[code].advice;
  const seconds = isJsonObject(hints) ? hints.retry_after_seconds : undefined;
  const structuredContent = {
    ...about,
    ...(seconds === undefined ? {} : { retry_after_seconds: seconds }),
    next,
  };
  return { ...result(structuredContent, `${about.detail} ${next}`), isError: true };
}

/** The words first, and the rest again for hosts that show their model text only. */
function result(structuredContent: JsonObject, text: string): CallToolResult {
  return {
    content: [
      { type: "text", text },
      { type: "text", text: JSON.stringify(structuredContent) },
    ],
    structuredContent,
  };
}

type Data = RefusalData & SurfaceData;

type Code = keyof Data;

const CORRECT = "Correct the arguments as described under errors, and call the tool again.";

const LATER = "Nothing was done. Wait a few seconds, then make the same call again.";

const NEW_TOKEN =
  "Do not run the action under this token. Begin again with check_permission for the action.";

const DO_NOT_RUN = "Do not run the action, in this or another form. Tell the person you work for.";

const ASK_AGAIN =
  "Do not run the action. If it is still wanted, call request_approval with a reason.";

type NextSteps = {
  readonly [C in Code]?: string | ((data: Data[C]) => string) | null;
};

/** The same where the tools are those of upstreams, and none of ours. */
export const GATEWAY_NEXT: NextSteps = {
  invalid_arguments: CORRECT,
  recently_denied: "Do not call the tool for this again. Tell the person you work for, and ask " +
    "again only if something has changed.",
  approval_not_approved: ({ status }) =>
    status === "denied"
      ? "Do not call the tool for this again. Tell the person you work for."
      : "Nothing was run. If it is still wanted, call the tool again.",
  approval_used: "It has run already by another call. For another run, call the tool again.",
  approval_lapsed: "Nothing was run. If it is still wanted, call the tool again.",
  too_many_pending: ({ retry_after_seconds }) =>
    "Wait for people to decide what you asked. Try again in " +
    `${retry_after_seconds} seconds.`,
  no_second_level: "Nothing was run. Tell the person you work for that the organization has " +
    "nobody for the second approval.",
};

/**
 * What a model is to do about each refusal, in the tools it has; null for what no tool here can be
 * refused with, because it is about people at their browser or about routes. The compiler lets no
 * code be left out.
 */
export const REFUSAL_NEXT: Required<NextSteps> = {
  // Input
  confirmation_gone: null,
  malformed_json: CORRECT,
  duplicate_key: CORRECT,
  invalid_request: CORRECT,
  invalid_arguments:
    "Correct the action's arguments as described under errors: they have to fit the " +
    "tool's own schema.",
  org_required: ({ orgs }) =>
    `Call the tool again with org set to the id of the organization that this is about: ${
      orgs.map(({ id, name }) => `${id} (${JSON.stringify(name)})`).join(", ")
    }. If you do not know which, ask the person you work for.`,
  payload_too_large: "Send less: shorten context or arguments.",
  request_timeout: LATER,
  // Who asks
  missing_credentials: "Tell the person you work for to connect Countersign again.",
  invalid_credentials:
    "This connection was revoked or has ended: nothing runs through it. Tell the " +
    "person you work for to connect Countersign again.",
  wrong_tier: "Tell the person you work for: this credential is not for agents.",
  tenant_not_permitted: ({ permitted }) =>
    `Name one of these under tenant_id, if the action is for it: ${
      permitted.map((tenant) => JSON.stringify(tenant)).join(", ")
    }. Otherwise do not run the action.`,
  too_many_streams: ({ retry_after_seconds }) => later(retry_after_seconds),
  rate_limited: ({ retry_after_seconds }) => later(retry_after_seconds),
  insufficient_scope: ({ needs }) =>
    `Tell the person you work for: this needs the scope ${needs}, and a role in the ` +
    "organization that includes it.",
  not_found: "Check the id for missing characters. What other connections and organizations " +
    "have is not found from here.",
  // Mandates
  mandate_not_found: null,
  mandate_ended: null,
  mandate_too_wide: null,
  mandate_too_deep: null,
  bundle_edition_exists: null,
  estimate_required:
    "Say what the action costs at most, as estimated_cost_micros: what the user lets you do has a limit.",
  reservation_not_found: null,
  already_settled: null,
  erased: null,
  // Approvals
  approval_not_required:
    "No approval is needed: call mint_run_token with the same action and run it once.",
  approval_required:
    "A person has to approve it: call request_approval with the same action and a " +
    "reason, then mint with its reference.",
  tool_disabled: DO_NOT_RUN,
  guard_blocked:
    "Do not run the action. Arguments without what the guard looks for may be asked about anew; " +
    "do not try to write the same another way.",
  tool_not_registered:
    "Do not run the action. Tell the person you work for that the organization does " +
    "not know this tool.",
  recently_denied:
    "Do not run the action. Read that decision with check_approval_status and the approval_id; " +
    "ask again only if something has changed.",
  no_second_level:
    "Do not run the action. Tell the person you work for that the organization has " +
    "nobody for the second approval.",
  too_many_pending: ({ retry_after_seconds }) =>
    "Wait for the decisions of what you asked (list_pending_approvals), or withdraw " +
    "what is not wanted any more (cancel_approval). Try again in " +
    `${retry_after_seconds} seconds.`,
  approval_not_pending: ({ status }) =>
    status === "approved"
      ? "It is approved already and cannot be withdrawn: let it lapse, or use it with " +
        "mint_run_token."
      : "It has ended; nothing is left to withdraw.",
  approval_not_approved: ({ status }) =>
    status === "pending"
      ? "Nobody has decided yet: call check_approval_status with this reference and " +
        "wait_seconds 45."
      : ASK_AGAIN,
  approval_used: "It counts once and has been used. For another run, begin with check_permission.",
  approval_lapsed: ASK_AGAIN,
  not_the_requester: "Use a request that this connection made, or call request_approval.",
  // Run tokens and executions
  action_mismatch:
    "Use exactly the action that was authorized, or begin again with check_permission for the " +
    "one you mean.",
  token_invalid: "Check that the token is complete and of this organization.",
  token_expired: NEW_TOKEN,
  token_used: "Do not run the action again. For another run, begin with check_permission.",
  token_revoked: NEW_TOKEN,
  already_logged: "Nothing is left to do: this run is logged.",
  // The deployment
  overloaded: LATER,
  stopping: LATER,
  store_unavailable: LATER,
  clock:
    "Nothing was granted: do not run the action. Try again in a minute; if it stays so, tell the " +
    "person you work for that the server's clock has to be looked at.",
  internal_error: "Nothing was granted: do not run the action. Try once more; if it fails again, " +
    "tell the person you work for.",
  upstream_unreachable:
    "Nothing was run. Tell the person you work for that the server of this tool is out of reach.",
  upstream_busy: ({ retry_after_seconds }) => later(retry_after_seconds),
  too_many_running: ({ retry_after_seconds }) => later(retry_after_seconds),
  upstream_paused: "Nothing was run. Tell the person you work for that this tool is paused.",
  credential_missing: ({ connect_url }) =>
    connect_url === null
      ? "Nothing was run. Tell the person you work for that the server of this tool lets nobody in."
      : "Nothing was run. Tell the person you work for that the server of this tool wants a " +
        `credential, which a person sees to at ${connect_url}.`,
  credential_needs_reconnect: ({ connect_url }) =>
    "Nothing was run. Tell the person you work for that the account behind this tool has to be " +
    `connected again, at ${connect_url}.`,
  credential_not_for_origin:
    "Nothing was run. Tell the person you work for that the credential of this tool's server is of " +
    "another address.",
  not_of_an_upstream: DO_NOT_RUN,
  upstream_failed:
    "Read what the server says. Call the tool again only with arguments that it can take.",
  upstream_asks: "Call the tool again only with arguments that leave nothing to ask.",
  result_too_large:
    "The tool has run: do not call it again for the same. Ask for less, such as a page or a part.",
  outcome_unknown:
    "Do not call the tool again: it may have run. Find out what became of it, or tell the person " +
    "you work for.",
  // Never over MCP
  too_many_upstreams: null,
  definition_changed: null,
  invalid_selector: null,
  precondition_required: null,
  precondition_failed: null,
  owner_required: null,
  session_ended: null,
  membership_ended: null,
  role_required: null,
  fresh_assertion_required: null,
  recovery_held: null,
  last_owner: null,
  too_many_webhooks: null,
  rotation_running: null,
  too_many_channels: null,
  too_many_credentials: null,
  sub_token_too_wide: null,
  too_many_sub_tokens: null,
  slack_not_connected: null,
  provider_not_connected: null,
  last_passkey: null,
  too_many_passkeys: null,
  too_many_organizations: null,
  assertion_not_accepted: null,
  link_not_valid: null,
  code_not_accepted: null,
  too_many_codes: null,
  device_code_not_accepted: null,
  idempotency_mismatch: null,
  idempotency_in_progress: null,
  idempotency_stale: null,
  self_approval: null,
  not_an_approver: null,
  already_decided_level: null,
  passkey_required: null,
  view_changed: null,
  nonce_ended: null,
  route_not_found: null,
  method_not_allowed: null,
  misdirected_request: null,
  foreign_origin: null,
  other_organization: null,
  upgrade_required: null,
  origin_not_allowed: null,
  too_many_sockets: null,
  id_in_flight: null,
  too_many_frames: null,
  not_over_socket: null,
  answer_too_large: null,
};

function later(seconds: number): string {
  return `Nothing was done. Wait ${seconds} seconds, then make the same call again.`;
}
