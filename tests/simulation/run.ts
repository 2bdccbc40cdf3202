import { Actor, type Credential, REPORT_WITHIN_MS, type Scene, TOOLS } from "./actor.ts";
import { Agent } from "./agent.ts";
import { Approver } from "./approver.ts";
import { Auditor } from "./auditor.ts";
import { spendingActors, subscriberOf } from "./mandate_actors.ts";
import { Owner } from "./owner.ts";
import { tellChannel } from "./channel.ts";
import { Chance } from "./chance.ts";
import type { Broken } from "./evidence.ts";
import { FAULT_NAMES, type FaultName, type Faults, WORST } from "./faults.ts";
import { INVARIANTS, Judge, OF_AN_AUDITOR } from "./judge.ts";
import { Hearers, makeHearers } from "./hearer.ts";
import { gatewayActors } from "./gateway_actors.ts";
import { confirmingActors, confirmingKeys } from "./confirming_actors.ts";
import { teamActors, teamHead } from "./team_actors.ts";
import { orgKey } from "../../lib/store/keys.ts";
import { SignerIn } from "./signer_in.ts";
import { scheduleSignatures } from "./signatures.ts";
import { World } from "./world.ts";

/** One seed, from its first turn to its last. */

/** What is left out of a run, to find the least that still fails. */
export interface Without {
  readonly faults: readonly FaultName[];
  readonly actors: readonly string[];
}

export interface Plan {
  readonly seed: number;
  /** How long things go wrong, milliseconds of the world's time. */
  readonly suffering_ms: number;
  readonly without: Without;
  /** Whether the operator brings back an old store on the way, which nobody may overlook. */
  readonly restores?: boolean;
}

/** How long it is given to end all it began, once nothing goes wrong any more. */
const RECOVERY_MS = 12 * 60 * 1000;

/** Most turns of one run: far more than any takes. */
const MOST_STEPS = 2_000_000;

/** How often those who hold promises hear how late it is, milliseconds of the world's time. */
const TOLD_EACH_MS = 30_000;

/** What is known when a run has ended: by itself, or at the step that broke a promise. */
export interface Ended {
  readonly broken: readonly Broken[];
  readonly steps: number;
  readonly trace: string;
  /** Of the world's time, milliseconds. */
  readonly simulated_ms: number;
  /** The same from when things began to go wrong. */
  readonly suffered_ms: number;
}

/** Runs a plan. Throws only where the simulation itself is broken. */
export async function run(plan: Plan, listen?: World["schedule"]["listener"]): Promise<Ended> {
  const chance = new Chance(plan.seed);
  const shape = chance.fork("shape");
  const world = new World(chance, 1 + shape.below(4), shape.happens(0.5));
  const { schedule } = world;
  schedule.listener = listen ?? null;
  const judge = new Judge(plan.restores ? OF_AN_AUDITOR : INVARIANTS);
  world.history.listener = (happening) => judge.take(happening);
  using signatures = scheduleSignatures(schedule, chance);
  const begun = schedule.now;

  await through(world, () => world.start());
  const person = new SignerIn(world, chance.fork("person"));
  await through(world, () => person.setUp());
  const made = await through(world, async () => {
    const made = [];
    for (const name of ["one", "two"]) made.push(await makeOrg(world, name));
    return made;
  });

  world.suffer(faultsOf(plan, chance));
  const suffers = schedule.now;
  const waiting = new Set<string>();
  for (const actors of made) {
    for (const [name, live] of actors) {
      if (plan.without.actors.includes(name.split(" ")[1] ?? "")) continue;
      waiting.add(name);
      void live().then(() => waiting.delete(name));
    }
  }
  if (!plan.without.actors.includes(person.name)) {
    waiting.add(person.name);
    void person.live().then(() => waiting.delete(person.name));
  }
  const isBroken = () => judge.broken.length > 0;
  /** Takes turns until a moment has come, or a promise is broken; the logs are verified by then. */
  const pass = async (moment: number) => {
    while (schedule.now < moment && !isBroken()) {
      const next = Math.min(moment, schedule.now + TOLD_EACH_MS);
      const isThere = () => isBroken() || schedule.now >= next;
      if (!await schedule.until(isThere, MOST_STEPS)) break;
      world.tellTime();
    }
    // Of a log that went back nobody but an auditor holds anything.
    if (isBroken() || plan.restores) return;
    await signatures.aside(() => judge.verify(world.onlooking));
  };
  const ended = (): Ended => ({
    broken: judge.broken,
    steps: schedule.steps,
    trace: schedule.trace,
    simulated_ms: schedule.now - begun,
    suffered_ms: schedule.now - suffers,
  });

  const backup = plan.restores ? world.backUp() : null;
  await pass(suffers + plan.suffering_ms / 2);
  if (isBroken()) return ended();
  backup?.();
  if (shape.happens(0.2)) world.rotateSecret();
  await pass(suffers + plan.suffering_ms);
  if (isBroken()) return ended();
  world.isEnding = true;
  world.heal();
  await pass(schedule.now + RECOVERY_MS);
  for (const name of waiting) {
    if (isBroken()) break;
    judge.broken.push({ invariant: "no operation waits for ever", where: `${name} still waits` });
  }
  return ended();
}

/** Does something in a world, and takes turns until it is done. */
async function through<T>(world: World, act: () => Promise<T>): Promise<T> {
  let outcome: { value: T } | { error: unknown } | undefined;
  act().then((value) => outcome = { value }, (error) => outcome = { error });
  await world.schedule.until(() => outcome !== undefined, MOST_STEPS);
  if (outcome === undefined) throw new Error("It never ended, with nothing going wrong.");
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

/** Which faults a seed suffers from, and how much: some worlds know one kind alone. */
function faultsOf({ without }: Plan, chance: Chance): Faults {
  const of = chance.fork("faults");
  const most = of.pick([0, 0.3, 0.6, 1]);
  const faults: Record<FaultName, number> = { ...WORST };
  for (const name of FAULT_NAMES) {
    const some = of.happens(0.6) ? of.part() * most : 0;
    faults[name] = without.faults.includes(name) ? 0 : WORST[name] * some;
  }
  return faults;
}

/** By name, the org's and whose part it is: who acts in it, and how. */
type Actors = readonly (readonly [string, () => Promise<void>])[];

async function makeOrg(world: World, name: string): Promise<Actors> {
  const org = await world.org(name);
  for (const [tool, permission] of Object.entries(TOOLS)) {
    await org.tool(tool, { default_permission: permission });
  }
  // Short times, so that much ends by itself while somebody looks.
  await org.transact((transaction) => {
    transaction.setPolicy(orgKey(org.id), {
      ...transaction.snapshot.org,
      approval_timeout_seconds: 90,
      approval_use_seconds: 60,
      report_within_seconds: REPORT_WITHIN_MS / 1000,
    });
  });
  const approvers = ["ann@example.com", "ben@example.com"];
  const [ann] = [await org.member("ann@example.com"), await org.member("ben@example.com")];
  const head = await teamHead(world, org, name);
  const keys = await confirmingKeys(world, org, name);
  const hearing = await makeHearers(world, org, name);
  const callers: Credential[] = [{ name: `${name} key`, id: null, secret: org.standard }];
  for (const number of [1, 2]) {
    const behind = number === 2 ? [] : [ann.id, ...(head === null ? [] : [head.id])];
    const secret = await org.agent({ name: `agent ${number}`, members_behind: behind });
    const agents = await org.get("/v1/agents", org.management);
    const [newest] = agents.body.data.filter((row: { name: string }) =>
      row.name === `agent ${number}`
    );
    callers.push({ name: `${name} agent ${number}`, id: newest.id, secret });
  }
  for (const { email, role } of hearing) if (role === "approver") approvers.push(email);
  const scene: Scene = { world, org, callers, approvers };
  const actor = (part: string) =>
    new Actor(scene, `${name} ${part}`, world.chance.fork(`${name} ${part}`));
  const management = { name: `${name} management`, id: null, secret: org.management };
  const approver = { name: `${name} approver`, id: null, secret: org.approver };
  await tellChannel(scene);
  const hearers = new Hearers(actor("hearers"), hearing, name);
  await hearers.setUp();
  const others = [
    ...spendingActors(scene, management, actor),
    await subscriberOf(scene, management, actor("subscriber")),
    ...await gatewayActors(scene, management, name, actor),
    ["hearers", () => hearers.live()] as const,
    ...await teamActors(scene, management, name, head, actor),
    ...await confirmingActors(scene, management, keys, actor),
  ];
  return [
    ...callers.map((caller, i) => {
      const part = `caller${i}`;
      const agent = new Agent(actor(part), caller);
      return [`${name} ${part}`, () => agent.live()] as const;
    }),
    [`${name} approver`, () => new Approver(actor("approver"), approver).live()],
    [`${name} owner`, () => new Owner(actor("owner"), management).live()],
    [`${name} auditor`, () => new Auditor(actor("auditor"), management).live()],
    ...others.map(([part, live]) => [`${name} ${part}`, live] as const),
  ];
}
