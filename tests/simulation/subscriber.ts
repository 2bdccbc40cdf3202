import type { Actor, Credential } from "./actor.ts";
import type { Receiver } from "./receiver.ts";

/** What a webhook of the simulation hears of. */
export const HEARD = [
  ...["approval.created", "approval.decided", "approval.expired", "approval.cancelled"],
  ...["approval.revoked", "kill_switch.changed", "mandate.revoked", "execution.unknown"],
  ...["budget.threshold", "budget.overrun"],
] as const;

/** How long a receiver is gone, milliseconds. */
const GONE_MS = { from: 1000, to: 10_000 };

/** How long it takes until a receiver has a new secret, milliseconds. */
const TOLD_SECRET_MS = { from: 1000, to: 15_000 };

/** Whoever runs the receiver of an org's webhook, and looks after it. */
export class Subscriber {
  /** The webhook's id. */
  #webhook = "";
  /** When the org's webhook was made, milliseconds. */
  #since = 0;
  /** Whether the receiver is gone now and then. */
  readonly #goes: boolean;

  constructor(
    readonly actor: Actor,
    readonly management: Credential,
    readonly receiver: Receiver,
    readonly host: string,
  ) {
    this.#goes = actor.chance.happens(0.4);
  }

  /** Makes the webhook, while nothing goes wrong. */
  async setUp(): Promise<void> {
    const { world } = this.actor.scene;
    world.outside.put(this.host, this.receiver);
    const made = await this.#manage("webhook", "POST", "/v1/webhooks", {
      url: `https://${this.host}/events`,
      events: [...HEARD],
    });
    if (made.status !== 201) throw new Error(`No webhook was made: ${JSON.stringify(made.answer)}`);
    this.#webhook = made.answer.id;
    this.#since = world.schedule.now;
    this.receiver.secrets.push(made.answer.secret);
  }

  async live(): Promise<void> {
    await this.actor.live(() => this.#step(), 500, 8000);
    // Where it was never gone all arrives without anybody's doing.
    if (this.#goes) await this.#mend();
  }

  async #step(): Promise<void> {
    switch (
      this.actor.chance.weighted({ look: 3, rotate: 1, again: 2, gone: this.#goes ? 1 : 0 })
    ) {
      case "look":
        await this.#manage("look", "GET", this.#path("/deliveries"));
        break;
      case "rotate":
        await this.#rotate();
        break;
      case "again":
        await this.#again();
        break;
      case "gone":
        await this.#gone();
    }
  }

  /** Another secret: both sign for a day, so it is told to the receiver in its own time. */
  async #rotate(): Promise<void> {
    const asked = await this.#manage("rotate_webhook", "POST", this.#path("/rotate"), {});
    if (asked.status !== 200) return;
    await this.actor.pause(TOLD_SECRET_MS.from, TOLD_SECRET_MS.to);
    this.receiver.secrets.push(asked.answer.secret);
  }

  async #again(): Promise<void> {
    const { newest } = this.receiver;
    if (newest === null) return;
    const delivery = newest.id.replace("evt_", "dlv_");
    const path = this.#path(`/deliveries/${delivery}/replay`);
    await this.#manage("replay", "POST", path);
  }

  /** It says that nobody is there for a while, for which it is disabled. */
  async #gone(): Promise<void> {
    this.receiver.isGone = true;
    await this.actor.pause(GONE_MS.from, GONE_MS.to);
    this.receiver.isGone = false;
    await this.#turnOn();
  }

  /** Has it sent to again, with all that it missed. */
  async #turnOn(): Promise<boolean> {
    const on = await this.#manage("turn_on", "PATCH", this.#path(), { status: "active" });
    if (on.status !== 200) return false;
    const since = new Date(Math.floor(this.#since)).toISOString();
    const recovered = await this.#manage("recover", "POST", this.#path("/recover"), { since });
    return recovered.status === 202;
  }

  /** At the end whoever runs it mends what is left. */
  async #mend(): Promise<void> {
    this.receiver.isGone = false;
    // What is under way meets a receiver that was gone; its answers are noted by then.
    await this.actor.pause(150_000, 200_000);
    while (!await this.#turnOn()) await this.actor.pause(200, 2000);
  }

  #path(rest = ""): string {
    return `/v1/webhooks/${this.#webhook}${rest}`;
  }

  #manage(deed: string, method: string, path: string, body?: object) {
    return this.actor.ask(this.management, deed, method, path, body as never);
  }
}
