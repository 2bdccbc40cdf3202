import { canonicalBytes } from "../base/canonical.ts";
import type { JsonObject } from "../base/json.ts";

/**
 * What a passkey signs. Every challenge is the SHA-256 of such a statement in RFC 8785 form, so
 * that what was signed for one purpose can never serve another. Runs in the browser too: the page
 * makes the statement anew from what it shows.
 */
export type Statement =
  | ApprovalStatement
  | UserStatement
  | RevocationStatement
  | ConsentStatement
  | DeviceStatement
  | CeremonyStatement;

/** What an approver signs: this level of this request, with exactly what was on the page. */
export interface ApprovalStatement extends JsonObject {
  v: 1;
  type: "countersign.approval-decision";
  /** Public origin of the deployment. */
  issuer: string;
  org: string;
  approval: string;
  level: 1 | 2;
  decision: "approve";
  action_digest: string;
  view_digest: string;
  member: string;
  /** Of the note as it was typed; null without one. */
  note_digest: string | null;
  /** 32 random bytes in base64url, made by the server for this member and level. */
  nonce: string;
  /** RFC 3339 in UTC with milliseconds, like the two after it. */
  issued_at: string;
  expires_at: string;
  /** Until when the approved action can be used. */
  use_before: string;
}

/** The parts of an approval statement that are not the same in all of them. */
export interface ApprovalFacts {
  readonly issuer: string;
  readonly org: string;
  readonly approval: string;
  readonly level: 1 | 2;
  readonly action_digest: string;
  readonly view_digest: string;
  readonly member: string;
  readonly note_digest: string | null;
  readonly nonce: string;
  readonly issued_at: string;
  readonly expires_at: string;
  readonly use_before: string;
}

/** What the user of a mandate signs: this one action of it, with exactly what they were shown. */
export interface UserStatement extends JsonObject {
  v: 1;
  type: "countersign.user-confirmation";
  /** Public origin of the deployment. */
  issuer: string;
  org: string;
  mandate: string;
  /** The user's external id. */
  user: string;
  approval: string;
  decision: "approve";
  action_digest: string;
  view_digest: string;
  estimated_cost_micros: number | null;
  /** How often the action may be done. */
  uses: 1;
  /** Of the question; it serves one answer. */
  nonce: string;
  /** When it was asked, and until when it can be answered: RFC 3339 in UTC with milliseconds. */
  issued_at: string;
  expires_at: string;
}

/** The parts of a user's statement that are not the same in all of them. */
export interface UserFacts {
  readonly issuer: string;
  readonly org: string;
  readonly mandate: string;
  readonly user: string;
  readonly approval: string;
  readonly action_digest: string;
  readonly view_digest: string;
  readonly estimated_cost_micros: number | null;
  readonly nonce: string;
  readonly issued_at: string;
  readonly expires_at: string;
}

/** What the user of a mandate signs to end it. */
export interface RevocationStatement extends JsonObject {
  v: 1;
  type: "countersign.mandate-revocation";
  /** Public origin of the deployment. */
  issuer: string;
  org: string;
  mandate: string;
  /** The user's external id. */
  user: string;
  /** RFC 3339 in UTC with milliseconds; it counts for five minutes. */
  issued_at: string;
}

/** The parts of a revocation that are not the same in all of them. */
export interface RevocationFacts {
  readonly issuer: string;
  readonly org: string;
  readonly mandate: string;
  readonly user: string;
  readonly issued_at: string;
}

/** What a person signs who lets an MCP client act for them: this client, with exactly this. */
interface ConsentStatement extends JsonObject {
  v: 1;
  type: "countersign.consent";
  /** Public origin of the deployment. */
  issuer: string;
  /** 32 random bytes in base64url. */
  nonce: string;
  client_id: string;
  /** Where the answer goes. */
  redirect_uri: string;
  /** In ascending order, like the orgs. */
  scopes: string[];
  orgs: string[];
  code_challenge: string;
  resource: string;
}

/** The parts of a consent statement that are not the same in all of them. */
export interface ConsentFacts {
  readonly issuer: string;
  readonly nonce: string;
  readonly client_id: string;
  readonly redirect_uri: string;
  readonly scopes: readonly string[];
  readonly orgs: readonly string[];
  readonly code_challenge: string;
  readonly resource: string;
}

/** What a member signs who lets a computer in at its terminal: this computer, as this. */
interface DeviceStatement extends JsonObject {
  v: 1;
  type: "countersign.device-login";
  /** Public origin of the deployment. */
  issuer: string;
  org: string;
  member: string;
  /** 32 random bytes in base64url. */
  nonce: string;
  /** As the terminal shows it, without what groups it. */
  user_code: string;
  /** What the computer calls itself, and where it asked from. */
  name: string;
  address: string | null;
  gives: "agent" | "standard";
}

/** The parts of a device statement that are not the same in all of them. */
export interface DeviceFacts {
  readonly issuer: string;
  readonly org: string;
  readonly member: string;
  readonly nonce: string;
  readonly user_code: string;
  readonly name: string;
  readonly address: string | null;
  readonly gives: "agent" | "standard";
}

/** What a passkey is used for besides decisions, consent and logins. */
export type CeremonyPurpose = "sign-in" | "step-up" | "enrolment";

/** What is signed where nothing but the purpose and the moment matter. */
interface CeremonyStatement extends JsonObject {
  v: 1;
  type: `countersign.${CeremonyPurpose}`;
  issuer: string;
  /** 32 random bytes in base64url. */
  nonce: string;
}

/** The statement of an approval: these members and no others, whatever else `facts` carries. */
export function approvalStatement(facts: ApprovalFacts): ApprovalStatement {
  return {
    v: 1,
    type: "countersign.approval-decision",
    issuer: facts.issuer,
    org: facts.org,
    approval: facts.approval,
    level: facts.level,
    decision: "approve",
    action_digest: facts.action_digest,
    view_digest: facts.view_digest,
    member: facts.member,
    note_digest: facts.note_digest,
    nonce: facts.nonce,
    issued_at: facts.issued_at,
    expires_at: facts.expires_at,
    use_before: facts.use_before,
  };
}

/** The statement of a user's yes: these members and no others, whatever else `facts` carries. */
export function userStatement(facts: UserFacts): UserStatement {
  return {
    v: 1,
    type: "countersign.user-confirmation",
    issuer: facts.issuer,
    org: facts.org,
    mandate: facts.mandate,
    user: facts.user,
    approval: facts.approval,
    decision: "approve",
    action_digest: facts.action_digest,
    view_digest: facts.view_digest,
    estimated_cost_micros: facts.estimated_cost_micros,
    uses: 1,
    nonce: facts.nonce,
    issued_at: facts.issued_at,
    expires_at: facts.expires_at,
  };
}

/** The statement by which a user ends a mandate: these members and no others. */
export function revocationStatement(facts: RevocationFacts): RevocationStatement {
  return {
    v: 1,
    type: "countersign.mandate-revocation",
    issuer: facts.issuer,
    org: facts.org,
    mandate: facts.mandate,
    user: facts.user,
    issued_at: facts.issued_at,
  };
}

/** The statement of a consent: these members and no others, whatever else `facts` carries. */
export function consentStatement(facts: ConsentFacts): ConsentStatement {
  return {
    v: 1,
    type: "countersign.consent",
    issuer: facts.issuer,
    nonce: facts.nonce,
    client_id: facts.client_id,
    redirect_uri: facts.redirect_uri,
    scopes: facts.scopes.toSorted(),
    orgs: facts.orgs.toSorted(),
    code_challenge: facts.code_challenge,
    resource: facts.resource,
  };
}

/** The statement by which a computer is let in: these members and no others. */
export function deviceStatement(facts: DeviceFacts): DeviceStatement {
  return {
    v: 1,
    type: "countersign.device-login",
    issuer: facts.issuer,
    org: facts.org,
    member: facts.member,
    nonce: facts.nonce,
    user_code: facts.user_code,
    name: facts.name,
    address: facts.address,
    gives: facts.gives,
  };
}

/** The statement of any other use of a passkey. */
export function ceremonyStatement(
  purpose: CeremonyPurpose,
  issuer: string,
  nonce: string,
): CeremonyStatement {
  return { v: 1, type: `countersign.${purpose}`, issuer, nonce };
}

/** What the challenge is the SHA-256 of: the statement in RFC 8785 form, as UTF-8. */
export function statementBytes(statement: Statement): Uint8Array<ArrayBuffer> {
  return canonicalBytes(statement);
}

/**
 * The note that a note digest is of: as it was typed, with line feeds as line ends, because forms
 * send others than the page reads. An empty note is none.
 */
export function notedText(note: string | null): string | null {
  return note === null || note === "" ? null : note.replaceAll(/\r\n?/g, "\n");
}
