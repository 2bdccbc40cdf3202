import assert from "node:assert/strict";
import { viewDigest } from "../../lib/approvals/frozen_view.ts";
import { actionDigest } from "../../lib/decisions/decide.ts";
import { challengeText } from "../../lib/passkeys/challenge.ts";
import { approvalStatement } from "../../lib/passkeys/statement.ts";
import type { ApprovalSheet } from "../../lib/sheet/sheet.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import type { SignedInOptions } from "../helpers/countersign.ts";
import type { DecisionOrg, Person } from "../helpers/decision_org.ts";
import { islandProps, WebPerson } from "../helpers/web_person.ts";

/** A member who decides over HTTP, as the page of a request does, with a passkey in software. */
export class WebDecider {
  readonly web: WebPerson;

  constructor(readonly person: Person) {
    const { session, authenticator, it } = person;
    this.web = WebPerson.with(it.countersign, session.secret, authenticator);
  }

  static async of(
    it: DecisionOrg,
    role: MemberRecord["role"],
    options: SignedInOptions = {},
  ): Promise<WebDecider> {
    return new WebDecider(await it.person(role, options));
  }

  get id(): string {
    return this.person.id;
  }
  get email(): string {
    return this.person.session.member.email;
  }

  /** What the page of a request shows this member. */
  async sheet(id: string): Promise<ApprovalSheet> {
    const page = await this.web.get(`/approvals/${id}`);
    assert.equal(page.status, 200, page.text);
    return islandProps(page.html, "approval").start;
  }

  /** Opens, signs and sends. @returns the state afterwards, or the code of the refusal */
  async approve(id: string): Promise<string> {
    const sheet = await this.sheet(id);
    const opened = await this.web.post(`/approvals/${id}/statement`, {});
    if (opened.status !== 200) return opened.json.code;
    const { facts, options } = opened.json;
    const { view, tenant, resource, method, tool_name: tool } = sheet;
    assert.ok(view !== null, "the page shows no arguments");
    const digests = {
      view_digest: viewDigest(view),
      action_digest: actionDigest(sheet.org, {
        tenant,
        resource,
        method,
        tool,
        arguments: view.arguments,
      }),
    };
    const challenge = challengeText(
      approvalStatement({ ...facts, ...digests, note_digest: null }),
    );
    const response = await this.person.authenticator.assert({ ...options, challenge });
    const sent = { nonce: facts.nonce, note: null, response, ...digests };
    const { json } = await this.web.post(`/approvals/${id}/approve`, sent);
    return json.status === undefined || json.code !== undefined ? json.code : json.status;
  }
}
