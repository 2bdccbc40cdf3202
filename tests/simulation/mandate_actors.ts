import type { Actor, Credential, Scene } from "./actor.ts";
import { Grantor } from "./grantor.ts";
import { Receiver } from "./receiver.ts";
import { Spender } from "./spender.ts";
import { Subscriber } from "./subscriber.ts";

/** Those of an org who grant mandates, act under them, and are told what happens. */

/** An actor by its part, and how it lives. */
type Living = readonly [part: string, live: () => Promise<void>];

/** Who grants and who spends. */
export function spendingActors(
  { callers }: Scene,
  management: Credential,
  actor: (part: string) => Actor,
): Living[] {
  const grantor = new Grantor(actor("grantor"), management);
  return [
    ["grantor", () => grantor.live()],
    ...callers.slice(0, 2).map((caller, i): Living => {
      const spender = new Spender(actor(`spender${i}`), caller, grantor);
      return [`spender${i}`, () => spender.live()];
    }),
  ];
}

/** Who looks after the receiver of an org's webhook, which is made here. */
export async function subscriberOf(
  { world, org }: Scene,
  management: Credential,
  actor: Actor,
): Promise<Living> {
  const chance = world.chance.fork(`${actor.name} receiver`);
  const worst = chance.pick([0, 0.2, 0.5, 0.9]);
  const receiver = new Receiver(
    () => world.schedule.now,
    chance,
    () => world.isEnding ? 0 : worst,
    (message) => world.history.happened({ is: "received", org: org.id, message }),
  );
  const host = `hooks-${org.id.replace("_", "-")}.example.com`;
  const subscriber = new Subscriber(actor, management, receiver, host);
  await subscriber.setUp();
  return ["subscriber", () => subscriber.live()];
}
