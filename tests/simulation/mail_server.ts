import type { Mail, Mailer } from "../../lib/deps.ts";
import { MailFailed } from "../../lib/outside/mailer.ts";
import type { Chance } from "./chance.ts";
import { type Owner, type Schedule, WORLD } from "./schedule.ts";

/** How long an answer takes: in time, late, and until whoever sends gives up; milliseconds. */
const IN_TIME_MS = { from: 1, to: 300 };
const LATE_MS = { from: 1000, to: 28_000 };
const LIMIT_MS = 30_000;

/** The mail server of the deployment: it refuses, is late or silent, or takes a letter and loses the answer. */
export class MailServer {
  /** What it took, the oldest first. */
  readonly mails: Mail[] = [];
  /** How likely it is that something goes wrong with a letter. */
  #trouble = 0;
  readonly #chance: Chance;

  constructor(
    readonly schedule: Schedule,
    chance: Chance,
    /** Told of each letter that it took, whether or not it could say so. */
    readonly took: (mail: Mail) => void,
    /** Told of each that is handed to it, whatever becomes of it. */
    readonly given: (mail: Mail) => void,
  ) {
    this.#chance = chance.fork("mail server");
  }

  /** From now on it is as bad as its seed says. */
  suffer(): void {
    this.#trouble = this.#chance.pick([0, 0.3, 0.7]);
  }

  heal(): void {
    this.#trouble = 0;
  }

  /** What one process sends by, whose letters arrive although it has ended meanwhile. */
  of(owner: Owner): Mailer {
    return { configured: true, send: (mail) => this.#send(owner, mail) };
  }

  #send(owner: Owner, mail: Mail): Promise<void> {
    const chance = this.#chance;
    this.given(mail);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const after = (takes: number, act: () => void) =>
      void this.schedule.after(takes, owner, "mail server answers", act);
    const fail = () => reject(new MailFailed(`The mail server did not take it for ${mail.to}.`));
    const take = (takes: number) =>
      void this.schedule.after(takes, WORLD, "letter", () => {
        this.mails.push(mail);
        this.took(mail);
      });
    const way = chance.between(IN_TIME_MS.from, IN_TIME_MS.to);
    const troubles = { refuses: 4, late: 2, silent: 1, lost: 2 };
    switch (chance.happens(this.#trouble) ? chance.weighted(troubles) : "well") {
      case "well":
        take(way / 2);
        after(way, resolve);
        break;
      case "refuses":
        after(way, fail);
        break;
      case "late": {
        const late = chance.between(LATE_MS.from, LATE_MS.to);
        take(late);
        after(late + way, resolve);
        break;
      }
      case "silent":
        after(LIMIT_MS, fail);
        break;
      case "lost":
        take(way / 2);
        after(chance.pick([way, LIMIT_MS]), fail);
    }
    return promise;
  }
}
