import { viewDigest } from "../../lib/approvals/frozen_view.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { APP, AppUser } from "../helpers/confirming.ts";
import type { Actor, Credential } from "./actor.ts";
import type { Application, AskedUser } from "./application.ts";
import { asBody } from "./browser.ts";

/** How long somebody waits to answer at the last moment, milliseconds. */
const LONGEST_WAIT_MS = 30_000;

/**
 * A user of an application, who is asked whether something may be done for them, and those who answer in
 * their name: by a passkey of theirs, by the application's approver key, or by the nonce alone; late,
 * twice, to another question than was signed, by another user's passkey, or by the key that asked.
 */
export class Customer {
  readonly user: AppUser;
  /** Those that speak for them, as the application names them; the oldest first. */
  readonly passkeys: Awaited<ReturnType<AppUser["enrol"]>>[] = [];

  /** What they, or others for them, tried to answer. */
  readonly #answered = new Set<AskedUser>();

  constructor(
    readonly actor: Actor,
    id: string,
    /** Whether they have a passkey from the beginning. */
    readonly begins: boolean,
    /** Keys that say yes for them. */
    readonly approvers: readonly Credential[],
  ) {
    this.user = new AppUser(id, APP, "EdDSA");
  }

  async enrol(): Promise<void> {
    const newId = this.actor.chance.bytes(32).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
    this.passkeys.push(await this.user.enrol({ newId }));
  }

  /** Gives up the passkey that they use, or the oldest one. */
  forget(): void {
    const gone = this.actor.chance.happens(0.7) ? this.passkeys.pop() : this.passkeys.shift();
    const { credentials } = this.user.authenticator;
    const at = credentials.findIndex(({ id }) => id === gone?.credential_id);
    if (at !== -1) credentials.splice(at, 1);
  }

  live(application: Application): Promise<void> {
    return this.actor.live(() => this.#step(application), 100, 2500);
  }

  async #step({ asked, customers, credential }: Application): Promise<void> {
    const { chance } = this.actor;
    const open = asked.filter((one) => !this.#answered.has(one));
    const question = this.#newestOf(chance.happens(0.8) ? open : asked);
    if (question === undefined || question.nonce === null) return;
    this.#answered.add(question);
    const answers = {
      sign: this.passkeys.length > 0 ? 6 : 1,
      deny: 1,
      key: this.passkeys.length > 0 ? 1 : 6,
      asker: 1,
      crossed: 2,
      other: 1,
    };
    switch (chance.weighted(answers)) {
      case "sign":
        return await this.#sign(question, question, this.user);
      case "deny":
        return await this.#answer(question, { decision: "deny" }, null);
      case "key":
        return await this.#answer(question, { decision: "approve" }, chance.pick(this.approvers));
      case "asker":
        return await this.#answer(question, { decision: "approve" }, credential);
      case "crossed":
        return await this.#sign(this.#newestOf(asked) ?? question, question, this.user);
      case "other":
        return await this.#sign(question, question, chance.pick(customers).user);
    }
  }

  /** Signs what is shown of one question, and hands that in for another, or the same. */
  async #sign(shown: AskedUser, answered: AskedUser, by: AppUser): Promise<void> {
    if (shown.nonce === null || by.authenticator.credentials.length === 0) return;
    const path = `/v1/confirmations/${shown.nonce}/statement`;
    const page = await this.actor.ask(NOBODY, "question", "POST", path);
    if (page.status !== 200) return;
    const { view } = page.answer as { view: JsonObject };
    const statement: JsonObject = { ...page.answer.statement, view_digest: viewDigest(view) };
    const assertion = asBody(await by.sign(statement));
    await this.#answer(answered, { decision: "approve", statement, assertion }, null);
  }

  /** Answers: at once, after a while or at the last moment; now and then twice, and once more. */
  async #answer(question: AskedUser, body: JsonObject, by: Credential | null): Promise<void> {
    const { chance, scene } = this.actor;
    const rest = question.expires - scene.world.schedule.now - 1;
    const isLate = rest > 0 && rest < LONGEST_WAIT_MS && chance.happens(0.5);
    if (isLate) await this.actor.pause(rest, rest + 3);
    else if (chance.happens(0.3)) await this.actor.pause(0, 4000);
    const path = `/v1/confirmations/${question.nonce}`;
    const answer = async () => {
      const { status } = await this.actor.ask(by ?? NOBODY, "answer", "POST", path, body);
      // The application that shows them the question hears what they say.
      if (status === 200 && body.decision === "approve") question.isApproved = true;
    };
    await (chance.happens(0.3) ? Promise.all([answer(), answer()]) : answer());
    if (chance.happens(0.2)) await answer();
  }

  #newestOf(asked: readonly AskedUser[]): AskedUser | undefined {
    const own = asked.filter(({ customer }) => customer === this).slice(-3);
    return own.length === 0 ? undefined : this.actor.chance.pick(own);
  }
}

/** Whoever has no key. */
const NOBODY: Credential = { name: "nobody", id: null, secret: "" };
