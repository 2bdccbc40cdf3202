import type { Actor, Credential, Scene } from "./actor.ts";
import { Application } from "./application.ts";
import { Customer } from "./customer.ts";
import type { SimulatedOrg, World } from "./world.ts";

/** The users of an org's application, and the application that asks them. */

/** How likely an org has them. */
const LIKELY = 0.6;

/** The keys of an application that asks users. */
export interface ConfirmingKeys {
  /** Says which passkeys speak for users. */
  readonly keeper: Credential;
  /** Say yes for users. */
  readonly approvers: readonly Credential[];
}

/** Makes the keys, before anybody else is there; null where the org asks no users. */
export async function confirmingKeys(
  world: World,
  org: SimulatedOrg,
  name: string,
): Promise<ConfirmingKeys | null> {
  if (!world.chance.fork(`${name} users`).happens(LIKELY)) return null;
  const credential = (what: string, secret: string) => ({
    name: `${name} ${what}`,
    id: null,
    secret,
  });
  return {
    keeper: credential("keeper", await org.key("management", { user_passkeys: true })),
    approvers: [
      credential("approver", org.approver),
      credential("second approver", await org.key("approver")),
    ],
  };
}

/** Those who ask and answer. */
export async function confirmingActors(
  { callers }: Scene,
  management: Credential,
  keys: ConfirmingKeys | null,
  actor: (part: string) => Actor,
): Promise<readonly (readonly [string, () => Promise<void>])[]> {
  const [key] = callers;
  if (keys === null || key === undefined) return [];
  const customers = [0, 1, 2].map((at) => {
    const id = `user-500${at}-of-the-app`;
    // One of them has none, and the application answers for them.
    return new Customer(actor(`user${at}`), id, at > 0, keys.approvers);
  });
  const application = new Application(
    actor("application"),
    key,
    management,
    keys.keeper,
    customers,
  );
  await application.begin();
  return [
    ["application", () => application.live()],
    ...customers.map((customer, at) => [`user${at}`, () => customer.live(application)] as const),
  ];
}
