import { WebPerson } from "../../tests/helpers/web_person.ts";
import type { CountersignProcess } from "./countersign_process.ts";
import { NotAsTold } from "./story.ts";

/** Whose e-mail address the code goes to, which a service without a mail server prints. */
const EMAIL = "owner@example.com";

/**
 * The owner, who approves with a passkey. Their browser reads the pages of the service over HTTP, and
 * their device is a software authenticator; it signs what a device would sign.
 */
export class Owner {
  private constructor(readonly browser: WebPerson) {}

  /** Follows the link of the first start: a code by mail, then a passkey. */
  static async setUp(service: CountersignProcess): Promise<Owner> {
    const browser = new WebPerson({ origin: service.url });
    const path = await service.printed(/http:\/\/localhost:\d+(\/set-up\/\S+)\n/);
    await browser.follow(path, "send_code", { organization: "Demo", email: EMAIL });
    const code = await service.printed(/Your code is (\d{6})/);
    const passkey = await browser.follow(path, "confirm_code", { code });
    const done = await browser.send(passkey.to, "finish", await browser.enrol(passkey.html));
    if (done.status !== 200) throw new NotAsTold(`No passkey was enrolled: ${done.text}`);
    return new Owner(browser);
  }

  /** Reads the page of a request, and signs what it shows with the passkey. */
  async approve(id: string): Promise<void> {
    const status = await this.browser.approve(id);
    if (status !== "approved") throw new NotAsTold(`The request ${id} is ${status}`);
  }

  async deny(id: string, note: string): Promise<void> {
    const sent = await this.browser.send(`/approvals/${id}`, "deny", { note });
    if (sent.status !== 303) throw new NotAsTold(`The request ${id} was not denied: ${sent.text}`);
  }
}
