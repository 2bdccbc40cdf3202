import type { ApprovalSheet } from "../../lib/sheet/sheet.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import type { SignedInOptions } from "../helpers/countersign.ts";
import type { DecisionOrg, Person } from "../helpers/decision_org.ts";
import { WebPerson } from "../helpers/web_person.ts";

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
  sheet(id: string): Promise<ApprovalSheet> {
    return this.web.sheet(id);
  }

  /** @returns the state afterwards, or the code of the refusal */
  approve(id: string): Promise<string> {
    return this.web.approve(id);
  }
}
