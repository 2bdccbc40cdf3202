import type { Scene } from "./actor.ts";
import type { Chance } from "./chance.ts";
import type { Arrived, Host, HostReply } from "./outside.ts";

/** What a channel of people showed, whether or not it could say so. */
export interface Card {
  /** The request that it leads to. */
  readonly approval: string;
  readonly text: string;
  /** Whether it was answered that it has arrived, and in time. */
  readonly isTaken: boolean;
}

/** How long an answer may take that counts, and how long a late one does, milliseconds. */
const IN_TIME_MS = 2000;
const LATE_MS = 40_000;

/** A server of ntfy on which teams hear of requests: it fails, is late, or shows a card and says nothing. */
class ChannelHost implements Host {
  constructor(
    readonly chance: Chance,
    /** How likely it is that something goes wrong with a card. */
    readonly trouble: () => number,
    readonly shown: (card: Card) => void,
  ) {}

  isReached(): boolean {
    return !this.chance.happens(this.trouble() / 4);
  }

  answer({ headers, body }: Arrived): HostReply {
    const reply = this.#reply();
    const isTaken = reply !== null && reply.status < 300 && reply.takes <= IN_TIME_MS;
    const approval = (headers["click"] ?? "").split("/").at(-1) ?? "";
    this.shown({ approval, text: `${headers["title"]}\n${body}`, isTaken });
    return reply;
  }

  #reply(): HostReply {
    const { chance } = this;
    if (!chance.happens(this.trouble())) {
      return { status: 200, takes: chance.between(1, IN_TIME_MS) };
    }
    switch (chance.weighted({ error: 4, late: 2, silent: 2 })) {
      case "error":
        return { status: chance.pick([429, 500, 502, 503]), takes: 1 };
      case "late":
        return { status: 200, takes: LATE_MS };
      case "silent":
        return null;
    }
  }
}

/** Makes a channel of an org that is told of all that happens to requests, while nothing goes wrong. */
export async function tellChannel({ world, org }: Scene): Promise<void> {
  const chance = world.chance.fork(`channel of ${org.id}`);
  const worst = chance.pick([0, 0.3, 0.8]);
  const name = `ntfy-${org.id.replace("_", "-")}.example.com`;
  const trouble = () => world.isEnding ? 0 : worst;
  world.outside.put(
    name,
    new ChannelHost(
      chance,
      trouble,
      (card) => world.history.happened({ is: "carded", org: org.id, card }),
    ),
  );
  const made = await org.manage("POST", "/v1/channels", {
    name: "on call",
    kind: "ntfy",
    url: `https://${name}`,
    topic: "approvals",
  });
  if (made.status !== 201) throw new Error(`No channel was made: ${made.text}`);
}
