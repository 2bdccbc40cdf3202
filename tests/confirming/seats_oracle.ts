/**
 * What becomes of a request whose seats are asked in turn, written down once more and naively: a list of
 * seats, a place in it, who said yes at each, and what has gone of all that could.
 */

export type SeatName = "user" | "level_1" | "level_2";

/** Whoever can answer at a seat, and can go: passkeys of the user, approver keys, members. */
export type Voice = "passkey_a" | "passkey_b" | "key_1" | "key_2" | "ann" | "bob";

/** What somebody does, or what time does. */
export type Deed =
  | { readonly do: "yes" | "no"; readonly by: Voice }
  | { readonly do: "link_no" | "cancel" | "mint" | "consume" | "end_mandate" }
  | { readonly do: "goes"; readonly who: Voice }
  | { readonly do: "wait"; readonly seconds: number };

/** How a request begins. */
export interface Shape {
  readonly seats: readonly SeatName[];
  /** Whether the user has the two passkeys. */
  readonly has_passkeys: boolean;
  readonly confirm_by: "app" | "passkey";
}

type State = "pending" | "approved" | "used" | "denied" | "expired" | "cancelled";

/** Seconds: a question to a user, a request, an approval, a run token. */
const USER = 300;
const REQUEST = 3600;
const USE = 900;
const TOKEN = 300;

export class SeatsOracle {
  state: State = "pending";
  #seat = 0;
  #now = 0;
  #decided = 0;
  #minted = 0;
  #isSpent = false;
  #isMandateOver = false;
  readonly #yeses: Voice[] = [];
  readonly #gone = new Set<Voice>();

  constructor(readonly shape: Shape) {}

  /** The seat that is asked; null once none is. */
  get seat(): SeatName | null {
    this.#settle();
    return this.state === "pending" ? this.shape.seats[this.#seat] ?? null : null;
  }

  /** As the API names the state. */
  get status(): string {
    this.#settle();
    return this.state === "used" ? "approved" : this.state;
  }

  /** What would bring it forward. */
  next(): Deed {
    switch (this.seat) {
      case "user": {
        const users: Voice[] = this.shape.has_passkeys ? ["passkey_a", "passkey_b"] : ["key_1"];
        return { do: "yes", by: users.find((voice) => !this.#gone.has(voice)) ?? "key_2" };
      }
      case "level_1":
        return { do: "yes", by: "ann" };
      case "level_2":
        return { do: "yes", by: "bob" };
      case null:
        return { do: this.state === "approved" ? "mint" : "consume" };
    }
  }

  /** Does it, and tells whether it was taken. */
  take(deed: Deed): boolean {
    this.#settle();
    switch (deed.do) {
      case "wait":
        this.#now += deed.seconds;
        return true;
      case "goes":
        this.#gone.add(deed.who);
        return true;
      case "end_mandate":
        this.#isMandateOver = true;
        return true;
      case "cancel":
        return this.#ends(this.state === "pending", "cancelled");
      case "link_no":
        return this.#ends(this.seat === "user", "denied");
      case "no":
        return this.#ends(this.#mayMember(deed.by), "denied");
      case "yes":
        return this.#yes(deed.by);
      case "mint": {
        if (this.state !== "approved") return false;
        this.state = "used";
        this.#minted = this.#now;
        return true;
      }
      case "consume": {
        const isGood = this.state === "used" && !this.#isSpent && !this.#isVoid &&
          this.#now < this.#minted + TOKEN;
        if (isGood) this.#isSpent = true;
        return isGood;
      }
    }
  }

  #ends(may: boolean, as: State): boolean {
    if (may) this.state = as;
    return may;
  }

  #yes(by: Voice): boolean {
    if (!(this.seat === "user" ? this.#mayUser(by) : this.#mayMember(by))) return false;
    this.#yeses.push(by);
    this.#seat++;
    if (this.#seat === this.shape.seats.length) {
      this.state = "approved";
      this.#decided = this.#now;
    }
    return true;
  }

  #mayUser(by: Voice): boolean {
    const { has_passkeys, confirm_by } = this.shape;
    if (this.#gone.has(by)) return false;
    if (by === "passkey_a" || by === "passkey_b") return has_passkeys;
    return (by === "key_1" || by === "key_2") && !has_passkeys && confirm_by === "app";
  }

  /** A key speaks for Ann where she alone is asked, and at one seat; Bob is of Level 2. */
  #mayMember(by: Voice): boolean {
    const { seat } = this;
    if (seat === null || seat === "user" || this.#gone.has(by)) return false;
    if (by === "ann") return seat === "level_1";
    if (by === "bob") return seat === "level_2";
    const isKey = by === "key_1" || by === "key_2";
    return isKey && !this.shape.seats.includes("level_2") && !this.#yeses.includes(by) &&
      !this.#gone.has("ann");
  }

  /** Whether what it rests on went: its mandate, or a voice that said yes. */
  get #isVoid(): boolean {
    const left = this.#yeses.some((voice) => {
      const spokeForAnn = this.#isKeyAtMembers(voice);
      return this.#gone.has(voice) || (spokeForAnn && this.#gone.has("ann"));
    });
    return this.#isMandateOver || left;
  }

  #isKeyAtMembers(voice: Voice): boolean {
    const isKey = voice === "key_1" || voice === "key_2";
    return isKey && this.shape.seats[this.#yeses.indexOf(voice)] !== "user";
  }

  #settle(): void {
    if (this.state === "pending") {
      const until = this.shape.seats[this.#seat] === "user" ? USER : REQUEST;
      if (this.#now >= until) this.state = "expired";
      else if (this.#isVoid) this.state = "cancelled";
    } else if (this.state === "approved") {
      // One that nobody used in time goes by the same name, and is good for nothing.
      if (this.#now >= this.#decided + USE) {
        this.state = "used";
        this.#isSpent = true;
      } else if (this.#isVoid) this.state = "cancelled";
    }
  }
}
