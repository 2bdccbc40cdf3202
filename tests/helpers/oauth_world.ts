import type { PublicKeyCredentialRequestOptionsJSON } from "@simplewebauthn/server";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { presentAccessToken, type PresentedAccess } from "../../lib/oauth/access.ts";
import { resourceNamed } from "../../lib/oauth/scopes.ts";
import { challengeText } from "../../lib/passkeys/challenge.ts";
import { type ConsentFacts, consentStatement } from "../../lib/passkeys/statement.ts";
import * as keys from "../../lib/store/keys.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import type { AccountRecord } from "../../lib/store/records/people.ts";
import type { FixtureOptions, Got, TestOrg } from "./countersign.ts";
import { People, type Person, type Ruled } from "./people.ts";
import type { Lies } from "./software_authenticator.ts";

export const REDIRECT = "http://127.0.0.1:4711/callback";
export const VERIFIER = "v".repeat(43);

/** The S256 challenge of a verifier. */
export function challengeOf(verifier: string): string {
  return createHash("sha256").update(verifier).digest("base64url");
}

/** What a person ticks, and what a hostile page or person does besides. */
export interface Ticked {
  readonly scopes?: readonly string[];
  readonly orgs?: readonly string[];
  /** Members of the statement that are signed otherwise than the page would. */
  readonly signs?: Partial<ConsentFacts>;
  readonly lies?: Lies;
  /** What is told to have been ticked, where that is not what was signed. */
  readonly tells?: { readonly scopes?: readonly string[]; readonly orgs?: readonly string[] };
}

/** Tokens as a client holds them. */
export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly scope: string;
  readonly expires_in: number;
}

/** A deployment with an owner whose browser and passkey a test has, and a client that asks. */
export class OAuthWorld implements AsyncDisposable {
  private constructor(
    readonly people: People,
    readonly ruled: Ruled,
    /** Of a client that registered itself. */
    public client_id: string,
    /** The endpoint that the client is connected to. */
    public path = "/mcp",
  ) {}

  static async start(options: FixtureOptions = {}): Promise<OAuthWorld> {
    const people = await People.start(options);
    const ruled = await people.withOwner();
    const world = new OAuthWorld(people, ruled, "");
    world.client_id = await world.registered();
    return world;
  }

  get services() {
    return this.people.services;
  }
  get clock() {
    return this.people.clock;
  }
  get origin(): string {
    return this.people.origin;
  }
  get org(): string {
    return this.ruled.org;
  }
  get account(): string {
    return this.ruled.session.record.account;
  }
  get resource(): string {
    return `${this.origin}${this.path}`;
  }

  /** What there is to be granted of it. */
  get scopes(): readonly string[] {
    return this.path === "/mcp" ? ["mcp:read", "mcp:write"] : ["mcp:run"];
  }

  /** Registers a client and gives its id. */
  async registered(body: Record<string, unknown> = {}): Promise<string> {
    const got = await this.register({ client_name: "Tester", redirect_uris: [REDIRECT], ...body });
    assert.equal(got.status, 201, got.text);
    return got.body.client_id;
  }

  register(body: unknown): Promise<Got> {
    const headers = { "content-type": "application/json" };
    return this.people.countersign.request("POST", "/oauth/register", { body, headers });
  }

  /** The query of an authorization request; null leaves a parameter out. */
  query(changes: Record<string, string | null> = {}): string {
    const all: Record<string, string | null> = {
      response_type: "code",
      client_id: this.client_id,
      redirect_uri: REDIRECT,
      scope: this.scopes.join(" "),
      state: "some state",
      code_challenge: challengeOf(VERIFIER),
      code_challenge_method: "S256",
      resource: this.resource,
      ...changes,
    };
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(all)) {
      if (value !== null) query.append(name, value);
    }
    return query.toString();
  }

  /** Opens the page that a client sends people to; null is somebody who is not signed in. */
  async authorize(
    query: string,
    secret: string | null = this.ruled.entered.secret,
  ): Promise<Response> {
    return await fetch(`${this.origin}/oauth/authorize?${query}`, {
      redirect: "manual",
      headers: secret === null ? {} : { cookie: `countersign_session=${secret}` },
    });
  }

  /** What the page's script posts. */
  post(path: string, body: unknown, secret = this.ruled.entered.secret): Promise<Got> {
    const headers = {
      "content-type": "application/json",
      origin: this.origin,
      cookie: `countersign_session=${secret}`,
    };
    return this.people.countersign.request("POST", path, { body, headers });
  }

  /** Allows what a request asks for, as the page does; gives the answer of the last step. */
  async tick(
    query: string,
    ticked: Ticked = {},
    { person, secret }: { person: Person; secret: string } = {
      person: this.ruled.owner,
      secret: this.ruled.entered.secret,
    },
  ): Promise<Got> {
    const begun = await this.post("/oauth/consent", { request: query }, secret);
    if (begun.status !== 200) return begun;
    const finish = await this.signed(query, begun.body, ticked, person);
    return await this.post("/oauth/consent/finish", finish, secret);
  }

  /** The last step of a consent, signed. */
  async signed(
    query: string,
    begun: { readonly nonce: string; readonly options: PublicKeyCredentialRequestOptionsJSON },
    { scopes = this.scopes, orgs = [this.org], signs, lies, tells }: Ticked = {},
    person: Person = this.ruled.owner,
  ) {
    const asked = new URLSearchParams(query);
    const statement = consentStatement({
      issuer: this.origin,
      nonce: begun.nonce,
      client_id: asked.get("client_id") ?? "",
      redirect_uri: asked.get("redirect_uri") ?? "",
      code_challenge: asked.get("code_challenge") ?? "",
      resource: this.resource,
      scopes,
      orgs,
      ...signs,
    });
    const options = { ...begun.options, challenge: challengeText(statement) };
    const response = await person.assert(options, lies);
    return { nonce: begun.nonce, scopes, orgs, ...tells, response };
  }

  /** A code, after a consent. */
  async code(changes: Record<string, string | null> = {}, ticked: Ticked = {}): Promise<string> {
    const got = await this.tick(this.query(changes), ticked);
    assert.equal(got.status, 200, got.text);
    const code = new URL(got.body.redirect).searchParams.get("code");
    return code ?? assert.fail(got.text);
  }

  /** One request to the token endpoint. */
  token(form: Record<string, string>): Promise<Got> {
    return this.form("/oauth/token", { client_id: this.client_id, ...form });
  }

  exchange(code: string, changes: Record<string, string> = {}): Promise<Got> {
    return this.token({
      grant_type: "authorization_code",
      code,
      code_verifier: VERIFIER,
      redirect_uri: REDIRECT,
      resource: this.resource,
      ...changes,
    });
  }

  refresh(refresh_token: string, changes: Record<string, string> = {}): Promise<Got> {
    return this.token({ grant_type: "refresh_token", refresh_token, ...changes });
  }

  async form(path: string, form: Record<string, string> | string): Promise<Got> {
    return await this.people.countersign.request("POST", path, {
      body: typeof form === "string" ? form : new URLSearchParams(form).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
  }

  /** The tokens of a whole consent. */
  async tokens(changes: Record<string, string | null> = {}, ticked: Ticked = {}): Promise<Tokens> {
    const got = await this.exchange(await this.code(changes, ticked));
    assert.equal(got.status, 200, got.text);
    return got.body;
  }

  /** What an access token is good for at an endpoint; null for nothing. */
  present(access_token: string, path = this.path): Promise<PresentedAccess | null> {
    const resource = resourceNamed(this.services.settings, this.origin + path);
    return presentAccessToken(this.services, access_token, resource ?? assert.fail(path));
  }

  /** Another org that the owner is a member of. */
  async joined(role: MemberRecord["role"]): Promise<TestOrg> {
    const org = await this.people.countersign.org();
    await org.member(this.ruled.owner.email, { role, account: this.account, has_passkey: true });
    const key = keys.accountKey(this.account);
    const { kv } = this.services.deps;
    const { value } = await kv.get<AccountRecord>([...key]);
    await kv.set([...key], { ...value, orgs: [...value?.orgs ?? [], org.id] });
    return org;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.people[Symbol.asyncDispose]();
  }
}

/** That the token endpoint refused, and how. */
export function fault(got: Got, error: string, status = 400): void {
  assert.equal(got.status, status, got.text);
  assert.equal(got.body.error, error, got.text);
  assert.equal(got.headers.get("cache-control"), "no-store");
  assert.equal(got.headers.get("content-type"), "application/json");
}
