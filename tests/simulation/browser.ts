import type { JsonObject } from "../../lib/base/json.ts";
import { SoftwareAuthenticator } from "../helpers/software_authenticator.ts";
import type { Actor } from "./actor.ts";
import type { Asked } from "./history.ts";
import { ORIGIN } from "./node.ts";

/** A browser of somebody who has a passkey: cookies, forms, and what scripts of pages send. */
export class Browser {
  readonly authenticator = new SoftwareAuthenticator({ origin: ORIGIN, algorithm: "EdDSA" });
  readonly #cookies = new Map<string, string>();

  /** @param email of whoever sits before it */
  constructor(readonly actor: Actor, readonly email: string) {}

  /** Whether it has a session, in force or not. */
  get isSignedIn(): boolean {
    return this.#cookies.has("countersign_session");
  }

  /** Goes on with a session that was begun elsewhere. */
  take(session: string): void {
    this.#cookies.set("countersign_session", session);
  }

  /** Opens a page. */
  open(deed: string, path: string): Promise<Asked> {
    return this.#ask(deed, "GET", path);
  }

  /** Sends the form that does `name`. */
  send(deed: string, path: string, name: string, fields: JsonObject = {}): Promise<Asked> {
    const type = "application/x-www-form-urlencoded";
    return this.#ask(deed, "POST", path, { do: name, ...fields }, { "content-type": type });
  }

  /** Sends what the script of a page sends. */
  post(deed: string, path: string, body: JsonObject = {}): Promise<Asked> {
    return this.#ask(deed, "POST", path, body);
  }

  /** Signs in by the passkey, or shows it once more; answers whether that was heard. */
  async show(deed: string, path: string): Promise<boolean> {
    const begun = await this.post(`${deed}_begun`, path);
    if (begun.status !== 200) return false;
    const { nonce, options } = begun.answer;
    const response = await this.authenticator.assert(options, { counter: 0 });
    return (await this.post(deed, `${path}/finish`, asBody({ nonce, response }))).status === 200;
  }

  /** A secret, or the id of a credential, by the chance of whoever sits here. */
  secret(): string {
    const { chance } = this.actor;
    return chance.bytes(32).toBase64({ alphabet: "base64url", omitPadding: true });
  }

  async #ask(
    deed: string,
    method: string,
    path: string,
    body?: JsonObject,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Asked> {
    const { scene: { world, org }, name: actor } = this.actor;
    const question = {
      actor,
      org: org.id,
      deed,
      method,
      path,
      body,
      credential: this.email,
      key: null,
    };
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const asked = await world.ask(question, "", { origin: ORIGIN, cookie, ...headers });
    for (const line of asked.headers?.getSetCookie() ?? []) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "" || /max-age=0/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return asked;
  }
}

/** What is JSON by its own description. */
export function asBody(value: object): JsonObject {
  return value as JsonObject;
}

/** Whether a page or form was answered by what it is for, not by the way to another page. */
export function isThere({ status, headers }: Asked): boolean {
  if (status === 200) return true;
  const to = headers?.get("location") ?? "";
  return status === 303 && !to.startsWith("/sign-in") && !to.startsWith("/organizations");
}
