import type { Actor, Credential, Scene } from "./actor.ts";
import { assertDone, Head, TEAM_TOOL } from "./head.ts";
import { Member } from "./member.ts";
import { Releaser } from "./releaser.ts";
import type { SimulatedOrg, World } from "./world.ts";

/** Those of an org who decide by name, who rules over them, and whose actions they decide of. */

/** How likely an org has a team. */
const LIKELY = 0.6;

/** Whoever rules a team, before anybody else is there. */
export interface TeamHead {
  readonly email: string;
  readonly session: string;
  /** As a member. */
  readonly id: string;
}

/** Makes the tool that a team decides of, and whoever rules it; null where the org has no team. */
export async function teamHead(
  world: World,
  org: SimulatedOrg,
  name: string,
): Promise<TeamHead | null> {
  if (!world.chance.fork(`${name} team`).happens(LIKELY)) return null;
  await org.tool(TEAM_TOOL, { default_permission: "requires_approval" });
  const email = `head-${name}@example.com`;
  const { secret, member } = await org.signedIn("admin", { email });
  return { email, session: secret, id: member.id };
}

/** The team of an org, whose members come in by invitation; nobody where it has none. */
export async function teamActors(
  scene: Scene,
  management: Credential,
  name: string,
  found: TeamHead | null,
  actor: (part: string) => Actor,
): Promise<readonly (readonly [string, () => Promise<void>])[]> {
  if (found === null) return [];
  const chance = scene.world.chance.fork(`${name} members`);
  const emails = ["dee", "eli", "fay", "gus"].slice(0, 2 + chance.below(3))
    .map((who) => `${who}-${name}@example.com`);
  const head = new Head(actor("head"), found.email, management, emails);
  await head.begin(found.session);
  const members = emails.map((email, at) => new Member(actor(`member${at}`), email));
  for (const [at, member] of members.entries()) {
    // The first two can take the two levels.
    assertDone(await head.invite(member.email, "approver", at === 1 ? ["2"] : []), "no invitation");
    await member.comeIn();
  }
  // An approver key may name them, too.
  scene.approvers.push(...emails);
  return [
    ["head", () => head.live()],
    // Whoever rules decides, too, though an agent is theirs.
    ["ruler", () => new Member(actor("ruler"), head.email, head.browser).live()],
    ...members.map((member, at) => [`member${at}`, () => member.live()] as const),
    ...scene.callers.slice(0, 2).map((caller, at) => {
      const releaser = new Releaser(actor(`releaser${at}`), caller);
      return [`releaser${at}`, () => releaser.live()] as const;
    }),
  ];
}
