import { DEFAULT_PREFERENCE } from "../../lib/alerts/preferences.ts";
import { alertPreferenceKey } from "../../lib/store/news_keys.ts";
import type { SignedIn } from "../helpers/countersign.ts";
import type { PushBrowser } from "../helpers/push_browser.ts";
import type { Actor, Credential } from "./actor.ts";
import type { Chance } from "./chance.ts";
import { ORIGIN } from "./node.ts";
import { PushService } from "./push_service.ts";
import type { SimulatedOrg, World } from "./world.ts";

/** A member who hears of requests, or must not. */
export interface Hearing {
  readonly email: string;
  readonly member: string;
  readonly role: "approver" | "viewer";
  /** Whether they want to hear by mail how requests ended. */
  readonly wantsEnds: boolean;
}

/** A hearing member with their session. */
interface Hearer extends Hearing {
  readonly session: SignedIn;
}

/** How often one member subscribes at most: none is crowded out by it. */
const MOST = 8;

/**
 * Makes members who hear of requests: approvers, one of whom hears of decisions by mail, and a viewer. In
 * some worlds there are none.
 */
export async function makeHearers(world: World, org: SimulatedOrg, name: string) {
  const hearers: Hearer[] = [];
  if (world.chance.fork(`${name} hearers`).happens(0.3)) return hearers;
  for (
    const [first, role] of [["cleo", "approver"], ["dan", "approver"], ["vic", "viewer"]] as const
  ) {
    const email = `${first}@${name}.example.com`;
    const session = await org.signedIn(role, { email });
    const wantsEnds = first === "cleo";
    const { id } = session.member;
    if (wantsEnds) {
      const { mail, push } = DEFAULT_PREFERENCE;
      const preference = { mail: { ...mail, decided: true }, push };
      await org.transact((made) => made.set(alertPreferenceKey(org.id, id), preference));
    }
    const hearer = { email, member: id, role, wantsEnds };
    world.history.happened({ is: "hears", org: org.id, hearer });
    hearers.push({ ...hearer, session });
  }
  return hearers;
}

/** Members in front of their browsers, who have alerts pushed to them, or no more. */
export class Hearers {
  readonly #service: PushService;
  /** Subscribed, as far as is known, with the id by which it is called off. */
  readonly #on: { readonly browser: PushBrowser; readonly of: Hearer; readonly id: string }[] = [];
  readonly #times = new Map<Hearer, number>();

  constructor(readonly actor: Actor, readonly hearers: readonly Hearer[], name: string) {
    const { world, org } = actor.scene;
    const chance: Chance = world.chance.fork(`${name} push service`);
    const worst = chance.pick([0, 0.2, 0.6]);
    const host = `push-${name}.example.com`;
    this.#service = new PushService(
      host,
      () => world.schedule.now,
      chance,
      () => world.isEnding ? 0 : worst,
      (push) => {
        const { isCalm } = world;
        world.history.happened({ is: "pushed", org: org.id, push, isCalm });
      },
    );
    world.wires.put(host, this.#service);
  }

  /** Subscribes a browser of each, while nothing goes wrong. */
  async setUp(): Promise<void> {
    for (const hearer of this.hearers) await this.#subscribe(hearer, this.#service.browser());
  }

  live(): Promise<void> {
    return this.actor.live(() => this.#step(), 1000, 12_000);
  }

  async #step(): Promise<void> {
    const { chance } = this.actor;
    if (this.hearers.length === 0) return;
    const hearer = chance.pick(this.hearers);
    const [one] = this.#on;
    switch (chance.weighted({ another: 2, off: 1, hand: 2 })) {
      case "another":
        return await this.#subscribe(hearer, this.#service.browser());
      case "off":
        if (one !== undefined && this.#on.length > 2) await this.#end(one);
        return;
      case "hand":
        // Somebody else sits down at it: from then on it is theirs.
        if (one !== undefined && one.of !== hearer) await this.#hand(one.browser, hearer);
    }
  }

  async #hand(browser: PushBrowser, to: Hearer): Promise<void> {
    this.#on.shift();
    await this.#subscribe(to, browser);
  }

  async #subscribe(hearer: Hearer, browser: PushBrowser): Promise<void> {
    const times = this.#times.get(hearer) ?? 0;
    if (times === MOST) return;
    this.#times.set(hearer, times + 1);
    const asked = await this.#ask(hearer, "subscribe", "/notifications/push", browser.subscription);
    if (asked.status !== 200) return;
    this.#on.push({ browser, of: hearer, id: asked.answer.id });
  }

  async #end(one: { readonly of: Hearer; readonly id: string }): Promise<void> {
    this.#on.shift();
    const body = { id: one.id };
    await this.#ask(one.of, "unsubscribe", "/notifications/push/remove", body);
  }

  #ask({ email, session }: Hearer, deed: string, path: string, body: object) {
    const credential: Credential = { name: email, id: null, secret: "" };
    const headers = { origin: ORIGIN, cookie: `countersign_session=${session.secret}` };
    return this.actor.ask(credential, deed, "POST", path, body as never, headers);
  }
}
