import type { Entry } from "../../lib/ledger/entry.ts";
import { usesApproval } from "./approval_invariants.ts";
import { isThere } from "./browser.ts";
import { type Broken, type Invariant, named, namedAsked, text } from "./evidence.ts";
import { PolicyOfLog } from "./policy_invariants.ts";
import { TeamOfLog } from "./team_of_log.ts";

/** Who decided, and who saw anything, against who might at that moment. */

/** Nobody decides who may not: by membership, role, level, and who asked, as all of it was then. */
export const decidedByWhoMay: Invariant = () => {
  const team = new TeamOfLog();
  const broken = (where: string): Broken => ({
    invariant: "who decides may do so at that moment, at that level, and has not asked for it",
    where,
  });

  function* look(entry: Entry): Iterable<Broken> {
    const { type, subject, data } = entry;
    const request = team.request(text(subject.approval));
    const level = Number(data.level);
    if (type === "approval.decided" && level > 0 && request !== undefined) {
      const member = text(subject.member);
      const bar = team.bar(request, { entry, level, member });
      if (bar !== null) yield broken(`${named(entry)} at level ${level}: ${member} ${bar}`);
      const next = request.said.length + 1;
      if (level !== next) yield broken(`${named(entry)} is at level ${level}, next is ${next}`);
      const levels = team.levelsOf(request);
      if (Number(data.levels) < levels) {
        yield broken(`${named(entry)} is one of ${data.levels}, and ${levels} have to approve`);
      }
    }
    team.take(entry);
  }

  return function* (happening) {
    if (happening.is === "stored") team.learn(happening);
    if (happening.is === "logged") yield* look(happening.entry);
  };
};

/**
 * What was approved is of use while those who approved could do so still, and are as many different
 * people as it takes by then: asked when a token is made of it, and when that is consumed.
 */
export const approvalsStandStill: Invariant = ({ tools }) => {
  const team = new TeamOfLog();
  const policy = new PolicyOfLog(tools);
  /** The approvals that tokens were made of. */
  const approvals = new Map<string, string>();

  function* holds(entry: Entry, approval: string): Iterable<Broken> {
    const request = team.request(approval);
    if (request === undefined || Number(request.created.data.levels) === 0) return;
    const broken = (where: string): Broken => ({
      invariant: "an approval counts with those who could decide it still, as many as it takes",
      where: `${named(entry)}: ${where}`,
    });
    const levels = team.levelsOf(request);
    const people = new Set(request.said.map(({ member }) => member));
    if (people.size < levels) yield broken(`${people.size} approved, and ${levels} have to`);
    for (const said of request.said) {
      const bar = team.bar(request, said);
      if (bar !== null) yield broken(`${said.member}, who approved, ${bar}`);
    }
  }

  function* look(entry: Entry): Iterable<Broken> {
    const { type, subject } = entry;
    const token = text(subject.token);
    if (usesApproval(entry)) {
      approvals.set(token, text(subject.approval));
      yield* holds(entry, text(subject.approval));
    } else if (type === "token.consumed") {
      // What the policy allows by itself by then needs no approval.
      const isAllowed = policy.permission(text(subject.tool)) === "allowed";
      const approval = approvals.get(token);
      if (approval !== undefined && !isAllowed) yield* holds(entry, approval);
    }
    policy.take(entry);
    team.take(entry);
  }

  return function* (happening) {
    if (happening.is === "stored") team.learn(happening);
    if (happening.is === "logged") yield* look(happening.entry);
  };
};

/** What pages and scripts ask that are for members. */
const FOR_MEMBERS = [
  ...["inbox", "open", "statement", "approve", "deny", "take_back"],
  ...["member", "change", "remove", "invite"],
];

/** From the commit that removes somebody on they do nothing, and see nothing, on whichever node. */
export const removedAreOut: Invariant = () => {
  const invariant = "who was removed does and sees nothing more";
  const team = new TeamOfLog();
  /** Requests of who was removed by then. */
  const late = new Set<number>();
  return function* (happening) {
    if (happening.is === "stored") team.learn(happening);
    if (happening.is === "logged") {
      const { actor } = happening.entry;
      if (actor.type === "member" && team.isGone(actor.id)) {
        yield { invariant, where: `${named(happening.entry)} is of ${actor.id}` };
      }
      team.take(happening.entry);
    }
    if (happening.is === "asked" || happening.is === "answered") {
      const { asked } = happening;
      const isOut = FOR_MEMBERS.includes(asked.deed) && team.isAddressGone(asked.credential);
      if (happening.is === "asked" && isOut) late.add(asked.number);
      // Who was invited again and came in meanwhile is somebody else.
      if (happening.is === "answered" && late.delete(asked.number) && isOut && isThere(asked)) {
        yield { invariant, where: `${namedAsked(asked)} is of ${asked.credential}` };
      }
    }
  };
};
