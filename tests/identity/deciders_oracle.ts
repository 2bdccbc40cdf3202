import fc from "fast-check";

/**
 * Who may decide, told naively from the promises alone: the team as it is, a request, and what
 * happens to both, one thing after the other.
 */

export const FACTS = ["resource", "method"] as const;
export type Fact = (typeof FACTS)[number];

export interface Somebody {
  readonly role: "owner" | "admin" | "approver" | "viewer";
  readonly groups: readonly (1 | 2)[];
  /** Whether they accepted the membership; with a passkey, or (in a damaged store) without. */
  readonly accepted: boolean;
  readonly passkey: boolean;
  /** Until when a recovery holds them, seconds; 0 for none. */
  readonly held_until: number;
}

/** All that a decision may depend on. */
export interface Team {
  /** Seconds. */
  readonly now: number;
  /** By number; null for somebody who is not in the org. Number 0 was named to the key `operator`. */
  readonly people: readonly (Somebody | null)[];
  readonly separated: boolean;
  /** Whether a missing second level is skipped: an owner chose it, or a record of before says so. */
  readonly skips: "no" | "nobody chose" | "chosen";
  readonly keysDecide: boolean;
  readonly twice: boolean;
  readonly required: readonly Fact[];
  readonly tier: 0 | 1;
  /** Of the agent that asks. */
  readonly trust: 0 | 1;
  readonly behind: readonly number[];
  /** Whether these approver keys are there: one that an owner made, and the operator's. */
  readonly keys: { readonly made: boolean; readonly operator: boolean };
}

export type Way = "passkey" | "made" | "operator";

export type Happening =
  | { readonly what: "change"; readonly team: Partial<Team> }
  | { readonly what: "person"; readonly who: number; readonly is: Somebody | null }
  | { readonly what: "rotate"; readonly who: number }
  | { readonly what: "wait"; readonly seconds: number }
  | { readonly what: "ask"; readonly given: readonly Fact[] }
  | { readonly what: "look" }
  | { readonly what: "approve"; readonly who: number; readonly way: Way }
  | { readonly what: "mint" };

export const PEOPLE = 4;
/** How long a request waits, and an approval is good for, seconds. */
export const TERMS = { waits: 3600, use: 900 } as const;

interface Asked {
  readonly given: readonly Fact[];
  /** Missing, and shown to be. */
  readonly missing: readonly Fact[];
  readonly at: Team;
  levels: 1 | 2;
  skipped: boolean;
  approvals: {
    readonly level: 1 | 2;
    readonly who: number;
    readonly way: Way;
    readonly at: Team;
  }[];
  decided_at: number;
  state: "pending" | "approved" | "used" | "over";
}

/** Tells what each happening is answered with: true where it does something. */
export class Naive {
  asked: Asked | null = null;

  constructor(public team: Team) {}

  happen(happening: Happening): boolean {
    switch (happening.what) {
      case "change":
        this.team = { ...this.team, ...happening.team };
        return true;
      case "person":
        this.team = {
          ...this.team,
          people: this.team.people.with(happening.who, happening.is),
        };
        return true;
      case "rotate":
        this.team = { ...this.team, behind: [...new Set([...this.team.behind, happening.who])] };
        return true;
      case "wait":
        this.team = { ...this.team, now: this.team.now + happening.seconds };
        return true;
      case "look":
        this.#look();
        return true;
      case "ask":
        return this.#ask(happening.given);
      case "approve":
        return this.#approve(happening.who, happening.way);
      case "mint":
        return this.#mint();
    }
  }

  #ask(given: readonly Fact[]): boolean {
    this.#look();
    if (this.asked?.state === "pending" || this.asked?.state === "approved") return false;
    const { team } = this;
    if (team.trust < team.tier) return false;
    const skipped = team.twice && !this.#hasSecond();
    if (skipped && team.skips !== "chosen") return false;
    this.asked = {
      given,
      missing: team.required.filter((fact) => !given.includes(fact)),
      at: team,
      levels: team.twice && !skipped ? 2 : 1,
      skipped,
      approvals: [],
      decided_at: 0,
      state: "pending",
    };
    return true;
  }

  #approve(who: number, way: Way): boolean {
    this.#look();
    const { asked, team } = this;
    if (asked?.state !== "pending") return false;
    const level = asked.approvals.length === 0 ? 1 : 2;
    if (asked.approvals.some((said) => said.who === who)) return false;
    if (!this.could(who, level, way, team) || team.trust < team.tier) return false;
    asked.approvals.push({ level, who, way, at: team });
    if (asked.approvals.length < asked.levels) return true;
    asked.state = "approved";
    asked.decided_at = team.now;
    return true;
  }

  #mint(): boolean {
    const { team } = this;
    // What the policy disables is refused before anybody looks at what was approved.
    if (team.trust < team.tier) return false;
    this.#look();
    if (this.asked?.state !== "approved") return false;
    this.asked.state = "used";
    return true;
  }

  /** Whoever comes by notes what time and the policy made of the request. */
  #look(): void {
    const { asked, team } = this;
    if (asked === null || (asked.state !== "pending" && asked.state !== "approved")) return;
    const isOver = asked.state === "pending"
      ? team.now >= asked.at.now + TERMS.waits
      : team.now >= asked.decided_at + TERMS.use;
    const lacks = team.required.some((fact) =>
      !asked.given.includes(fact) && !asked.missing.includes(fact)
    );
    const lost = asked.approvals.some(({ who, level, way }) => !this.could(who, level, way, team));
    const needed = this.needed();
    if (
      isOver || lacks || lost || (asked.state === "approved" && asked.approvals.length < needed)
    ) {
      asked.state = "over";
    } else if (needed > asked.levels) {
      asked.levels = needed;
      asked.skipped = false;
    }
  }

  /** How many people have to approve the request by now. */
  needed(): 1 | 2 {
    const { asked, team } = this;
    if (asked === null) return 1;
    if (!team.twice) return asked.levels;
    if (!asked.skipped) return 2;
    return this.#hasSecond() || team.skips !== "chosen" ? 2 : 1;
  }

  /** Whether somebody could decide a level of the request in a team. */
  could(who: number, level: 1 | 2, way: Way, team: Team): boolean {
    const { asked } = this;
    const person = team.people[who] ?? null;
    if (asked === null || person === null || person.held_until > team.now) return false;
    const forTwo = asked.levels === 2 || asked.skipped || team.twice;
    const ownerSigns = team.people.some((one) => one?.role === "owner" && one.passkey);
    if (way !== "passkey") {
      if (!team.keysDecide || forTwo || !team.keys[way]) return false;
      if (way === "operator" && ownerSigns) return false;
    }
    const named = way === "operator" && who === 0 && person.role === "owner";
    if (!(person.accepted && person.passkey) && !named) return false;
    if (!hasLevel(person, level, team)) return false;
    const separated = forTwo || team.separated || asked.at.separated || asked.at.twice;
    return !(separated && [...asked.at.behind, ...team.behind].includes(who));
  }

  #hasSecond(): boolean {
    return this.team.people.some((one) =>
      one !== null && one.role !== "viewer" && one.groups.includes(2) && one.accepted && one.passkey
    );
  }
}

function hasLevel({ role, groups }: Somebody, level: 1 | 2, { people }: Team): boolean {
  if (role === "owner" || role === "admin") return true;
  if (role === "viewer") return false;
  const isNamed = people.some((one) =>
    one !== null && one.role !== "viewer" && one.groups.includes(1)
  );
  return groups.includes(level) || (level === 1 && !isNamed);
}

const somebody: fc.Arbitrary<Somebody> = fc.record({
  role: fc.constantFrom("owner", "admin", "approver", "approver", "approver", "viewer"),
  groups: fc.constantFrom<readonly (1 | 2)[]>([], [1], [2], [1, 2]),
  accepted: fc.constantFrom(true, true, true, true, true, false),
  passkey: fc.constantFrom(true, true, true, true, true, false),
  held_until: fc.constantFrom(0, 0, 0, 0, 0, 500),
});
const present = fc.option(somebody, { freq: 12 });
const number = fc.nat({ max: PEOPLE - 1 });
const facts = fc.subarray([...FACTS]);

const fields = {
  separated: fc.boolean(),
  skips: fc.constantFrom("no", "nobody chose", "chosen"),
  keysDecide: fc.constantFrom(true, true, false),
  twice: fc.boolean(),
  required: facts,
  tier: fc.constantFrom(0, 0, 0, 0, 0, 1),
  trust: fc.constantFrom(0, 1, 1, 1),
  keys: fc.record({ made: fc.constantFrom(true, true, false), operator: fc.boolean() }),
} as const;

/** A team to begin with. */
export const teams: fc.Arbitrary<Team> = fc.record({
  ...fields,
  now: fc.constant(0),
  people: fc.array(present, { minLength: PEOPLE, maxLength: PEOPLE }),
  behind: fc.uniqueArray(number, { maxLength: 1 }),
}) as fc.Arbitrary<Team>;

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: fc.constant("ask" as const), given: facts }) },
  {
    weight: 12,
    arbitrary: fc.record({
      what: fc.constant("approve" as const),
      who: number,
      way: fc.constantFrom<Way>("passkey", "passkey", "passkey", "made", "operator"),
    }),
  },
  { weight: 5, arbitrary: fc.constant({ what: "mint" as const }) },
  { weight: 1, arbitrary: fc.constant({ what: "look" as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant("change" as const),
      // One field at a time, so that most changes leave the rest good.
      team: fc.oneof(
        ...Object.entries(fields).map(([name, value]) =>
          (value as fc.Arbitrary<unknown>).map((to) => ({ [name]: to }) as Partial<Team>)
        ),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant("person" as const), who: number, is: present }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("rotate" as const), who: number }) },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant("wait" as const),
      seconds: fc.constantFrom(1, 499, 899, 900, 3600),
    }),
  },
);

/** What happens to it: it is asked for something first, mostly. */
export const happenings: fc.Arbitrary<Happening[]> = fc.tuple(
  fc.record({ what: fc.constant("ask" as const), given: facts }),
  fc.array(happening, { minLength: 4, maxLength: 20 }),
).map(([ask, rest]) => [ask, ...rest]);
