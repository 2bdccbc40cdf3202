import { asMember, type MemberOperation } from "../../lib/identity/acting.ts";
import type { Client, MemberCaller } from "../../lib/identity/caller.ts";
import type { PresentedSession } from "../../lib/identity/sessions.ts";
import { accountEmail } from "../../lib/people/sessions.ts";
import type { Right } from "../../lib/policy/rights.ts";
import type { Services } from "../../lib/services.ts";
import type { SetCookie } from "../http/headers.ts";
import type { Accepted } from "../../lib/refusal.ts";

const FLOW_SECONDS = 60 * 60;

const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** What came with a request of a browser, parsed by the route's schemas. */
export interface Received<P = unknown, Q = unknown, B = unknown> {
  readonly services: Services;
  readonly request: Request;
  readonly id: string;
  readonly path: string;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly client: Client;
  /** The cookie of that name, as it was sent. */
  readonly flow: string | null;
}

/** One request of a browser. */
export class BrowserCall<P = unknown, Q = unknown, B = unknown> {
  readonly services: Services;
  readonly request: Request;
  readonly id: string;
  readonly path: string;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly client: Client;
  /** Cookies that the answer sets. */
  readonly cookies: SetCookie[] = [];
  #flow: string | null;

  constructor(
    received: Received<P, Q, B>,
    /** Null for who is not signed in. */
    readonly session: PresentedSession | null,
  ) {
    this.services = received.services;
    this.request = received.request;
    this.id = received.id;
    this.path = received.path;
    this.params = received.params;
    this.query = received.query;
    this.body = received.body;
    this.client = received.client;
    this.#flow = received.flow !== null && SECRET.test(received.flow) ? received.flow : null;
  }

  /** Milliseconds since 1970. */
  get now(): number {
    return this.services.deps.now();
  }

  /** The secret of this browser, before anybody is signed in; made when it has none. */
  get flow(): string {
    if (this.#flow === null) {
      const { random } = this.services.deps;
      this.#flow = random(32).toBase64({ alphabet: "base64url", omitPadding: true });
      this.cookies.push({ name: "flow", value: this.#flow, maxAgeSeconds: FLOW_SECONDS });
    }
    return this.#flow;
  }

  /** The answer signs the browser in: under a new secret, and the one before sign-in goes. */
  signIn(secret: string, maxAgeSeconds: number): void {
    this.cookies.push({ name: "session", value: secret, maxAgeSeconds });
    this.cookies.push({ name: "flow", value: "", maxAgeSeconds: 0 });
  }

  /** The answer removes the browser's session cookie. */
  signOut(): void {
    this.cookies.push({ name: "session", value: "", maxAgeSeconds: 0 });
  }
}

/** One request of somebody who is signed in, whatever their org. */
export class AccountCall<P = unknown, Q = unknown, B = unknown> extends BrowserCall<P, Q, B> {
  constructor(received: Received<P, Q, B>, override readonly session: PresentedSession) {
    super(received, session);
  }

  get account(): string {
    return this.session.record.account;
  }
}

/** One request of a member of the org that their session looks at. */
export class MemberCall<P = unknown, Q = unknown, B = unknown> extends AccountCall<P, Q, B> {
  constructor(
    received: Received<P, Q, B>,
    session: PresentedSession,
    /** The right that the route asks for. */
    readonly needs: Right,
    /** The member as they were when the request came. */
    readonly caller: MemberCaller,
  ) {
    super(received, session);
  }

  get org(): string {
    return this.caller.org;
  }

  /**
   * Runs an operation for the member; its result is current, and stored where it has effects.
   * @param right another one than the route's own
   * @throws {Refusal} session_ended, role_required, and what the operation refuses
   */
  transact<L, R>(
    operation: MemberOperation<L, R>,
    right: Right = this.needs,
  ): Promise<Accepted<R>> {
    return this.services.ledgers.transact(this.org, asMember(this.session, right, operation));
  }
}

/** The address of whoever is signed in in this browser; null when nobody is. */
export async function signedInEmail({ services, session }: BrowserCall): Promise<string | null> {
  return session === null ? null : await accountEmail(services, session.record.account);
}
