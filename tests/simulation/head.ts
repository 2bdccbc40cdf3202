import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { findSession } from "../../lib/identity/sessions.ts";
import { registrationResponse } from "../../lib/passkeys/responses.ts";
import { addPasskey, beginAddPasskey } from "../../lib/people/passkeys.ts";
import type { Actor, Credential } from "./actor.ts";
import { Browser } from "./browser.ts";

/** What the tool is called of which the team decides, and whose terms change. */
export const TEAM_TOOL = "release";

/** Where a member of a team stands. */
const PLACES = [
  { role: "approver", groups: [] },
  { role: "approver", groups: ["1"] },
  { role: "approver", groups: ["2"] },
  { role: "approver", groups: ["1", "2"] },
  { role: "viewer", groups: [] },
  { role: "admin", groups: [] },
] as const;

const CLIENT = {
  ip: null,
  user_agent: null,
  request_id: "req_simulation",
  via: "dashboard",
} as const;

/**
 * Whoever rules a team, in the dashboard and by the management key: invites, gives other roles and groups,
 * removes, and changes how many have to approve, and until when, while requests wait.
 */
export class Head {
  readonly browser: Browser;

  constructor(
    readonly actor: Actor,
    readonly email: string,
    readonly management: Credential,
    /** The addresses of the team. */
    readonly team: readonly string[],
  ) {
    this.browser = new Browser(actor, email);
  }

  /** Begins with a session and a passkey, while nothing goes wrong. */
  async begin(session: string): Promise<void> {
    const { services } = this.actor.scene.world;
    const found = await findSession(services.deps, session);
    if (typeof found === "string") throw new Error(`The session of ${this.email} is ${found}.`);
    const { nonce, options } = await beginAddPasskey(services, found);
    const response = registrationResponse.parse(
      await this.browser.authenticator.enrol(options, { newId: this.browser.secret() }),
    );
    await addPasskey(services, found, { nonce, response, name: null }, CLIENT);
    this.browser.take(session);
  }

  /** Invites somebody, who gets the link by mail; answers whether that was heard. */
  async invite(email: string, role = "approver", groups: readonly string[] = []): Promise<boolean> {
    const asked = await this.#send("invite", "/team", "invite", {
      email,
      role,
      groups: [...groups],
    });
    return asked.status === 200;
  }

  live(): Promise<void> {
    return this.actor.live(() => this.#step(), 200, 3000);
  }

  async #step(): Promise<void> {
    const { chance } = this.actor;
    const email = chance.pick(this.team);
    const deeds = { change: 3, place: 2, remove: 3, levels: 4, times: 1, separate: 0.5 };
    switch (chance.weighted(deeds)) {
      case "change":
        return await this.#change(email);
      case "place":
        return await this.#place(email);
      case "remove":
        return await this.#remove(email);
      case "levels":
        return await this.#levels();
      case "times":
        return await this.#manage("times", "PATCH", `/v1/tools/${TEAM_TOOL}`, {
          approval_timeout_seconds: chance.pick([60, 75, 120]),
          approval_use_seconds: chance.pick([60, 90]),
        });
      case "separate":
        return await this.#manage("separate", "PATCH", "/v1/org", { separation_of_duties: true });
    }
  }

  /** Gives a member another place by their page, made from how they were shown. */
  async #change(email: string): Promise<void> {
    const path = `/team/${email}`;
    const page = await this.browser.open("member", path);
    const [, shown] = /name="shown" value="([0-9a-f]{64})"/.exec(String(page.answer)) ?? [];
    if (shown === undefined) return void await this.invite(email, ...this.#somewhere());
    const [role, groups] = this.#somewhere();
    await this.#send("change", path, "change", { shown, role, groups: [...groups] });
  }

  /** The same by the management key, which also makes members who were never invited. */
  async #place(email: string): Promise<void> {
    const { role, groups } = this.actor.chance.pick(PLACES);
    await this.#manage("place", "PUT", `/v1/members/${email}`, {
      role,
      groups: groups.map(Number),
    });
  }

  /** Removes a member, and invites them again after some time. */
  async #remove(email: string): Promise<void> {
    const { chance } = this.actor;
    if (chance.happens(0.5)) await this.#manage("remove", "DELETE", `/v1/members/${email}`);
    else await this.#send("remove", `/team/${email}`, "remove");
    await this.actor.pause(500, 4000);
    await this.invite(email, ...this.#somewhere());
  }

  /** Asks for a second approval, or for one again. */
  async #levels(): Promise<void> {
    const { chance } = this.actor;
    const tool = chance.happens(0.85) ? TEAM_TOOL : "deploy";
    const path = `/v1/tools/${tool}`;
    const two = chance.happens(0.6);
    await this.#manage("levels", "PATCH", path, { requires_second_approval: two });
    if (tool === TEAM_TOOL || !two) return;
    // The tool of all others is not left so.
    await this.actor.pause(500, 4000);
    await this.#manage("levels", "PATCH", path, { requires_second_approval: false });
  }

  #somewhere(): readonly [role: string, groups: readonly string[]] {
    const { role, groups } = this.actor.chance.pick(PLACES);
    return [role, groups];
  }

  async #manage(deed: string, method: string, path: string, body?: JsonObject): Promise<void> {
    await this.actor.ask(this.management, deed, method, path, body);
  }

  /** Sends a form, with the passkey shown first where that is asked for. */
  async #send(deed: string, path: string, name: string, fields: JsonObject = {}) {
    const asked = await this.browser.send(deed, path, name, fields);
    const isStale = asked.status === 200 && String(asked.answer).includes("Confirm it is you");
    if (!isStale) return asked;
    await this.browser.show("fresh", "/session/fresh");
    return await this.browser.send(deed, path, name, fields);
  }
}

/** Makes sure that a set-up went as it was meant to. */
export function assertDone(isDone: boolean, what: string): void {
  assert.ok(isDone, what);
}
