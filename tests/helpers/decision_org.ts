import assert from "node:assert/strict";
import { type Denial, type Denied, denyDecision } from "../../lib/approvals/decide.ts";
import { lookAtApproval } from "../../lib/approvals/end.ts";
import { viewDigest } from "../../lib/approvals/frozen_view.ts";
import type { SeenApproval } from "../../lib/approvals/seen.ts";
import { type DecisionFacts, openDecision, signDecision } from "../../lib/approvals/sign.ts";
import { actionDigest } from "../../lib/decisions/decide.ts";
import type { Client } from "../../lib/identity/caller.ts";
import { secretHash } from "../../lib/identity/credentials.ts";
import { beginSession } from "../../lib/identity/sessions.ts";
import {
  challengeText,
  creationOptions,
  noteDigest,
  requestOptions,
} from "../../lib/passkeys/challenge.ts";
import type { AssertionFault } from "../../lib/passkeys/fault.ts";
import {
  type AssertionResponse,
  assertionResponse,
  registrationResponse,
} from "../../lib/passkeys/responses.ts";
import {
  type ApprovalFacts,
  approvalStatement,
  ceremonyStatement,
} from "../../lib/passkeys/statement.ts";
import { verifyEnrolment } from "../../lib/passkeys/verify.ts";
import { Refusal } from "../../lib/refusal.ts";
import { reviewApproval } from "../../lib/sheet/review.ts";
import { accountPasskeyKey, memberKey, passkeyKey } from "../../lib/store/keys.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import type { PasskeyRecord } from "../../lib/store/records/people.ts";
import { ApprovalOrg, TOOL } from "./approval_org.ts";
import {
  type FixtureOptions,
  INVITED,
  type SignedIn,
  type SignedInOptions,
} from "./countersign.ts";
import { type Lies, SoftwareAuthenticator } from "./software_authenticator.ts";

/** Where the requests of these members come from. */
export const CLIENT: Client = {
  ip: "192.0.2.7",
  user_agent: "test",
  request_id: "req_00000000000000000000000000",
  via: "dashboard",
};

/** What a page holds while it is open. */
export interface OpenPage {
  readonly facts: DecisionFacts;
  /** Digests of what it shows. */
  readonly action_digest: string;
  readonly view_digest: string;
}

/** How an attacker's page differs from an honest one. */
export interface Signing {
  readonly note?: string | null;
  /** The note that is sent, where it is not the one that was signed. */
  readonly sentNote?: string | null;
  /** What is signed otherwise than the page shows it. */
  readonly statement?: Partial<ApprovalFacts>;
  readonly lies?: Lies;
}

/** An org with a tool that needs approval, whose members sign with passkeys. */
export class DecisionOrg extends ApprovalOrg {
  static override async start(options: FixtureOptions = {}): Promise<DecisionOrg> {
    // Who decides here signs; nobody else is to be in their way.
    const { countersign, org, ann } = await ApprovalOrg.start(
      { localhost: true, ...options },
      INVITED,
    );
    return new DecisionOrg(countersign, org, ann);
  }

  /** A member who is signed in and has a passkey. */
  async person(role: MemberRecord["role"], options: SignedInOptions = {}): Promise<Person> {
    const signedIn = await this.org.signedIn(role, options);
    const person = new Person(this, signedIn, new SoftwareAuthenticator(this.countersign));
    await person.enrol();
    return person;
  }

  /** A tool that two people have to approve. */
  async secondLevel(fields: Record<string, null | number | string> = {}): Promise<void> {
    const second = { default_permission: "requires_approval", requires_second_approval: true };
    await this.org.tool(TOOL, { ...second, ...fields });
  }

  async status(id: string): Promise<string> {
    return (await this.get(id)).body.status;
  }
}

/** A member at a browser with a passkey. */
export class Person {
  readonly passkeys: PasskeyRecord[] = [];

  constructor(
    readonly it: DecisionOrg,
    readonly session: SignedIn,
    readonly authenticator: SoftwareAuthenticator,
  ) {}

  get id(): string {
    return this.session.member.id;
  }
  get #settings() {
    return this.it.countersign.services.settings;
  }

  /** Adds a passkey without the ceremony around it. */
  async enrol(): Promise<PasskeyRecord> {
    const { origin, hostname: rpId } = this.#settings.url;
    const { account, email } = this.session.caller;
    const challenge = challengeText(ceremonyStatement("enrolment", origin, "nonce"));
    const options = creationOptions({
      rpId,
      challenge,
      account: { id: account, email },
      passkeys: this.passkeys,
    });
    const response = registrationResponse.parse(await this.authenticator.enrol(options));
    const verdict = await verifyEnrolment({ response, challenge, origin, rpId });
    assert.ok(verdict.ok);
    const { aaguid: _model, ...credential } = verdict.credential;
    const passkey: PasskeyRecord = {
      ...credential,
      account,
      name: "key",
      rp_id: rpId,
      created_at: this.it.countersign.clock.now,
      last_used_at: null,
    };
    this.passkeys.push(passkey);
    await this.put(passkey);
    return passkey;
  }

  async put(passkey: PasskeyRecord): Promise<void> {
    await this.it.org.transact((transaction) => {
      transaction.set(passkeyKey(passkey.credential_id), passkey);
      const key = accountPasskeyKey(passkey.account, passkey.credential_id);
      transaction.set(key, { account: passkey.account });
    });
  }

  /** The same person in another browser. */
  async elsewhere(): Promise<Person> {
    const { account } = this.session.caller;
    const { org } = this.it;
    const { secret, record } = await org.transact((transaction) =>
      beginSession(transaction, { account, org: org.id, credential_id: "none", user_agent: null })
    );
    const caller = { ...this.session.caller, session_id: record.id };
    const session = { ...this.session, secret, hash: secretHash(secret), caller };
    return new Person(this.it, session, this.authenticator);
  }

  /** Gives the member another role or other groups, or takes the membership away. */
  async becomes(fields: Partial<MemberRecord> | null): Promise<void> {
    const { member } = this.session;
    const key = memberKey(this.it.org.id, member.email);
    await this.it.org.transact((transaction) => {
      if (fields === null) transaction.deletePolicy(key);
      else transaction.setPolicy(key, { ...member, ...fields });
    });
  }

  see(id: string): Promise<SeenApproval> {
    return this.it.org.as(this.session, "see_requests", lookAtApproval(id));
  }

  /** Opens the page of a request: reads what is shown, and is handed what to sign with. */
  async open(id: string): Promise<OpenPage> {
    const { services } = this.it.countersign;
    const { org } = this.it;
    const approval = await this.see(id);
    const review = await reviewApproval(services, org.id, approval);
    assert.ok(review?.view && approval.arguments !== null, "the arguments are not shown");
    const { tenant, resource, method, tool_name: tool } = approval.record;
    const action = { tenant, resource, method, tool, arguments: approval.arguments };
    return {
      facts: await org.as(this.session, "decide", openDecision(services.settings, id)),
      action_digest: actionDigest(org.id, action),
      view_digest: viewDigest(review.view),
    };
  }

  /** What the page has signed when Approve is pressed. */
  async sign(page: OpenPage, { note = null, statement, lies }: Signing = {}): Promise<
    AssertionResponse
  > {
    const { facts, action_digest, view_digest } = page;
    const digests = { action_digest, view_digest, note_digest: noteDigest(note) };
    const signed = approvalStatement({ ...facts, ...digests, ...statement });
    return await this.assert(challengeText(signed), lies);
  }

  /** Has the passkey sign any challenge. */
  async assert(challenge: string, lies: Lies = {}): Promise<AssertionResponse> {
    const rpId = this.#settings.url.hostname;
    const options = requestOptions({ rpId, challenge, passkeys: this.passkeys });
    return assertionResponse.parse(await this.authenticator.assert(options, lies));
  }

  /** Sends an approval. */
  async send(
    id: string,
    page: OpenPage,
    response: AssertionResponse,
    note: string | null = null,
  ): Promise<SeenApproval> {
    const { facts: { nonce }, action_digest, view_digest } = page;
    const given = { nonce, note, response, action_digest, view_digest };
    const operation = signDecision(this.#settings, id, given, CLIENT);
    return await this.it.org.as(this.session, "decide", operation);
  }

  /** Opens, signs and sends, as an honest page does or as `signing` says. */
  async approve(id: string, signing: Signing = {}): Promise<SeenApproval> {
    const page = await this.open(id);
    const note = signing.sentNote === undefined ? signing.note : signing.sentNote;
    return await this.send(id, page, await this.sign(page, signing), note ?? null);
  }

  async deny(id: string, denial: Partial<Denial> = {}): Promise<Denied> {
    const whole = { note: null, quick_reason: null, pause_agent: false, ...denial };
    return await this.it.org.as(this.session, "decide", denyDecision(id, whole, CLIENT));
  }
}

/** Asserts that an assertion is refused for this reason, recorded, and that nothing was decided. */
export async function assertNotAccepted(
  it: DecisionOrg,
  id: string,
  attempt: () => Promise<unknown>,
  why: AssertionFault,
): Promise<void> {
  const before = (await it.entries("approval.assertion_refused", id)).length;
  const error = await attempt().then(() => null, (thrown: unknown) => thrown);
  assert.ok(error instanceof Refusal, `expected a refusal, got ${error}`);
  assert.deepEqual([error.code, error.data], ["assertion_not_accepted", { why }]);
  const entries = await it.entries("approval.assertion_refused", id);
  assert.equal(entries.length, before + 1);
  assert.equal(entries.at(-1)?.data.why, why);
  assert.equal(await it.status(id), "pending");
  assert.deepEqual(await it.entries("approval.decided", id), []);
}
