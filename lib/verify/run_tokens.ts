import type { Actors } from "./actors.ts";
import type { KillSwitches } from "./entitlements.ts";
import type { Finding } from "./finding.ts";
import type { Requests } from "./requests.ts";
import { Remembered, type StoryEntry, type Told } from "./story_entry.ts";

/**
 * Run tokens, as a log tells of them: minted by a decision, within its approval, consumed once,
 * reported once.
 */

/** What a log says of a run token. */
interface RunToken {
  /** The entry that minted it, and who did. */
  readonly made: number;
  readonly minter: StoryEntry["actor"];
  readonly facts: string;
  readonly action_digest: string | null;
  /** The approval that it came from; null for none. */
  readonly approval: string | null;
  readonly expires_at: string;
  /** The entries that consumed it, voided it, and told of its run; null where none did. */
  readonly consumed: number | null;
  readonly voided: number | null;
  readonly reported: number | null;
  /** Whether what was told is that nobody knows, which one late report may follow. */
  readonly unknown: boolean;
}

function madeBy(entry: StoryEntry): Omit<RunToken, "expires_at" | "consumed"> {
  return {
    made: entry.index,
    minter: entry.actor,
    facts: entry.facts,
    action_digest: entry.text("action_digest"),
    approval: entry.subject("approval"),
    voided: null,
    reported: null,
    unknown: false,
  };
}

/** The decision that a token can come from. */
interface Decision {
  readonly index: number;
  readonly actor: StoryEntry["actor"];
  readonly facts: string;
  readonly action_digest: string | null;
  readonly permission: string | null;
  /** The entry of the token that came of it; null while none did. */
  readonly minted: number | null;
}

const HOUR_MS = 60 * 60 * 1000;

/** A token is good for an hour at most, and the report of its run due a week later at most. */
const LONGEST_GOOD_MS = HOUR_MS;

const LONGEST_KNOWN_MS = 8 * 24 * HOUR_MS;

/** A token stands in the commit of its decision, a few entries behind it. */
const DECISIONS_KNOWN = 256;

/** Decisions of this moment, and the tokens that are open or were so until just now. */
export class RunTokens {
  readonly #decisions = new Map<string, Decision>();
  readonly #tokens = new Remembered<RunToken>();
  /** Reports about tokens from too long ago to be known. */
  unplaced = 0;

  constructor(
    readonly told: Told,
    readonly actors: Actors,
    readonly switches: KillSwitches,
    readonly requests: Requests,
  ) {}

  /** Takes in the entry of a decision (its id is the decision's), or says what is wrong with it. */
  decide(entry: StoryEntry, id: string): Finding | null {
    const permission = entry.text("permission");
    if (permission === "allowed") {
      const passed = this.switches.judge(entry, entry.actor, "allows an action");
      if (passed !== null) return passed;
    }
    const [oldest] = this.#decisions.keys();
    if (oldest !== undefined && this.#decisions.size >= DECISIONS_KNOWN) {
      this.#decisions.delete(oldest);
    }
    const { index, actor } = entry;
    const action_digest = entry.text("action_digest");
    const { facts } = entry;
    this.#decisions.set(id, { index, actor, facts, action_digest, permission, minted: null });
    return null;
  }

  /** What is wrong with the decision by which a human is asked, which stands just before. */
  judgeAsking(entry: StoryEntry): Finding | null {
    const name = entry.text("decision_id");
    const decision = name === null ? undefined : this.#decisions.get(name);
    const wrong = (what: string, earlier: number | null = null) =>
      entry.finding("ask_undecided", `asks a human by decision ${name}, ${what}`, earlier);
    if (decision === undefined) {
      return this.told.miss(wrong("which no entry just before it records"));
    }
    const { index, actor, action_digest, permission } = decision;
    if (actor.type !== entry.actor.type || actor.id !== entry.actor.id) {
      return wrong(`which entry ${index} gives to ${actor.type} ${actor.id}`, index);
    }
    if (permission !== "requires_approval") {
      return wrong(`which in entry ${index} is ${permission}`, index);
    }
    const told = entry.text("action_digest") ?? action_digest;
    if (told === action_digest) return null;
    return wrong(`which in entry ${index} is about another action (${action_digest})`, index);
  }

  /** Takes in an entry about a token, or says what is wrong with it. */
  take(entry: StoryEntry): Finding | null {
    const id = entry.subject("token");
    if (id === null) return unattested(entry);
    this.#tokens.forget(entry.at);
    switch (entry.type) {
      case "token.minted":
        return this.#mint(entry, id);
      case "token.consumed":
        // A call that runs through the service has a token that is made and used up at once.
        return entry.subject("call") === null ? this.#consume(entry, id) : this.#run(entry, id);
      case "token.returned":
        return this.#giveBack(entry, id);
      case "execution.logged":
        return this.#report(entry, id);
      case "approval.revoked": {
        const token = this.#tokens.get(id);
        if (token !== undefined) this.#tokens.set(id, { ...token, voided: entry.index });
        return null;
      }
      default:
        return null;
    }
  }

  #mint(entry: StoryEntry, id: string): Finding | null {
    const wrong = this.#unfounded(entry, id);
    if (wrong?.isFirst) return wrong.finding;
    const expires_at = entry.deadline("expires_at", LONGEST_GOOD_MS);
    const token = { ...madeBy(entry), expires_at, consumed: null };
    this.#tokens.set(id, token, entry.later(LONGEST_GOOD_MS + HOUR_MS));
    return wrong?.finding ?? null;
  }

  /** A token that is minted and consumed by one entry: what stands against a mint stands against it. */
  #run(entry: StoryEntry, id: string): Finding | null {
    const wrong = this.#unfounded(entry, id);
    if (wrong?.isFirst) return wrong.finding;
    const token = { ...madeBy(entry), expires_at: entry.at, consumed: entry.index };
    this.#tokens.set(id, token, entry.later(LONGEST_KNOWN_MS));
    return wrong?.finding ?? null;
  }

  /** Why a token may not be made. A finding about its approval is no reason not to go on with it. */
  #unfounded(
    entry: StoryEntry,
    id: string,
  ): { readonly finding: Finding; readonly isFirst: boolean } | null {
    const known = this.#tokens.get(id);
    if (known !== undefined) {
      const what = `mints token ${id}, which entry ${known.made} minted`;
      return { finding: entry.finding("token_spent", what, known.made), isFirst: true };
    }
    const approval = entry.subject("approval");
    const finding = this.switches.judge(entry, entry.actor, "mints a token") ??
      this.#undecided(entry, id, approval);
    if (finding !== null) return { finding, isFirst: true };
    const unapproved = approval === null ? null : this.requests.use(entry, approval);
    return unapproved === null ? null : { finding: unapproved, isFirst: false };
  }

  /** A token whose run was not sent: its approval can be used again, and it by nothing. */
  #giveBack(entry: StoryEntry, id: string): Finding | null {
    const token = this.#tokens.get(id);
    if (token === undefined) {
      this.unplaced++;
      return null;
    }
    const { made, action_digest, consumed, reported } = token;
    const wrong = (what: string, earlier: number) =>
      entry.finding("report_unfounded", `gives token ${id} back, ${what}`, earlier);
    if (consumed === null) return wrong(`which entry ${made} mints and none consumes`, made);
    if (reported !== null) return wrong(`whose run entry ${reported} told of`, reported);
    if (action_digest !== entry.text("action_digest")) {
      const what = `gives token ${id} back for another action than entry ${made} made it for ` +
        `(${action_digest})`;
      return entry.finding("token_mismatch", what, made);
    }
    this.#tokens.set(id, { ...token, reported: entry.index, unknown: false });
    const approval = entry.subject("approval");
    if (approval !== null) this.requests.giveBack(entry, approval);
    return null;
  }

  /** What is wrong with the decision that a token says it comes from. */
  #undecided(entry: StoryEntry, id: string, approval: string | null): Finding | null {
    const name = entry.text("decision_id");
    const decision = name === null ? undefined : this.#decisions.get(name);
    const wrong = (what: string, earlier: number | null = null) =>
      entry.finding("mint_undecided", `mints token ${id} by decision ${name}, ${what}`, earlier);
    if (decision === undefined) return wrong("which no entry just before it records");
    const { index, actor, facts, action_digest, permission, minted } = decision;
    if (actor.type !== entry.actor.type || actor.id !== entry.actor.id) {
      return wrong(`which entry ${index} gives to ${actor.type} ${actor.id}`, index);
    }
    if (action_digest !== entry.text("action_digest")) {
      return wrong(`which in entry ${index} is about another action (${action_digest})`, index);
    }
    // A kill switch of the tool that decided must not be passed under another's name.
    if (facts !== entry.facts) {
      return wrong(`which in entry ${index} is about other facts (${facts})`, index);
    }
    if (minted !== null) return wrong(`of which entry ${minted} minted one already`, minted);
    this.#decisions.set(name ?? "", { ...decision, minted: entry.index });
    if (permission === "allowed") return null;
    if (permission === "requires_approval") {
      if (approval !== null) return null;
      const what = `mints token ${id} without an approval, which entry ${index} requires`;
      return entry.finding("mint_unapproved", what, index);
    }
    return wrong(`which in entry ${index} is ${permission}`, index);
  }

  #consume(entry: StoryEntry, id: string): Finding | null {
    const token = this.#tokens.get(id);
    if (token === undefined) {
      const what = `consumes token ${id}, which no entry of the hours before mints`;
      return this.told.miss(entry.finding("token_unknown", what));
    }
    const { made, minter, facts, action_digest, approval, expires_at, consumed, voided } = token;
    const ended = (what: string, earlier: number) =>
      entry.finding("token_ended", `consumes token ${id}, ${what}`, earlier);
    if (consumed !== null) {
      const what = `consumes token ${id}, which entry ${consumed} consumed already`;
      return entry.finding("token_spent", what, consumed);
    }
    const revoked = voided ?? (approval === null ? null : this.requests.endOf(approval));
    if (revoked !== null) return ended(`which entry ${revoked} voided`, revoked);
    if (entry.at >= expires_at) {
      return ended(`which by entry ${made} expired at ${expires_at}`, made);
    }
    if (action_digest !== entry.text("action_digest")) {
      const what = `consumes token ${id} for another action than entry ${made} minted it for ` +
        `(${action_digest})`;
      return entry.finding("token_mismatch", what, made);
    }
    if (facts !== entry.facts) {
      const what =
        `consumes token ${id} for other facts than entry ${made} minted it for (${facts})`;
      return entry.finding("token_mismatch", what, made);
    }
    const passed = this.switches.judge(entry, minter, `consumes token ${id}`);
    if (passed !== null) return passed;
    const end = this.actors.endOf(minter);
    if (end !== null) return ended(`minted by ${minter.id}, ${end.why}`, end.earlier);
    const rotated = this.actors.voidedSince(minter, made);
    if (rotated !== null) return ended(`which the rotation of entry ${rotated} voided`, rotated);
    this.#tokens.set(id, { ...token, consumed: entry.index }, entry.later(LONGEST_KNOWN_MS));
    return null;
  }

  #report(entry: StoryEntry, id: string): Finding | null {
    const token = this.#tokens.get(id);
    if (token === undefined) {
      // One late report may come at any time, and for that nothing is kept.
      this.unplaced++;
      return null;
    }
    const { made, action_digest, consumed, reported, unknown } = token;
    if (consumed === null) {
      const what = `reports a run of token ${id}, which entry ${made} mints and none consumes`;
      return entry.finding("report_unfounded", what, made);
    }
    if (reported !== null && !unknown) {
      const what = `reports a run of token ${id}, which entry ${reported} reported already`;
      return entry.finding("report_unfounded", what, reported);
    }
    if (action_digest !== entry.text("action_digest")) {
      const what = `reports a run of token ${id} of another action than entry ${made} minted it ` +
        `for (${action_digest})`;
      return entry.finding("token_mismatch", what, made);
    }
    const isUnknown = reported === null && entry.text("execution_result") === "unknown";
    const next = { ...token, reported: entry.index, unknown: isUnknown };
    // Where nobody knows, a late report may follow; of a told run nothing does.
    if (isUnknown) this.#tokens.set(id, next);
    else this.#tokens.set(id, next, entry.later(LONGEST_GOOD_MS + HOUR_MS));
    return null;
  }
}

/** What ran under no token, nobody authorized, and its report does not say otherwise. */
function unattested(entry: StoryEntry): Finding | null {
  if (entry.type !== "execution.logged" || entry.data.attested !== true) return null;
  return entry.finding("report_unfounded", "reports an authorized run, and names no token");
}
