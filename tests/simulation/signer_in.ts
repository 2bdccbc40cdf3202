import {
  confirmSetUpCode,
  finishSetUp,
  makeSetUpLink,
  sendSetUpCode,
} from "../../lib/people/set_up.ts";
import { registrationResponse } from "../../lib/passkeys/responses.ts";
import { SoftwareAuthenticator } from "../helpers/software_authenticator.ts";
import type { Chance } from "./chance.ts";
import { ORIGIN } from "./node.ts";
import type { World } from "./world.ts";

const EMAIL = "jo@example.com";

const CLIENT = {
  ip: null,
  user_agent: null,
  request_id: "req_simulation",
  via: "dashboard",
} as const;

/** A person with a passkey, who signs in, and hands in every answer more than once. */
export class SignerIn {
  readonly name = "person";
  readonly #authenticator = new SoftwareAuthenticator({ origin: ORIGIN, algorithm: "EdDSA" });

  constructor(readonly world: World, readonly chance: Chance) {}

  /** Makes their account, in a deployment that has nobody yet. */
  async setUp(): Promise<void> {
    const { services } = this.world;
    const link = new URL((await makeSetUpLink(services))?.url ?? "").pathname.split("/").at(-1) ??
      "";
    const flow = this.#secret(32);
    const followed = { link, flow };
    await sendSetUpCode(services, { ...followed, organization: "Acme", email: EMAIL }, CLIENT);
    // Nobody waits for a letter but whoever it is for.
    while (this.world.mail.mails.length === 0) await this.world.pause(10);
    const [, code = ""] = /Your code is (\d{6})/.exec(this.world.mail.mails.at(-1)?.text ?? "") ??
      [];
    const { nonce, options } = await confirmSetUpCode(services, { ...followed, code }, CLIENT);
    const newId = this.#secret(32);
    const response = registrationResponse.parse(
      await this.#authenticator.enrol(options, { newId }),
    );
    await finishSetUp(services, { ...followed, nonce, response }, CLIENT);
  }

  async live(): Promise<void> {
    while (!this.world.isEnding) {
      await this.world.pause(this.chance.between(300, 4000));
      await this.#signIn();
    }
  }

  async #signIn(): Promise<void> {
    const begun = await this.#ask("sign_in_begun", "/session/sign-in", {}, "");
    if (begun.status !== 200) return;
    const { nonce, options } = begun.answer;
    const cookie = (begun.headers?.getSetCookie() ?? []).map((line) => line.split(";")[0]).join(
      "; ",
    );
    // As synced passkeys do, it counts nothing: the nonce alone tells that an answer was given before.
    const response = await this.#authenticator.assert(options, { counter: 0 });
    const finish = () =>
      this.#ask("sign_in", "/session/sign-in/finish", { nonce, response } as never, cookie);
    await Promise.all([finish(), finish()]);
    await this.world.pause(this.chance.between(0, 200));
    await finish();
  }

  #ask(deed: string, path: string, body: Record<string, never>, cookie: string) {
    const question = {
      actor: this.name,
      org: "",
      deed,
      method: "POST",
      path,
      body,
      credential: this.name,
      key: null,
    };
    return this.world.ask(question, "", { origin: ORIGIN, cookie });
  }

  #secret(bytes: number): string {
    return this.chance.bytes(bytes).toBase64({ alphabet: "base64url", omitPadding: true });
  }
}
