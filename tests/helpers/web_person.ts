import assert from "node:assert/strict";
import { viewDigest } from "../../lib/approvals/frozen_view.ts";
import { actionDigest } from "../../lib/decisions/decide.ts";
import { challengeText } from "../../lib/passkeys/challenge.ts";
import {
  approvalStatement,
  type CeremonyPurpose,
  ceremonyStatement,
} from "../../lib/passkeys/statement.ts";
import type { ApprovalSheet } from "../../lib/sheet/sheet.ts";
import type { Countersign } from "./countersign.ts";
import { textOf, unescaped } from "./page_html.ts";
import { type Lies, SoftwareAuthenticator } from "./software_authenticator.ts";

/** A page or JSON as a browser gets it. */
export interface Fetched {
  readonly status: number;
  readonly html: string;
  /** What one reads: the text without tags, in one line. */
  readonly text: string;
  /** The parsed body; null when it is no JSON. */
  // deno-lint-ignore no-explicit-any -- tests look at answers member by member
  readonly json: any;
  /** Where it leads; null when it leads nowhere. */
  readonly to: string | null;
}

/** All that a browser knows of a service. */
type Origin = Pick<Countersign, "origin">;

/** Somebody's browser, with cookies and a device that holds passkeys, and without scripts. */
export class WebPerson {
  readonly cookies = new Map<string, string>();
  readonly authenticator: SoftwareAuthenticator;

  constructor(readonly countersign: Origin, authenticator?: SoftwareAuthenticator) {
    const { origin } = countersign;
    this.authenticator = authenticator ?? new SoftwareAuthenticator({ origin });
  }

  /** The browser of somebody with a session. */
  static with(countersign: Origin, secret: string, authenticator?: SoftwareAuthenticator) {
    const person = new WebPerson(countersign, authenticator);
    person.cookies.set("countersign_session", secret);
    return person;
  }

  get session(): string | undefined {
    return this.cookies.get("countersign_session");
  }

  get(path: string): Promise<Fetched> {
    return this.#fetch(path, { method: "GET" });
  }

  /** Sends the form that does `name`, and does not follow where it leads. */
  send(path: string, name: string, fields: Readonly<Record<string, string>> = {}) {
    return this.#fetch(path, {
      method: "POST",
      body: new URLSearchParams({ do: name, ...fields }),
    });
  }

  post(path: string, body: unknown): Promise<Fetched> {
    const headers = { "content-type": "application/json" };
    return this.#fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  /** Sends a form that must lead on, and opens the page that it leads to. */
  async follow(path: string, name: string, fields: Readonly<Record<string, string>> = {}) {
    const sent = await this.send(path, name, fields);
    assert.equal(sent.status, 303, sent.text);
    const to = sent.to ?? "";
    return { ...await this.get(to), to };
  }

  /** Makes the passkey that a page asks for: what the form is to send. */
  async enrol(html: string, lies: Lies = {}): Promise<{ nonce: string; response: string }> {
    const { nonce, options } = islandProps(html, "enrol");
    this.#assertChallenge("enrolment", nonce, options.challenge);
    const response = await this.authenticator.enrol(options, lies);
    return { nonce, response: JSON.stringify(response) };
  }

  /** Shows a passkey to the two endpoints of a ceremony. */
  async show(
    purpose: Exclude<CeremonyPurpose, "enrolment">,
    path: string,
    more: Record<string, unknown> = {},
    lies: Lies = {},
  ): Promise<Fetched> {
    const begun = await this.post(path, more);
    assert.equal(begun.status, 200, begun.text);
    const { nonce, options } = begun.json;
    this.#assertChallenge(purpose, nonce, options.challenge);
    const response = await this.authenticator.assert(options, lies);
    return await this.post(`${path}/finish`, { ...more, nonce, response });
  }

  /** What the page of a request shows them. */
  async sheet(id: string): Promise<ApprovalSheet> {
    const page = await this.get(`/approvals/${id}`);
    assert.equal(page.status, 200, page.text);
    return islandProps(page.html, "approval").start.sheet;
  }

  /**
   * Opens a request, signs what is shown with the passkey, and sends it, as the page does.
   * @returns the state afterwards, or the code of the refusal
   */
  async approve(id: string): Promise<string> {
    const sheet = await this.sheet(id);
    const opened = await this.post(`/approvals/${id}/statement`, {});
    if (opened.status !== 200) return opened.json.code;
    const { facts, options } = opened.json;
    const { view, tenant, resource, method, tool_name: tool } = sheet;
    assert.ok(view !== null, "the page shows no arguments");
    const action = { tenant, resource, method, tool, arguments: view.arguments };
    const digests = {
      view_digest: viewDigest(view),
      action_digest: actionDigest(sheet.org, action),
    };
    const challenge = challengeText(
      approvalStatement({ ...facts, ...digests, note_digest: null }),
    );
    const response = await this.authenticator.assert({ ...options, challenge });
    const sent = { nonce: facts.nonce, note: null, response, ...digests };
    const { json } = await this.post(`/approvals/${id}/approve`, sent);
    return json.status === undefined || json.code !== undefined ? json.code : json.status;
  }

  /** The page computes the challenge anew from the purpose; the server's must be the same. */
  #assertChallenge(purpose: CeremonyPurpose, nonce: string, challenge: string): void {
    const { origin } = this.countersign;
    assert.equal(challenge, challengeText(ceremonyStatement(purpose, origin, nonce)));
  }

  async #fetch(path: string, init: RequestInit & { headers?: Record<string, string> }) {
    const { origin } = this.countersign;
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(origin + path, {
      ...init,
      redirect: "manual",
      headers: {
        accept: "text/html",
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
        origin,
        cookie,
        ...init.headers,
      },
    });
    const html = await response.text();
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    const isJson = response.headers.get("content-type")?.includes("json") ?? false;
    return {
      status: response.status,
      html,
      text: textOf(html),
      json: isJson ? JSON.parse(html) : null,
      to: response.headers.get("location"),
    };
  }

  #keep(line: string): void {
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (value === "" || /max-age=0/i.test(line)) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}

/** The props of an island of a page. */
// deno-lint-ignore no-explicit-any -- as the page has them
export function islandProps(html: string, name: string): any {
  const found = new RegExp(`<x-island data-name="${name}" data-props="([^"]*)"`).exec(html);
  assert.ok(found !== null, `no island ${name} in the page: ${textOf(html)}`);
  return JSON.parse(unescaped(found[1] ?? ""));
}

/** The recovery codes that a page shows, in groups. */
export function codesOf(html: string): string[] {
  return [...html.matchAll(/<li><code>([^<]*)<\/code><\/li>/g)].map(([, code = ""]) => code);
}
