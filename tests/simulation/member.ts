import assert from "node:assert/strict";
import { viewDigest } from "../../lib/approvals/frozen_view.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { actionDigest } from "../../lib/decisions/decide.ts";
import { challengeText } from "../../lib/passkeys/challenge.ts";
import { approvalStatement } from "../../lib/passkeys/statement.ts";
import type { ApprovalSheet } from "../../lib/sheet/sheet.ts";
import { islandProps } from "../helpers/web_person.ts";
import type { Actor } from "./actor.ts";
import { asBody, Browser, isThere } from "./browser.ts";

/**
 * A member by name: comes by invitation, signs in, sees what waits, and decides under their passkey, now
 * and then twice, late, or though they may not; takes back what was approved. Once removed they go on
 * trying, until they are invited again.
 */
export class Member {
  /** Requests that they saw, or could know of, the newest last. */
  readonly #known: string[] = [];
  /** Links that they followed already. */
  readonly #followed = new Set<string>();

  constructor(
    readonly actor: Actor,
    readonly email: string,
    readonly browser = new Browser(actor, email),
  ) {}

  /** Comes in by the newest invitation, which has to be there, while nothing goes wrong. */
  async comeIn(): Promise<void> {
    await this.#arrived(INVITED);
    await this.#accept();
    assert.ok(this.browser.isSignedIn, `${this.email} did not come in`);
  }

  live(): Promise<void> {
    return this.actor.live(() => this.#step(), 100, 3000);
  }

  async #step(): Promise<void> {
    const { chance } = this.actor;
    if (!this.browser.isSignedIn) return void await this.browser.show("sign_in", SIGN_IN);
    switch (chance.weighted({ inbox: 6, known: 3, revoke: 2, signIn: 1 })) {
      case "inbox":
        return await this.#inbox();
      case "known":
        return await this.#decide(this.#oneKnown());
      case "revoke":
        return await this.#revoke(this.#oneKnown());
      case "signIn":
        return void await this.browser.show("sign_in", SIGN_IN);
    }
  }

  async #inbox(): Promise<void> {
    const asked = await this.browser.open("inbox", "/approvals");
    if (asked.status === null) return;
    // Whoever is a member no more looks into their mail for a way back.
    if (!isThere(asked)) return await this.#accept();
    const ids = [...new Set(String(asked.answer).match(/apr_[0-9a-z]+/g))];
    if (ids.length === 0) return;
    this.#known.push(...ids.filter((id) => !this.#known.includes(id)));
    await this.#decide(this.actor.chance.pick(ids));
  }

  async #decide(id: string | undefined): Promise<void> {
    if (id === undefined) return;
    if (this.actor.chance.happens(0.2)) {
      const denial = { note: "", quick_reason: "" };
      return void await this.browser.send("deny", `/approvals/${id}`, "deny", denial);
    }
    await this.#approve(id);
  }

  /** Opens a request, signs what is shown, and hands that in once or more often. */
  async #approve(id: string): Promise<void> {
    const { chance } = this.actor;
    const page = await this.browser.open("open", `/approvals/${id}`);
    if (page.status !== 200) return;
    const { sheet } = islandProps(page.answer, "approval").start as { sheet: ApprovalSheet };
    const opened = await this.browser.post("statement", `/approvals/${id}/statement`);
    if (opened.status !== 200 || sheet.view === null) return;
    const { facts, options } = opened.answer;
    const { view, tenant, resource, method, tool_name: tool } = sheet;
    const action = { tenant, resource, method, tool, arguments: view.arguments };
    const digests = {
      view_digest: viewDigest(view as unknown as JsonObject),
      action_digest: actionDigest(sheet.org, action),
    };
    const challenge = challengeText(approvalStatement({ ...facts, ...digests, note_digest: null }));
    const response = await this.browser.authenticator.assert({ ...options, challenge }, {
      counter: 0,
    });
    // Much may have become of it, and of them, before they are done with their fingerprint.
    if (chance.happens(0.4)) await this.actor.pause(0, 3000);
    const signed = asBody({ nonce: facts.nonce, note: null, response, ...digests });
    const hand = () => this.browser.post("approve", `/approvals/${id}/approve`, signed);
    await (chance.happens(0.2) ? Promise.all([hand(), hand()]) : hand());
    if (chance.happens(0.1)) await hand();
  }

  async #revoke(id: string | undefined): Promise<void> {
    if (id !== undefined) await this.browser.send("take_back", `/approvals/${id}`, "revoke");
  }

  /** Accepts the newest invitation, with a first passkey or by the session. */
  async #accept(): Promise<void> {
    const link = this.#mailed(INVITED);
    if (link === undefined || this.#followed.has(link)) return;
    const path = `/invitation/${link}`;
    if (this.browser.authenticator.credentials.length > 0) {
      const accepted = await this.browser.send("accept", path, "accept");
      if (accepted.status !== null && accepted.status < 500) this.#followed.add(link);
      return;
    }
    this.#followed.add(link);
    await this.browser.open("invitation", path);
    await this.browser.send("invitation", path, "send_code");
    const code = await this.#arrived(/Your code is (\d{6})/);
    const confirmed = await this.browser.send("invitation", path, "confirm_code", { code });
    const page = await this.browser.open("invitation", confirmed.headers?.get("location") ?? path);
    const { nonce, options } = islandProps(page.answer, "enrol");
    const newId = this.browser.secret();
    const response = JSON.stringify(await this.browser.authenticator.enrol(options, { newId }));
    await this.browser.send("invitation", path, "finish", { nonce, response });
  }

  /** Waits for a mail to them that has this, which is under way. */
  async #arrived(what: RegExp): Promise<string> {
    for (;;) {
      const found = this.#mailed(what);
      if (found !== undefined) return found;
      await this.actor.pause(10, 50);
    }
  }

  /** What the newest mail to them has of this. */
  #mailed(what: RegExp): string | undefined {
    const { mails } = this.actor.scene.world.mail;
    const mail = mails.findLast(({ to, text }) => to === this.email && what.test(text));
    return mail === undefined ? undefined : what.exec(mail.text)?.[1];
  }

  #oneKnown(): string | undefined {
    return this.#known.at(-1 - this.actor.chance.below(4)) ?? this.#known.at(-1);
  }
}

const INVITED = /\/invitation\/([\w-]+)/;

const SIGN_IN = "/session/sign-in";
