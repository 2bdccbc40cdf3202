import * as life from "./life_commands.ts";

/** What becomes of mandates, written down naively: all that ever was is looked through each time. */
export class Oracle extends life.Remembered {
  constructor(from: Partial<Oracle> = {}) {
    super();
    Object.assign(this, structuredClone({ ...from }));
  }

  /** Does it, and says what came of it. */
  take(it: life.Command): string {
    if ("foreign" in it && it.foreign) return "unknown";
    if (it.do === "grant") return this.#grant(it);
    if (it.do === "narrow") return this.#narrow(it);
    if (it.do === "check") return this.#check(it);
    if (it.do === "mint") return this.#mint(it);
    if (it.do === "consume") return this.#use(it.token, ["minted"], "consumed", null);
    if (it.do === "log") return this.#use(it.token, ["minted", "consumed"], "reported", it.micros);
    if (it.do === "settle") return this.#settle(it.decision, it.micros);
    if (it.do === "answer") return this.#answer(it.approval, it.yes);
    if (it.do === "wait") this.now += it.seconds;
    if (it.do === "publish") this.policy[it.tool] = it.permission;
    if (it.do === "bundle") this.bundles[it.agent] = it.terms;
    if (it.do === "revoke") this.mandates[it.mandate]!.ended = this.#end(it.mandate) ?? "revoked";
    return "ok";
  }

  #settle(decision: string, micros: number): string {
    const found = this.decisions[decision]!;
    if (found.became === null) this.#spent(decision, found.became = micros);
    return found.became === micros ? "ok" : "already_settled";
  }

  #answer(approval: string, yes: boolean): string {
    const asked = this.approvals[approval]!;
    if (this.approval(approval) !== "pending") return "over";
    const isDone = yes && --asked.left === 0;
    asked.state = isDone ? "approved" : yes ? "pending" : "denied";
    asked.until = this.#before(isDone ? this.now + 900 : asked.at + 3600, asked.check);
    return "ok";
  }

  #grant({ name, minutes, replaces, ...granted }: life.Grant): string {
    if (replaces !== null && this.state(replaces) !== "active") return "mandate_ended";
    if (replaces !== null) this.mandates[replaces]!.ended = "superseded";
    return this.#made([name], minutes, { ...granted, terms: this.bundles[granted.agent] });
  }

  #narrow({ name, parent, terms, limit, minutes }: life.Narrow): string {
    const above = this.mandates[parent]!;
    if (this.state(parent) !== "active") return "mandate_ended";
    if (above.line.length === 4) return "mandate_too_deep";
    const ranks = ["allow", "confirm", "escalate", "deny", null];
    const isWider = (["refund", "wire"] as const).some((tool) =>
      terms[tool] !== null && ranks.indexOf(terms[tool]) < ranks.indexOf(above.terms[tool])
    );
    const isMore = limit !== null && limit > (above.budget?.limit ?? Infinity);
    if (isWider || isMore || this.now + minutes * 60 > above.expires) return "mandate_too_wide";
    const budget = limit === null ? null : { limit, ask: null, forgets: false };
    return this.#made([name, ...above.line], minutes, { ...above, budget, uses: null, terms });
  }

  #made(line: string[], minutes: number, granted: life.Granted): string {
    const name = line[0]!;
    this.mandates[name] = { ...granted, line, expires: this.now + minutes * 60, ended: null };
    this.uses[name] = 0;
    if (granted.budget !== null) this.limits[name] = granted.budget;
    return "ok";
  }

  #check(it: life.Check): string {
    const { permission, from, seats } = this.#decide(it);
    if (permission === "allowed") {
      this.#spend(it.name, it, it.then === "mint");
      const isCounted = this.amounts.some(({ of }) => of === it.name);
      if (it.then === "mint") this.#token(it.name, it, []);
      else if (isCounted) this.decisions[it.name] = { check: it, became: null };
    } else if (permission === "requires_approval" && it.then === "ask") {
      const until = this.#before(this.now + (seats[0] === "user" ? 300 : 3600), it);
      const asked = { check: it, asked: seats, left: seats.length, state: "pending", until };
      this.approvals[it.name] = { ...asked, at: this.now };
    }
    return [permission, from, ...seats].join(" ");
  }

  /** @param over what an earlier check spent, which this one spends in its place */
  #decide(it: life.Check, over: string | null = null) {
    const no = (from: string) => ({ permission: "disabled", from, seats: [] as string[] });
    const mandate = this.mandates[it.mandate];
    const tenant = it.by === "walled" ? "acme" : it.tenant;
    // What they may not know of is as if it were not. Another org's policy allows all.
    const isTheirs = mandate !== undefined && it.by !== "foreign" &&
      (it.by !== "robot" || mandate.agent === "bot") &&
      (it.by !== "walled" || mandate.tenant === "acme") &&
      [null, mandate.user].includes(it.user) && [null, tenant].includes(mandate.tenant);
    const policy = it.by === "foreign" ? "allowed" : this.policy[it.tool];
    if (policy === "disabled") return no("policy");
    if (!isTheirs) return no("mandate_not_found");
    const state = this.state(it.mandate);
    if (state !== "active") return no(`mandate_${state}`);
    if ((mandate.agent === "bot") !== (it.by === "robot")) return no("mandate_agent");
    const said = mandate.line.map((name) => this.mandates[name]!.terms[it.tool]);
    if (said.includes(null) || said.includes("deny")) return no("mandate_scope");
    let asks = false;
    for (const name of [mandate.user, ...mandate.line]) {
      const { limit = Infinity, ask } = this.limits[name] ?? {};
      const counted = this.counted(name, over);
      if (it.micros > limit - counted) return no("mandate_budget");
      const uses = this.mandates[name]?.uses ?? Infinity;
      if (over === null && this.uses[name]! >= uses) return no("mandate_rate");
      asks ||= it.micros > (ask ?? Infinity) - counted;
    }
    const members = policy !== "allowed" || said.includes("escalate");
    const user = asks || said.includes("confirm");
    const seats = [...(user ? ["user"] : []), ...(members ? ["level_1"] : [])];
    if (seats.length === 0) return { permission: "allowed", from: "policy", seats };
    const asked = said.includes("confirm") ? "mandate_user" : "mandate_budget";
    const mine = said.includes("escalate") ? "mandate_members" : asked;
    return { permission: "requires_approval", from: policy === "allowed" ? mine : "policy", seats };
  }

  #mint({ name, of }: life.Mint): string {
    const approval = this.approvals[of];
    const { check, became = null } = { ...this.decisions[of]!, ...approval };
    if (became !== null) return "already_settled";
    const { permission, seats } = this.#decide(check, approval === undefined ? of : null);
    if (permission === "disabled") return "disabled";
    if (approval !== undefined && this.approval(of) !== "approved") return "over";
    if (!seats.every((seat) => approval?.asked.includes(seat))) return "requires_approval";
    if (approval !== undefined) {
      approval.state = "used";
      this.#spend(name, check, true);
      return this.#token(name, check, approval.asked);
    }
    this.decisions[of]!.became = "token";
    this.#spent(of, null);
    for (const one of this.amounts) one.of = one.of === of ? name : one.of;
    return this.#token(name, check, []);
  }

  #token(name: string, check: life.Check, asked: readonly string[]): string {
    this.tokens[name] = {
      check,
      until: this.#before(this.now + 300, check),
      state: "minted",
      asked,
    };
    return "ok";
  }

  #use(name: string, from: string[], to: string, micros: number | null): string {
    const { check, until, state, asked } = this.tokens[name]!;
    if (state === "minted" && this.now >= until) return "token_expired";
    if (!from.includes(state)) return micros === null ? "token_used" : "already_logged";
    const policy = this.policy[check.tool];
    const isOpen = policy === "allowed" || (policy !== "disabled" && asked.includes("level_1"));
    const isVoid = !isOpen || this.state(check.mandate) !== "active";
    if (state === "minted" && isVoid) return "token_revoked";
    this.tokens[name]!.state = to;
    this.#spent(name, micros);
    return "ok";
  }

  #spend(of: string, it: life.Check, byToken: boolean): void {
    const { user, line } = this.mandates[it.mandate]!;
    for (const limit of [user, ...line].filter((one) => one in this.limits)) {
      const silence = this.limits[limit]!.forgets ? this.now + 3600 : null;
      const held = byToken ? this.#before(this.now + 300, it) : silence;
      this.amounts.push({ of, limit, micros: it.micros, held });
    }
    for (const name of line) this.uses[name]!++;
  }

  #spent(of: string, micros: number | null): void {
    const all = this.amounts.filter((one) => one.of === of);
    for (const one of all) Object.assign(one, { held: null, micros: micros ?? one.micros });
  }

  #before = (time: number, { mandate }: life.Check) =>
    Math.min(time, this.mandates[mandate]!.expires);

  counted(limit: string, without: string | null = null): number {
    const isThere = (held: number | null) => held === null || Math.ceil(held / 60) * 60 > this.now;
    return this.amounts
      .filter((one) => one.limit === limit && one.of !== without && isThere(one.held))
      .reduce((sum, { micros }) => sum + micros, 0);
  }

  state(name: string): string {
    return this.#end(name) ?? (this.now >= this.mandates[name]!.expires ? "expired" : "active");
  }

  /** How a mandate ended, or the first that it was made of; what ended is not ended again. */
  #end(name: string): "revoked" | "superseded" | null {
    const ends = this.mandates[name]!.line.map((one) => this.mandates[one]!.ended);
    return ends.find((end) => end !== null) ?? null;
  }

  approval(name: string): string {
    const { state, until, check } = this.approvals[name]!;
    return this.now >= until || this.state(check.mandate) !== "active" ? "over" : state;
  }
}
