import { type Actor, type Credential, TOOL_NAMES } from "./actor.ts";

const PERMISSIONS = ["allowed", "requires_approval", "disabled"] as const;

/** Whoever runs the org by its management key: changes rules, switches off, takes keys away. */
export class Owner {
  readonly #rules: string[] = [];
  readonly #gone = new Set<Credential>();

  constructor(readonly actor: Actor, readonly credential: Credential) {}

  live(): Promise<void> {
    return this.actor.live(() => this.#step(), 20, 1200);
  }

  async #step(): Promise<void> {
    const { chance } = this.actor;
    const deeds = { rule: 8, ruleGone: 5, toolSwitch: 3, orgSwitch: 1, rotate: 1 };
    switch (chance.weighted(deeds)) {
      case "rule":
        await this.#rule();
        break;
      case "ruleGone":
        await this.#ruleGone();
        break;
      case "toolSwitch":
        await this.#toolSwitch();
        break;
      case "orgSwitch":
        await this.#orgSwitch();
        break;
      case "rotate":
        await this.#rotate();
    }
  }

  #manage(deed: string, method: string, path: string, body?: Record<string, never> | object) {
    return this.actor.ask(this.credential, deed, method, path, body as never);
  }

  async #rule(): Promise<void> {
    const { chance } = this.actor;
    const asked = await this.#manage("rule", "PUT", "/v1/rules", {
      selector: { tool_name: chance.pick(TOOL_NAMES) },
      permission: chance.pick(PERMISSIONS),
    });
    if (asked.status === 200 || asked.status === 201) this.#rules.push(asked.answer.id);
  }

  async #ruleGone(): Promise<void> {
    const id = this.#rules.pop();
    if (id !== undefined) await this.#manage("rule_gone", "DELETE", `/v1/rules/${id}`);
  }

  /** Switches a tool off, and on again after some time. */
  async #toolSwitch(): Promise<void> {
    const tool = this.actor.chance.pick(TOOL_NAMES);
    await this.#switched("tool", `/v1/tools/${tool}`);
  }

  async #orgSwitch(): Promise<void> {
    await this.#switched("org", "/v1/org");
  }

  async #switched(what: string, path: string): Promise<void> {
    const on = { kill_switch: { active: true, reason: "the simulation wants it" } };
    const off = { kill_switch: { active: false, reason: null } };
    const asked = await this.#manage(`${what}_off`, "PATCH", path, on);
    if (asked.status !== null && asked.status < 500 && asked.status >= 300) return;
    await this.actor.pause(100, 4000);
    // It stays off for nobody: without an answer it is tried again.
    for (let time = 0; time < 20; time++) {
      const back = await this.#manage(`${what}_on`, "PATCH", path, off);
      if (back.status !== null && back.status < 500) return;
      await this.actor.pause(200, 2000);
    }
  }

  /** Gives an agent a new secret: what the old one began is void. */
  async #rotate(): Promise<void> {
    const { chance, scene } = this.actor;
    const agents = scene.callers.filter((caller) => caller.id !== null && !this.#gone.has(caller));
    if (agents.length === 0) return;
    const agent = chance.pick(agents);
    const asked = await this.#manage("rotate", "POST", `/v1/agents/${agent.id}/rotate`, {});
    if (asked.status === 200 || asked.status === 201) agent.secret = asked.answer.token;
    // Nobody knows the secret of one whose answer was lost; it is asked for again.
    else if (asked.status === null) this.#gone.add(agent);
  }
}
