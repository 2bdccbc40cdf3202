import type { Entry } from "../../lib/ledger/entry.ts";
import { text } from "./evidence.ts";
import type { Stored } from "./history.ts";

/** Who may decide what, at each place of a log, by its entries: written anew, with nothing of the product's. */

/** A member as the log has them by now. */
interface Seat {
  role: string;
  groups: readonly number[];
  /** Whether they have come in, with a passkey. */
  signs: boolean;
}

/** What somebody said of a request. */
interface Said {
  readonly entry: Entry;
  readonly level: number;
  readonly member: string;
}

/** A request, and what was said of it so far. */
export interface Undecided {
  readonly created: Entry;
  /** Whether nobody behind who asked may decide, whatever changes. */
  readonly isSeparated: boolean;
  /** The approvals of members, in their order. */
  readonly said: Said[];
}

/** The members of an org, what it asks of those who decide, and the requests that they decide of. */
export class TeamOfLog {
  readonly #members = new Map<string, Seat>();
  readonly #removed = new Set<string>();
  /** Ids of members by their addresses, which the log keeps apart. */
  readonly #ids = new Map<string, string>();
  /** Who answers for an agent. */
  readonly #behind = new Map<string, readonly string[]>();
  readonly #two = new Set<string>();
  readonly #requests = new Map<string, Undecided>();
  #isSeparated = false;

  /** Takes a row into account: who was made without an entry is known by it, and by which address. */
  learn(stored: Stored): void {
    if (stored.kind === "agent") {
      this.#behind.set(stored.row.id, stored.row.members_behind);
      return;
    }
    const { id, email, role, groups, account, has_passkey } = stored.row;
    this.#ids.set(email, id);
    if (this.#members.has(id) || this.#removed.has(id)) return;
    this.#members.set(id, { role, groups, signs: account !== null && has_passkey });
  }

  /** Takes the next entry into account. */
  take(entry: Entry): void {
    const { type, subject, data } = entry;
    const changed = (data.changed ?? {}) as Record<string, unknown>;
    const id = text(subject.member);
    switch (type) {
      case "member.set": {
        const seat = this.#members.get(id) ?? { role: "", groups: [], signs: false };
        if (typeof changed.role === "string") seat.role = changed.role;
        if (Array.isArray(changed.groups)) seat.groups = changed.groups.map(Number);
        this.#members.set(id, seat);
        break;
      }
      case "member.accepted": {
        const seat = this.#members.get(id);
        if (seat !== undefined) seat.signs = true;
        break;
      }
      case "member.removed":
        this.#members.delete(id);
        this.#removed.add(id);
        break;
      case "tool.set":
        if (changed.requires_second_approval === true) this.#two.add(text(subject.tool));
        if (changed.requires_second_approval === false) this.#two.delete(text(subject.tool));
        break;
      case "org.set":
        if (changed.separation_of_duties === true) this.#isSeparated = true;
        break;
      case "approval.created": {
        const isSeparated = this.#isSeparated || this.#two.has(text(subject.tool));
        this.#requests.set(text(subject.approval), { created: entry, isSeparated, said: [] });
        break;
      }
      case "approval.decided": {
        const level = Number(data.level);
        if (data.decision !== "approve" || level === 0) break;
        this.#requests.get(text(subject.approval))?.said.push({ entry, level, member: id });
      }
    }
  }

  request(approval: string): Undecided | undefined {
    return this.#requests.get(approval);
  }

  /** Whether somebody was removed, and is no member. */
  isGone(id: string): boolean {
    return this.#removed.has(id) && !this.#members.has(id);
  }

  /** The same by their address: whether whoever has it now is gone. */
  isAddressGone(email: string): boolean {
    return this.isGone(this.#ids.get(email) ?? "");
  }

  /** How many people have to approve a request by now; what asks no member stays so. */
  levelsOf({ created: { data, subject } }: Undecided): number {
    const levels = Number(data.levels);
    return levels > 0 && this.#two.has(text(subject.tool)) ? 2 : levels;
  }

  /** Why somebody may not decide a level of a request by now; null where they may. */
  bar(request: Undecided, { entry, level, member }: Said): string | null {
    const seat = this.#members.get(member);
    if (seat === undefined) return "is no member";
    if (!seat.signs) return "has not come in";
    if (!this.#mayDecide(seat, level)) return `is ${seat.role} of ${seat.groups}`;
    const isForTwo = this.levelsOf(request) === 2 || entry.data.levels === 2;
    const isSeparated = request.isSeparated || isForTwo || this.#isSeparated;
    const behind = this.#behind.get(request.created.actor.id) ?? [];
    if (isSeparated && behind.includes(member)) return "answers for who asked";
    const isOther = request.said.some((said) => said.level !== level && said.member === member);
    if (isOther) return "decided another level";
    return isForTwo && entry.data.asserted_by !== null ? "was named by a key" : null;
  }

  #mayDecide({ role, groups }: Seat, level: number): boolean {
    if (role === "owner" || role === "admin") return true;
    if (role !== "approver") return false;
    return groups.includes(level) || level === 1 && !this.isFirstNamed;
  }

  /** Whether somebody is named for the first level: then not every approver is. */
  get isFirstNamed(): boolean {
    for (const { role, groups } of this.#members.values()) {
      if (role !== "viewer" && groups.includes(1)) return true;
    }
    return false;
  }
}
