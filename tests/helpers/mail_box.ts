import type { Mail, Mailer, PushFetch, PushRequest, PushResponse } from "../../lib/deps.ts";
import { MailFailed } from "../../lib/outside/mailer.ts";

/** A mailer that keeps what it is given, and fails as long as a test says so. */
export class MailBox implements Mailer {
  readonly configured: boolean = true;
  readonly sent: Mail[] = [];
  /** What the mail server says instead of taking a mail. */
  failure: string | null = null;
  /** Runs before each mail is taken. */
  before: (mail: Mail) => Promise<void> = () => Promise.resolve();

  async send(mail: Mail): Promise<void> {
    await this.before(mail);
    if (this.failure !== null) throw new MailFailed(this.failure);
    this.sent.push(mail);
  }

  /** The mails to one address, the oldest first. */
  to(address: string): Mail[] {
    return this.sent.filter(({ to }) => to === address);
  }
}

/** A push service that keeps what it is given. */
export class PushBox {
  readonly sent: PushRequest[] = [];
  answer: PushResponse = { status: 201, retry_after_seconds: null };

  readonly push: PushFetch = (request) => {
    this.sent.push(request);
    return Promise.resolve(this.answer);
  };
}
