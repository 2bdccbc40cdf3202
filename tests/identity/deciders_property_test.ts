import fc from "fast-check";
import assert from "node:assert/strict";
import { decidable, decideApproval, recordDecision } from "../../lib/approvals/decide.ts";
import { lookAtApproval } from "../../lib/approvals/end.ts";
import { loadApproval } from "../../lib/approvals/seen.ts";
import { mintOperation } from "../../lib/authorize/mint.ts";
import { requestApproval } from "../../lib/authorize/request.ts";
import {
  asCaller,
  type MachineOperation,
  type MemberOperation,
} from "../../lib/identity/acting.ts";
import { secretHash } from "../../lib/identity/credentials.ts";
import { NO_MANDATE } from "../../lib/mandates/mandate.ts";
import { recorded, type RecordedRefusal, Refusal } from "../../lib/refusal.ts";
import * as keys from "../../lib/store/keys.ts";
import type { AgentRecord, ApiKeyRecord } from "../../lib/store/records/identity.ts";
import { Countersign, type SignedIn, type TestOrg } from "../helpers/countersign.ts";
import { CLIENT } from "../helpers/decision_org.ts";
import { runs } from "../helpers/property_runs.ts";
import {
  type Fact,
  type Happening,
  happenings,
  Naive,
  PEOPLE,
  type Team,
  teams,
  type Way,
} from "./deciders_oracle.ts";
import {
  actionFacts,
  agentFields,
  emailOf,
  idOf,
  keyFields,
  memberFields,
  orgFields,
  PureWorld,
  TOOL,
  toolFields,
} from "./deciders_world.ts";

Deno.test("who may decide, and what may be minted of it, is what the promises say: on records", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(teams, happenings, (team, all) => {
      const [naive, world] = [new Naive(team), new PureWorld(team)];
      for (const happening of all) {
        const expected = naive.happen(happening);
        const got = world.happen(happening, naive.team);
        assert.equal(got, expected, JSON.stringify(happening));
        if (happening.what === "mint" && got) assertWorth(naive);
        const by = happening.what === "mint" && got ? ` by ${naive.asked?.approvals.length}` : "";
        const name = `${happening.what} ${got}${by}`;
        seen.set(name, (seen.get(name) ?? 0) + 1);
      }
    }),
    { ...runs(5000), verbose: 1 },
  );
  // A property over cases that never come true says nothing.
  for (
    const name of ["ask true", "approve true", "approve false", "mint true by 1", "mint false"]
  ) {
    assert.ok((seen.get(name) ?? 0) > 300, `${name}: ${seen.get(name)}`);
  }
  assert.ok((seen.get("mint true by 2") ?? 0) > 10, `by 2: ${seen.get("mint true by 2")}`);
});

Deno.test("who may decide, and what may be minted of it, is what the promises say: in the service", async () => {
  await fc.assert(
    fc.asyncProperty(teams, happenings, async (team, all) => {
      await using world = await Service.start(team);
      const naive = new Naive(team);
      for (const happening of all) {
        const expected = naive.happen(happening);
        const got = await world.happen(happening, naive.team);
        assert.equal(got, expected, JSON.stringify(happening));
      }
    }),
    { ...runs(40), verbose: 1 },
  );
});

/** What was minted just now was approved by people who could do so then, and could now. */
function assertWorth(naive: Naive): void {
  const { asked, team } = naive;
  const approvals = asked?.approvals ?? [];
  assert.ok(approvals.length >= naive.needed());
  assert.equal(new Set(approvals.map(({ who }) => who)).size, approvals.length);
  assert.deepEqual(approvals.map(({ level }) => level), approvals.length === 2 ? [1, 2] : [1]);
  for (const { who, level, way, at } of approvals) {
    assert.ok(naive.could(who, level, way, at), "could then");
    assert.ok(naive.could(who, level, way, team), "could now");
    const forTwo = approvals.length === 2 || team.twice;
    if (forTwo) assert.equal(way, "passkey");
    if (forTwo || team.separated) assert.ok(!team.behind.includes(who));
  }
}

/** An org in a store of its own, driven by the operations that the surfaces call. */
class Service implements AsyncDisposable {
  #id = "";
  #given: readonly Fact[] = [];
  readonly #since: number;

  private constructor(
    readonly countersign: Countersign,
    readonly org: TestOrg,
    readonly people: readonly SignedIn[],
    readonly secrets: Readonly<Record<"agent" | Exclude<Way, "passkey">, string>>,
    readonly records: Readonly<{ agent: AgentRecord; made: ApiKeyRecord; operator: ApiKeyRecord }>,
  ) {
    this.#since = countersign.clock.now;
  }

  static async start(team: Team): Promise<Service> {
    const countersign = await Countersign.start();
    const org = await countersign.org();
    const people: SignedIn[] = [];
    for (let who = 0; who < PEOPLE; who++) {
      people.push(await org.signedIn("viewer", { email: emailOf(who) }));
    }
    const secrets = {
      agent: await org.agent(),
      made: await org.key("approver", keyFields("made")),
      operator: await org.key("approver", keyFields("operator")),
    };
    const records = await org.transact(({ snapshot }) => {
      const of = (secret: string) => snapshot.credential(secretHash(secret))?.record;
      return {
        agent: of(secrets.agent) as AgentRecord,
        made: of(secrets.made) as ApiKeyRecord,
        operator: of(secrets.operator) as ApiKeyRecord,
      };
    });
    const world = new Service(countersign, org, people, secrets, records);
    await world.#become(team);
    return world;
  }

  async happen(happening: Happening, team: Team): Promise<boolean> {
    switch (happening.what) {
      case "wait":
        this.countersign.clock.advance(happening.seconds * 1000);
        return true;
      case "look":
        await this.#look();
        return true;
      case "ask":
        return await this.#ask(happening.given);
      case "approve":
        await this.#look();
        return happening.way === "passkey"
          ? await this.#sign(happening.who)
          : await this.#assert(happening.who, happening.way);
      case "mint":
        return this.#id !== "" && await this.#as(
          this.secrets.agent,
          mintOperation({
            ...NO_MANDATE,
            action: this.#action(),
            approval_id: this.#id,
            ttl_seconds: 60,
          }, CLIENT),
        );
      default:
        await this.#become(team);
        return true;
    }
  }

  #action() {
    return { ...actionFacts(this.#given), tool: TOOL, arguments: {} };
  }

  /** Writes the team into the policy. */
  async #become(team: Team): Promise<void> {
    const { org, records, people } = this;
    const since = this.#since;
    await org.transact((transaction) => {
      const { snapshot } = transaction;
      transaction.setPolicy(keys.orgKey(org.id), { ...snapshot.org, ...orgFields(team) });
      team.people.forEach((person, who) => {
        const { member } = people[who] ?? assert.fail();
        const key = keys.memberKey(org.id, member.email);
        if (person === null) return transaction.deletePolicy(key);
        const fields = memberFields(person, member.account ?? "", since);
        transaction.setPolicy(key, { ...member, ...fields, id: idOf(who) });
      });
      const agent = { ...records.agent, ...agentFields(team) };
      transaction.setPolicy(keys.agentKey(org.id, agent.id), agent);
      for (const way of ["made", "operator"] as const) {
        const key = keys.apiKeyKey(org.id, records[way].id);
        if (team.keys[way]) transaction.setPolicy(key, records[way]);
        else transaction.deletePolicy(key);
      }
    });
    await org.tool(TOOL, toolFields(team));
  }

  async #look(): Promise<string> {
    if (this.#id === "") return "none";
    const look = asCaller(
      this.#presented(this.secrets.agent),
      ["agent"],
      lookAtApproval(this.#id),
    );
    const { record } = await this.countersign.services.ledgers.transact(this.org.id, look);
    return record.progress.state;
  }

  async #ask(given: readonly Fact[]): Promise<boolean> {
    const state = await this.#look();
    if (state === "pending" || state === "approved") return false;
    this.#given = given;
    const ask = { reason: "r", context: null, reference_id: null, timeout_seconds: null };
    return await this.#as(
      this.secrets.agent,
      requestApproval(this.#action(), ask, CLIENT),
      (asked) => {
        this.#id = asked.approval.record.id;
      },
    );
  }

  #assert(who: number, way: Exclude<Way, "passkey">): Promise<boolean> {
    if (this.#id === "") return Promise.resolve(false);
    const asserted = { decision: "approve", decided_by: emailOf(who), note: null } as const;
    return this.#as(this.secrets[way], decideApproval(this.#id, asserted, CLIENT));
  }

  /** What `signDecision` does where the signature is right. */
  #sign(who: number): Promise<boolean> {
    const id = this.#id;
    if (id === "") return Promise.resolve(false);
    const operation: MemberOperation<Awaited<ReturnType<typeof loadApproval>>, unknown> = {
      load: (reader) => loadApproval(reader, id),
      plan(transaction, caller, loaded) {
        const current = decidable(transaction, caller, loaded);
        if (current instanceof Refusal) return recorded(current);
        const next = recordDecision(transaction, caller, current, {
          decision: "approve",
          member: caller.id,
          asserted_by: null,
          note: null,
          quick_reason: null,
          evidence: { data: {}, private: {} },
        }, CLIENT);
        return next instanceof Refusal ? recorded(next) : next;
      },
    };
    const session = this.people[who] ?? assert.fail();
    return done(this.org.as(session, "see_requests", operation));
  }

  #presented(secret: string) {
    const answer_key = new Uint8Array(32);
    return { org: this.org.id, secret_hash: secretHash(secret), answer_key, sub_token: null };
  }

  #as<L, R>(
    secret: string,
    operation: MachineOperation<L, R>,
    then: (result: Exclude<R, RecordedRefusal>) => void = () => {},
  ): Promise<boolean> {
    const tiers = ["agent", "approver"] as const;
    const { ledgers } = this.countersign.services;
    const run = ledgers.transact(this.org.id, asCaller(this.#presented(secret), tiers, operation));
    return done(run, then);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.countersign[Symbol.asyncDispose]();
  }
}

/** Whether something was done: not refused, by an answer or an error. */
async function done<R>(
  run: Promise<R>,
  then: (result: Exclude<R, RecordedRefusal>) => void = () => {},
): Promise<boolean> {
  try {
    then(await run as Exclude<R, RecordedRefusal>);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}
