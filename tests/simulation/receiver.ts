import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import type { Chance } from "./chance.ts";
import type { Arrived, Host, HostReply } from "./outside.ts";

/** What a receiver of webhooks got, whether or not it could say so. */
export interface Message {
  /** Milliseconds of the world's time. */
  readonly at: number;
  readonly id: string;
  /** When it was sent, by its own word, milliseconds. */
  readonly sent_at: number;
  readonly text: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Whether it is signed by a secret that the receiver was told. */
  readonly isSigned: boolean;
  /** Whether it was answered that it has arrived, and in time. */
  readonly isTaken: boolean;
}

/** How long an answer may take that counts, and how long a late one does, milliseconds. */
const IN_TIME_MS = 2000;
const LATE_MS = 40_000;

/** A receiver of one org's webhook: it fails, is late, loses what it answers, and is gone for a while. */
export class Receiver implements Host {
  /** What came last. */
  newest: Message | null = null;
  /** The secrets that it was told. */
  readonly secrets: string[] = [];
  /** Whether it answers that nobody is there any more. */
  isGone = false;

  constructor(
    readonly now: () => number,
    readonly chance: Chance,
    /** How likely it is that something goes wrong with a message; nothing does where it is well. */
    readonly trouble: () => number,
    readonly received: (message: Message) => void,
  ) {}

  isReached(): boolean {
    return !this.chance.happens(this.trouble() / 4);
  }

  answer(arrived: Arrived): HostReply {
    const reply = this.#reply();
    const isTaken = reply !== null && reply.status < 300 && reply.takes <= IN_TIME_MS;
    this.newest = this.#messageOf(arrived, isTaken);
    this.received(this.newest);
    return reply;
  }

  #reply(): HostReply {
    const { chance } = this;
    if (this.isGone) return { status: 410, takes: 1 };
    if (!chance.happens(this.trouble())) {
      return { status: chance.pick([200, 204]), takes: chance.between(1, IN_TIME_MS) };
    }
    switch (chance.weighted({ error: 5, later: 2, late: 2, silent: 2, redirect: 1 })) {
      case "error":
        return { status: chance.pick([400, 404, 500, 503]), takes: 1 };
      case "later":
        return { status: 429, headers: new Headers({ "retry-after": "20" }), takes: 1 };
      case "late":
        return { status: 200, takes: LATE_MS };
      case "redirect":
        return { status: 307, takes: 1 };
      case "silent":
        return null;
    }
  }

  #messageOf({ headers, body }: Arrived, isTaken: boolean): Message {
    const { type, data } = JSON.parse(body);
    const id = headers["webhook-id"] ?? "";
    const seconds = headers["webhook-timestamp"] ?? "";
    return {
      at: this.now(),
      id,
      sent_at: Number(seconds) * 1000,
      text: body,
      type,
      data,
      isSigned: this.#isSigned(`${id}.${seconds}.${body}`, headers["webhook-signature"] ?? ""),
      isTaken,
    };
  }

  /** As Standard Webhooks say: one of the signatures is by a secret that is known. */
  #isSigned(signed: string, given: string): boolean {
    return this.secrets.some((secret) => {
      const key = Buffer.from(secret.replace("whsec_", ""), "base64");
      const own = createHmac("sha256", key).update(signed).digest("base64");
      return given.split(" ").includes(`v1,${own}`);
    });
  }
}
