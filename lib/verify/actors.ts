import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { hasRight } from "../policy/rights.ts";
import { memberRight, tiersFor } from "./entitlements.ts";
import type { Finding } from "./finding.ts";
import { HELD_TYPES, isRole, mayGive, powerIn, rolesIn } from "./powers.ts";
import type { LogClock, StoryEntry, Told } from "./story_entry.ts";

/**
 * Who could act, as a log itself tells: credentials and members, from the entries that let them in
 * to those that shut them out.
 */

/** What a log says of a key, an agent or a grant. */
interface Credential {
  /** Of a key its tier; of the others what they are. */
  readonly tier: string;
  /** The entry that made it. */
  readonly made: number;
  /** When it expires, and the entry that says so. */
  readonly expiry: { readonly at: string; readonly index: number } | null;
  /** The entry that ended it. */
  readonly ended: number | null;
  /** Of a grant the member whose it is. */
  readonly member: string | null;
  readonly audit_private: boolean;
  readonly user_passkeys: boolean;
  /** Whether it is the operator's, and whether an owner chose to keep it. */
  readonly bootstrap: boolean;
  readonly kept: boolean;
  /** Of an agent the entry of its last rotation that voided what it had asked before. */
  readonly voided: number | null;
}

/** What a log says of a member. */
interface Member {
  /** Null where the log only tells of other changes. */
  readonly role: string | null;
  readonly groups: readonly number[];
  readonly made: number;
  /** The entry by which the person took the membership, under their passkey. */
  readonly accepted: number | null;
  readonly ended: number | null;
  /** The recovery of their account, and until when it holds them; null when nothing does. */
  readonly held: { readonly index: number; readonly until: string } | null;
}

/** Who could act, by what the log told of it before. As many as the org ever had. */
export class Actors {
  readonly #credentials = new Map<string, Credential>();
  readonly #members = new Map<string, Member>();

  constructor(readonly told: Told, readonly clock: LogClock) {}

  /** What is wrong with who wrote an entry. */
  judge(entry: StoryEntry): Finding | null {
    switch (entry.actor.type) {
      case "api_key":
      case "agent":
      case "oauth_grant":
        return this.#judgeMachine(entry) ?? this.#judgeKeysPower(entry);
      case "member":
        return this.#judgeMember(entry) ?? this.#judgePower(entry) ?? this.#judgeOffer(entry);
      default: {
        const { others = true, users = others } = tiersFor(entry) ?? {};
        return (entry.actor.type === "user" ? users : others)
          ? null
          : entry.finding("actor_not_entitled", `is by ${entry.actor.type} ${entry.actor.id}`);
      }
    }
  }

  /** Why a credential would not serve at the time of this entry; null when it would. */
  endOf(
    { type, id }: StoryEntry["actor"],
  ): { readonly why: string; readonly earlier: number } | null {
    const credential = this.#credentials.get(nameOf(type, id));
    if (credential === undefined) return null;
    const { ended, expiry, member } = credential;
    if (ended !== null) return { why: `which entry ${ended} ended`, earlier: ended };
    if (expiry !== null && this.clock.hasPassed(expiry.at)) {
      const why = `which by entry ${expiry.index} expired at ${expiry.at}`;
      return { why, earlier: expiry.index };
    }
    const left = member === null ? null : this.#members.get(member)?.ended ?? null;
    if (left !== null) return { why: `whose member entry ${left} removed`, earlier: left };
    if (credential.bootstrap && !credential.kept && credential.tier === "approver") {
      const enrolled = this.#ownerEnrolled();
      if (enrolled !== null) {
        const why = `which gave way to the owner's passkey with entry ${enrolled}`;
        return { why, earlier: enrolled };
      }
    }
    return null;
  }

  /** The rotation since an entry that voided what an agent had asked before; null for none. */
  voidedSince({ type, id }: StoryEntry["actor"], index: number): number | null {
    const voided = this.#credentials.get(nameOf(type, id))?.voided ?? null;
    return voided !== null && voided > index ? voided : null;
  }

  /** What is wrong with a member having decided at a level. */
  judgeDecider(entry: StoryEntry, id: string, level: number): Finding | null {
    const member = this.#members.get(id);
    if (member === undefined || member.role === null) {
      const what = `is a decision of ${id}, whom no entry makes a member`;
      return this.told.miss(entry.finding("actor_unknown", what));
    }
    const { ended, role, groups, held, made, accepted } = member;
    if (ended !== null) {
      const what = `is a decision of ${id}, whom entry ${ended} removed`;
      return entry.finding("actor_ended", what, ended);
    }
    // To stop something takes less.
    const approves = entry.data.decision === "approve";
    const isKeys = entry.actor.type === "api_key";
    if (approves && isKeys && accepted === null && !this.#mayNameUnenrolled(entry.actor, role)) {
      const what =
        `is an approval of ${id} through a key, and entry ${made} is not accepted by them`;
      return this.told.miss(entry.finding("actor_not_entitled", what, made));
    }
    if (approves && held !== null && entry.at < held.until) {
      const what =
        `is an approval of ${id}, whom the recovery of entry ${held.index} holds until ` +
        held.until;
      return entry.finding("actor_not_entitled", what, held.index);
    }
    if (this.#decidesAt(role, groups, level)) return null;
    const what = `is a decision at level ${level} of ${id}, who is ${role} in ` +
      `groups [${groups.join()}] by entry ${made}`;
    return entry.finding("actor_not_entitled", what, made);
  }

  /** Why a member could not decide at a level when an entry was written; null if they could. */
  barNow(
    entry: StoryEntry,
    id: string,
    level: number,
  ): { readonly why: string; readonly earlier: number } | null {
    const member = this.#members.get(id);
    if (member === undefined || member.role === null) return null;
    const { ended, role, groups, held, made } = member;
    if (ended !== null) return { why: `whom entry ${ended} removed`, earlier: ended };
    if (held !== null && entry.at < held.until) {
      return { why: `whom the recovery of entry ${held.index} holds`, earlier: held.index };
    }
    if (this.#decidesAt(role, groups, level)) return null;
    return { why: `who may not any more by entry ${made}`, earlier: made };
  }

  #decidesAt(role: string, groups: readonly number[], level: number): boolean {
    return isRole(role) && hasRight(role, "decide") &&
      (role !== "approver" || groups.includes(level) || (level === 1 && !this.#isLevelOneNamed()));
  }

  /** Whether who wrote an entry may release a kill switch. */
  mayRelease({ at, actor: { type, id } }: StoryEntry): boolean {
    if (type !== "member") return type !== "api_key" || this.#ownerEnrolled() === null;
    // Whom the log does not know was judged before.
    const { role, held = null } = this.#members.get(id) ?? {};
    if (held !== null && at < held.until) return false;
    const known = role ?? "owner";
    return isRole(known) && hasRight(known, "kill_switch_off");
  }

  /** Takes in what an entry says of who may act. */
  note(entry: StoryEntry): void {
    const { type, data, index } = entry;
    switch (type) {
      case "api_key.created":
        return this.#make("api_key", entry, { tier: entry.text("tier") ?? "" });
      case "agent.created":
        return this.#make("agent", entry, { tier: "agent" });
      case "oauth.authorized":
        return this.#make("oauth_grant", entry, {
          tier: "oauth_grant",
          member: entry.subject("member"),
        });
      case "api_key.kept":
        return this.#change("api_key", entry, { kept: true });
      case "api_key.revoked":
        return this.#change("api_key", entry, { ended: index });
      case "agent.set":
        if (!Object.hasOwn(data, "expires_at")) return;
        return this.#change("agent", entry, { expiry: expiryIn(entry) });
      case "agent.rotated":
        if (data.keep_requests !== false) return;
        return this.#change("agent", entry, { voided: index });
      case "agent.removed":
        return this.#change("agent", entry, { ended: index });
      case "oauth.revoked":
        // One access token of it may be given back alone.
        if (Object.hasOwn(data, "only")) return;
        return this.#change("oauth_grant", entry, { ended: index });
      case "oauth.reuse_detected":
        return this.#change("oauth_grant", entry, { ended: index });
      case "member.set":
      case "member.invited":
      case "member.accepted":
        return this.#noteMember(entry);
      case "member.removed":
        return this.#changeMember(entry, { ended: index });
      case "recovery.redeemed": {
        const until = entry.time("held_until");
        return this.#changeMember(entry, { held: until === null ? null : { index, until } });
      }
      case "recovery.confirmed":
        return this.#changeMember(entry, { held: null });
    }
  }

  #judgeMachine(entry: StoryEntry): Finding | null {
    const { actor: { type, id } } = entry;
    const credential = this.#credentials.get(nameOf(type, id));
    if (credential === undefined) {
      const what = `is by ${type} ${id}, which no entry makes`;
      return this.told.miss(entry.finding("actor_unknown", what));
    }
    const end = this.endOf(entry.actor);
    if (end !== null) {
      return entry.finding("actor_ended", `is by ${type} ${id}, ${end.why}`, end.earlier);
    }
    const tiers = tiersFor(entry);
    if (tiers !== null && !tiers.machines.includes(credential.tier)) {
      const what = `is by ${type} ${id}, which entry ${credential.made} made of tier ` +
        `${credential.tier}; expected ${tiers.machines.join(" or ") || "a person"}`;
      return entry.finding("actor_not_entitled", what, credential.made);
    }
    if (entry.type === "audit.private_read" && !credential.audit_private) {
      const what = `reads private parts by ${type} ${id}, which entry ${credential.made} gave no ` +
        "right to";
      return entry.finding("actor_not_entitled", what, credential.made);
    }
    const speaksFor = entry.type === "user.passkeys_set" || entry.type === "user.enrolment_opened";
    if (speaksFor && !credential.user_passkeys) {
      const what = `says which passkeys speak for a user by ${type} ${id}, which entry ` +
        `${credential.made} gave no right to`;
      return entry.finding("actor_not_entitled", what, credential.made);
    }
    return null;
  }

  #judgeMember(entry: StoryEntry): Finding | null {
    const { actor: { id } } = entry;
    if (tiersFor(entry)?.members === false) {
      return entry.finding("actor_not_entitled", `is by member ${id}; expected a key or an agent`);
    }
    const right = memberRight(entry);
    if (right === null) return null;
    const member = this.#members.get(id);
    if (member === undefined || member.role === null) {
      const what = `is by ${id}, whom no entry makes a member`;
      return this.told.miss(entry.finding("actor_unknown", what));
    }
    const { ended, role, made, accepted } = member;
    if (ended !== null) {
      return entry.finding("actor_ended", `is by ${id}, whom entry ${ended} removed`, ended);
    }
    if (accepted === null) {
      const what = `is by ${id}, who had not accepted what entry ${made} offers`;
      return this.told.miss(entry.finding("actor_not_entitled", what, made));
    }
    if (right === "membership" || isRole(role) && hasRight(role, right)) return null;
    const what = `is by ${id}, who is ${role} by entry ${made}`;
    return entry.finding("actor_not_entitled", what, made);
  }

  /** A key gives nothing that is for owners, and rules nobody who rules. */
  #judgeKeysPower(entry: StoryEntry): Finding | null {
    const { actor: { type, id } } = entry;
    const made = this.#credentials.get(nameOf(type, id))?.made;
    if (type !== "api_key" || made === undefined) return null;
    const wrong = (what: string) => {
      const said = `${what} by key ${id}, which entry ${made} made; that is for people`;
      return entry.finding("actor_not_entitled", said, made);
    };
    const power = powerIn(entry);
    const gives = power !== null && (!power.keysUntilOwner || this.#ownerEnrolled() !== null);
    if (gives) return wrong(`gives ${power.what}`);
    const roles = rolesIn(entry, this.#roleOf(entry));
    return mayGive("key", roles) ? null : wrong(`gives or takes the role ${roles.join(", ")}`);
  }

  /** Nobody gives what their role has no right to, or while a recovery of theirs is on hold. */
  #judgePower(entry: StoryEntry): Finding | null {
    const { actor: { id }, type } = entry;
    const member = this.#members.get(id);
    // Whom the log does not know was judged before.
    if (member === undefined || member.role === null || !isRole(member.role)) return null;
    const { role, made, held } = member;
    const wrong = (what: string) => {
      return entry.finding(
        "actor_not_entitled",
        `${what} by ${id}, who is ${role} by entry ${made}`,
        made,
      );
    };
    const power = powerIn(entry);
    if (power !== null && !hasRight(role, power.right)) return wrong(`gives ${power.what}`);
    const roles = rolesIn(entry, this.#roleOf(entry));
    if (!mayGive(role, roles)) return wrong(`gives or takes the role ${roles.join(", ")}`);
    if (type === "recovery.confirmed" && entry.subject("member") === id) {
      return wrong("confirms their own recovery");
    }
    if (held === null || entry.at >= held.until || !HELD_TYPES.has(type)) return null;
    const what = `is by ${id}, whom the recovery of entry ${held.index} holds until ${held.until}`;
    return entry.finding("actor_not_entitled", what, held.index);
  }

  /** Whoever takes a membership takes the one that was offered. */
  #judgeOffer(entry: StoryEntry): Finding | null {
    if (entry.type !== "member.accepted") return null;
    const id = entry.subject("member") ?? "";
    if (id !== entry.actor.id) {
      return entry.finding("actor_not_entitled", `takes the membership of ${id}`);
    }
    const offered = this.#members.get(id);
    if (offered === undefined || offered.ended !== null) {
      const what = `takes a membership of ${id}, which nobody offers`;
      return this.told.miss(entry.finding("actor_unknown", what, offered?.ended ?? null));
    }
    const { role, groups, made } = offered;
    const taken = groupsIn(entry.data.groups) ?? groups;
    const isSame = role === null ||
      (role === (entry.text("role") ?? role) && taken.join() === groups.join());
    if (isSame) return null;
    const what = `takes a membership as ${entry.text("role")} in groups [${taken.join()}], but ` +
      `entry ${made} offers ${role} in [${groups.join()}]`;
    return entry.finding("actor_not_entitled", what, made);
  }

  /** The role that the member whom an entry is about had before; null where there was none. */
  #roleOf(entry: StoryEntry): string | null {
    const member = this.#members.get(entry.subject("member") ?? "");
    return member === undefined || member.ended !== null ? null : member.role;
  }

  #make(kind: string, entry: StoryEntry, of: Pick<Credential, "tier"> & Partial<Credential>): void {
    const id = entry.subject(kind === "oauth_grant" ? "grant" : kind);
    if (id === null || this.#credentials.has(nameOf(kind, id))) return;
    this.#credentials.set(nameOf(kind, id), {
      made: entry.index,
      expiry: expiryIn(entry),
      ended: null,
      member: null,
      audit_private: entry.data.audit_private === true,
      user_passkeys: entry.data.user_passkeys === true,
      bootstrap: entry.data.bootstrap === true,
      kept: false,
      voided: null,
      ...of,
    });
  }

  #change(kind: string, entry: StoryEntry, to: Partial<Credential>): void {
    const name = nameOf(kind, entry.subject(kind === "oauth_grant" ? "grant" : kind) ?? "");
    const credential = this.#credentials.get(name);
    if (credential !== undefined) this.#credentials.set(name, { ...credential, ...to });
  }

  #noteMember(entry: StoryEntry): void {
    const id = entry.subject("member");
    if (id === null) return;
    // `member.set` tells what changed; the others all of it.
    const { changed } = entry.data;
    const told: JsonObject = isJsonObject(changed) ? changed : entry.data;
    const old = this.#members.get(id);
    const known = old !== undefined && old.ended === null ? old : null;
    const accepted = entry.type === "member.accepted" ? entry.index : known?.accepted ?? null;
    // One who recovered their account before they came is held here as well.
    const until = entry.type === "member.accepted" ? entry.time("held_until") : null;
    this.#members.set(id, {
      role: typeof told.role === "string" ? told.role : known?.role ?? null,
      groups: groupsIn(told.groups) ?? known?.groups ?? [],
      made: entry.index,
      accepted,
      ended: null,
      held: until === null ? known?.held ?? null : { index: entry.index, until },
    });
  }

  #changeMember(entry: StoryEntry, to: Partial<Member>): void {
    const id = entry.subject("member") ?? "";
    const member = this.#members.get(id);
    if (member !== undefined) this.#members.set(id, { ...member, ...to });
  }

  /** The operator's key names an owner without a passkey, until one has it. */
  #mayNameUnenrolled({ type, id }: StoryEntry["actor"], role: string): boolean {
    const key = this.#credentials.get(nameOf(type, id));
    return key?.bootstrap === true && role === "owner" && this.#ownerEnrolled() === null;
  }

  /** The entry by which an owner, who is one still, has a passkey. */
  #ownerEnrolled(): number | null {
    for (const { role, accepted, ended } of this.#members.values()) {
      if (role === "owner" && accepted !== null && ended === null) return accepted;
    }
    return null;
  }

  #isLevelOneNamed(): boolean {
    for (const { role, groups, ended } of this.#members.values()) {
      if (ended === null && role !== "viewer" && groups.includes(1)) return true;
    }
    return false;
  }
}

function expiryIn(entry: StoryEntry): Credential["expiry"] {
  const at = entry.time("expires_at");
  return at === null ? null : { at, index: entry.index };
}

function nameOf(type: string, id: string): string {
  return `${type} ${id}`;
}

function groupsIn(value: JsonValue | undefined): number[] | null {
  return Array.isArray(value) ? value.filter((group) => typeof group === "number") : null;
}
