import type { Actor, Credential } from "./actor.ts";

/** An approver: looks at what is pending, and answers some of it. */
export class Approver {
  constructor(readonly actor: Actor, readonly credential: Credential) {}

  live(): Promise<void> {
    return this.actor.live(() => this.#step(), 50, 1500);
  }

  async #step(): Promise<void> {
    const { chance, scene } = this.actor;
    const listed = await this.actor.ask(
      this.credential,
      "list",
      "GET",
      "/v1/approvals?status=pending&limit=5",
    );
    if (listed.status !== 200) return;
    for (const { id } of listed.answer.data as { id: string }[]) {
      if (chance.happens(0.3)) continue;
      const decision = chance.happens(0.75) ? "approve" : "deny";
      const body = { decision, decided_by: chance.pick(scene.approvers) };
      await this.actor.ask(
        this.credential,
        "decide",
        "POST",
        `/v1/approvals/${id}/decide`,
        body,
      );
    }
  }
}
