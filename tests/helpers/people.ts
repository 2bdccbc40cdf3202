import assert from "node:assert/strict";
import { bootstrap } from "../../lib/catalog/create_org.ts";
import type { Client } from "../../lib/identity/caller.ts";
import { findSession, type PresentedSession } from "../../lib/identity/sessions.ts";
import type { Entry } from "../../lib/ledger/entry.ts";
import { Ledgers } from "../../lib/ledger/ledgers.ts";
import type { CommitLimits } from "../../lib/ledger/commit_limits.ts";
import type { AssertionFault } from "../../lib/passkeys/fault.ts";
import {
  type AssertionResponse,
  assertionResponse,
  type RegistrationResponse,
  registrationResponse,
} from "../../lib/passkeys/responses.ts";
import {
  confirmInvitationCode,
  finishInvitation,
  sendInvitationCode,
} from "../../lib/people/accept_invitation.ts";
import type { FirstEntered } from "../../lib/people/enrolment.ts";
import { invite } from "../../lib/people/invitations.ts";
import { addPasskey, beginAddPasskey } from "../../lib/people/passkeys.ts";
import {
  confirmSetUpCode,
  finishSetUp,
  makeSetUpLink,
  sendSetUpCode,
} from "../../lib/people/set_up.ts";
import { beginSignIn, type Entered, signIn } from "../../lib/people/sign_in.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import type { Services } from "../../lib/services.ts";
import { DEPLOYMENT_ORG } from "../../lib/store/keys.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import type { PasskeyRecord } from "../../lib/store/records/people.ts";
import { Countersign, type FixtureOptions } from "./countersign.ts";
import { refused } from "./refused.ts";
import { type Lies, SoftwareAuthenticator } from "./software_authenticator.ts";
import { verifiedLog } from "./stored_log.ts";

export const CLIENT: Client = {
  ip: "192.0.2.1",
  user_agent: "Test/1.0",
  request_id: "req_test",
  via: "dashboard",
};

/** Somebody with a browser and a device that holds their passkeys. */
export class Person {
  readonly authenticator: SoftwareAuthenticator;
  /** What their browser's cookie from before sign-in holds. */
  flow: string;

  constructor(readonly people: People, readonly email: string) {
    this.authenticator = new SoftwareAuthenticator({ origin: people.origin });
    this.flow = people.newFlow();
  }

  /** Makes a passkey as their device would. */
  async enrol(
    options: Parameters<SoftwareAuthenticator["enrol"]>[0],
    lies: Lies = {},
  ): Promise<RegistrationResponse> {
    return registrationResponse.parse(await this.authenticator.enrol(options, lies));
  }

  /** Uses a passkey as their device would. */
  async assert(
    options: Parameters<SoftwareAuthenticator["assert"]>[0],
    lies: Lies = {},
  ): Promise<AssertionResponse> {
    return assertionResponse.parse(await this.authenticator.assert(options, lies));
  }

  /** The whole of a set-up, of a link that leaves it to its reader whom and what it is for. */
  async setUp(link: string, organization: string | null = "Acme"): Promise<FirstEntered> {
    const { services } = this.people;
    const followed = { link, flow: this.flow };
    const named = { ...followed, organization, email: this.email };
    await sendSetUpCode(services, named, CLIENT);
    const code = this.people.codeFor(this.email);
    const { nonce, options } = await confirmSetUpCode(services, { ...followed, code }, CLIENT);
    const response = await this.enrol(options);
    return await finishSetUp(services, { ...followed, nonce, response }, CLIENT);
  }

  /** The whole of an invitation's acceptance by somebody without an account. */
  async accept(link: string): Promise<FirstEntered> {
    const { services } = this.people;
    const followed = { link, flow: this.flow };
    await sendInvitationCode(services, followed, CLIENT);
    const code = this.people.codeFor(this.email);
    const { nonce, options } = await confirmInvitationCode(services, { ...followed, code }, CLIENT);
    const response = await this.enrol(options);
    return await finishInvitation(services, { ...followed, nonce, response }, CLIENT);
  }

  /** A sign-in by a passkey of theirs. */
  async signIn(lies: Lies = {}, replaces: PresentedSession | null = null): Promise<Entered> {
    const { services } = this.people;
    const { nonce, options } = await beginSignIn(services, this.flow);
    const response = await this.assert(options, lies);
    return await signIn(services, { flow: this.flow, nonce, response, replaces }, CLIENT);
  }
}

/** A deployment that people come into. */
export class People implements AsyncDisposable {
  private constructor(readonly countersign: Countersign, readonly services: Services) {}

  /** @param limits of what one commit of the store takes */
  static async start(options: FixtureOptions = {}, limits?: CommitLimits): Promise<People> {
    const countersign = await Countersign.start({ localhost: true, ...options });
    const { services } = countersign;
    await bootstrap(services);
    const ledgers = limits === undefined ? services.ledgers : new Ledgers(services.deps, limits);
    return new People(countersign, { ...services, ledgers });
  }

  get origin(): string {
    return this.countersign.origin;
  }
  get clock() {
    return this.countersign.clock;
  }

  person(email: string): Person {
    return new Person(this, email);
  }

  newFlow(): string {
    const bytes = this.services.deps.random(32);
    return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  }

  /** The secret of a new set-up link. */
  async setUpLink(): Promise<string> {
    const made = await makeSetUpLink(this.services) ?? assert.fail("no set-up link is needed");
    return secretOf(made.url);
  }

  /** An org with an owner who is signed in. */
  async withOwner(email = "jo@example.com"): Promise<Ruled> {
    const owner = this.person(email);
    const entered = await owner.setUp(await this.setUpLink());
    await sweep(this.services, this.clock.now);
    return { owner, entered, org: entered.org, session: await this.session(entered.secret) };
  }

  /** The secret of a new invitation. */
  async invited(
    session: PresentedSession,
    email: string,
    role: MemberRecord["role"] = "approver",
    groups: MemberRecord["groups"] = [],
  ): Promise<string> {
    const { link } = await invite(this.services, session, { email, role, groups }, CLIENT);
    return secretOf(link);
  }

  /** The session of a cookie, which must be in force. */
  async session(secret: string): Promise<PresentedSession> {
    return await presentSession(this.services.deps, secret) ?? assert.fail("no session");
  }

  /** The newest code that was mailed to an address. */
  codeFor(email: string): string {
    const text = this.countersign.mail.to(email).at(-1)?.text ?? "";
    return /Your code is (\d{6})\n/.exec(text)?.[1] ?? assert.fail(`no code in: ${text}`);
  }

  /** Does what waits for other logs, and gives a log, verified. */
  async log(org: string = DEPLOYMENT_ORG): Promise<Entry[]> {
    await sweep(this.services, this.clock.now);
    return (await verifiedLog(this.services.deps, org)).map(({ entry }) => entry);
  }

  async types(org: string = DEPLOYMENT_ORG): Promise<string[]> {
    return (await this.log(org)).map(({ type }) => type);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.countersign[Symbol.asyncDispose]();
  }
}

export interface Ruled {
  readonly owner: Person;
  readonly entered: FirstEntered;
  readonly org: string;
  readonly session: PresentedSession;
}

/** The secret part of a link. */
export function secretOf(url: string): string {
  return new URL(url).pathname.split("/").at(-1) ?? "";
}

/** A digit string that is not the code. */
export function wrongCode(code: string): string {
  return String((Number(code) + 1) % 1_000_000).padStart(6, "0");
}

/** Asserts that an assertion is not accepted, and gives the reason. */
export async function refusedFor(attempt: Promise<unknown>): Promise<AssertionFault> {
  return (await refused(attempt, "assertion_not_accepted")).why;
}

/** Adds a passkey on another device to the account of a session. */
export async function addDevice(
  people: People,
  session: PresentedSession,
  email: string,
): Promise<{ device: Person; passkey: PasskeyRecord }> {
  const { services } = people;
  const device = people.person(email);
  const { nonce, options } = await beginAddPasskey(services, session);
  const response = await device.enrol(options);
  const passkey = await addPasskey(services, session, { nonce, response, name: "Phone" }, CLIENT);
  return { device, passkey };
}

/** The session that a cookie's value stands for; null when it has ended or never was. */
export async function presentSession(
  deps: Parameters<typeof findSession>[0],
  secret: string | null,
): Promise<PresentedSession | null> {
  const found = await findSession(deps, secret);
  return typeof found === "string" ? null : found;
}
