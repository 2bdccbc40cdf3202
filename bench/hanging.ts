import { Child } from "./child.ts";
import type { Measured } from "./measure.ts";
import {
  MEASURED_HEAD,
  measuredRow,
  printTable,
  printWanted,
  ratio,
  refuseFailures,
  times,
} from "./report.ts";
import { checkRequests } from "./requests.ts";
import { send } from "./rest.ts";
import { type Question, samplePolicy, sampleQuestions } from "./sample_policy.ts";
import { withScratchFolder } from "./scratch_folder.ts";
import { type Started, startServed } from "./started_service.ts";

/**
 * `deno task bench:hanging`: the check of a service whose events go to twenty webhooks that take
 * every connection and never answer, in turn with one that has none. In both an approval is asked
 * for and withdrawn all the while, twice a second, which makes two events each time.
 */

const WEBHOOKS = 20;
const ROUNDS = 9;
const SECONDS = 3;
const WARM_UP_SECONDS = 0.5;
const FIRST_WARM_UP_SECONDS = 4;
const CONNECTIONS = [32, 1] as const;
const RULES = 20;
const ASKED_EVERY_MS = 500;
/** In turn, for each may ask thirty times a minute. */
const ASKING_AGENTS = 6;

/** How much longer the slowest hundredth may wait with them; two runs of one service differ so. */
const WANTED = 1.15;

/** Something that takes connections and keeps them, without a word. */
class Silent implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #taken: Deno.Conn[] = [];

  constructor() {
    void this.#take();
  }

  get host(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  get taken(): number {
    return this.#taken.length;
  }

  async #take(): Promise<void> {
    for await (const connection of this.#listener) this.#taken.push(connection);
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const connection of this.#taken) connection.close();
  }
}

interface Subject extends Started {
  readonly name: string;
  /** Tokens of those that ask. */
  readonly agents: readonly string[];
  readonly rounds: Record<(typeof CONNECTIONS)[number], Measured[]>;
}

/** Asks for an approval in each service and withdraws it, again and again. */
class Asking implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;
  #last: Promise<void> = Promise.resolve();
  #asked = 0;

  constructor(readonly subjects: readonly Subject[], readonly question: Question) {
    this.#timer = setInterval(
      () => this.#last = this.#last.then(() => this.#ask()),
      ASKED_EVERY_MS,
    );
  }

  async #ask(): Promise<void> {
    const turn = this.#asked++ % ASKING_AGENTS;
    await Promise.all(this.subjects.map(async ({ port, agents }) => {
      const agent = agents[turn] ?? "";
      const { id } = await send(port, agent, "POST", "/v1/approvals", this.question);
      await send(port, agent, "POST", `/v1/approvals/${String(id)}/cancel`);
    }));
  }

  /** @throws what went wrong on the way */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#last;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

await withScratchFolder(compare);

async function compare(folder: string): Promise<void> {
  const here = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  const policy = samplePolicy(RULES);
  const questions = sampleQuestions(policy);
  using receivers = new DisposableStack();
  const silent = Array.from({ length: WEBHOOKS }, () => receivers.use(new Silent()));
  const env = { COUNTERSIGN_PRIVATE_HOSTS: silent.map(({ host }) => host).join(",") };
  await using running = new AsyncDisposableStack();
  const subject = async (name: string): Promise<Subject> => {
    const served = await startServed(here, `${folder}/${name}.kv`, policy, env);
    running.use(served.child);
    const agents: string[] = [];
    for (let n = 0; n < ASKING_AGENTS; n++) {
      const fields = { name: "asking", rate_limit_per_minute: null };
      const { token } = await send(served.port, served.management, "POST", "/v1/agents", fields);
      agents.push(String(token));
    }
    return { ...served, name, agents, rounds: { 1: [], 32: [] } };
  };
  const none = await subject("no webhooks");
  const hanging = await subject(`${WEBHOOKS} that hang`);
  for (const { host } of silent) {
    await send(hanging.port, hanging.management, "POST", "/v1/webhooks", {
      url: `http://${host}/`,
      events: ["approval.created", "approval.cancelled"],
    });
  }
  const gated = await gatedQuestion(none, questions);
  await using generator = await Child.script("generator.ts");
  using asking = new Asking([none, hanging], gated);
  for (let round = 0; round < ROUNDS; round++) {
    console.error(`Round ${round + 1} of ${ROUNDS}`);
    for (const connections of CONNECTIONS) {
      for (const { port, key, rounds } of round % 2 === 0 ? [none, hanging] : [hanging, none]) {
        rounds[connections].push(
          await generator.load({
            port,
            requests: checkRequests(questions, key),
            connections,
            warmUpSeconds: round === 0 ? FIRST_WARM_UP_SECONDS : WARM_UP_SECONDS,
            seconds: SECONDS,
          }),
        );
      }
    }
  }
  await asking.stop();
  const silentTried = silent.filter(({ taken }) => taken > 0).length;
  printTable(
    MEASURED_HEAD,
    CONNECTIONS.flatMap((connections) =>
      [none, hanging].map(({ name, rounds }) => measuredRow(name, connections, rounds[connections]))
    ),
  );
  printWanted([
    ...CONNECTIONS.map((connections) => {
      const got = ratio("p99", hanging.rounds[connections], none.rounds[connections]);
      return {
        what: `p99 at ${connections} connections`,
        wanted: `at most ${times(WANTED)} that of no webhooks`,
        got: times(got),
        reached: got <= WANTED,
      };
    }),
    {
      what: "webhooks that were tried",
      wanted: `all ${WEBHOOKS}`,
      got: String(silentTried),
      reached: silentTried === WEBHOOKS,
    },
  ]);
  refuseFailures([none, hanging].flatMap(({ rounds }) => [...rounds[1], ...rounds[32]]));
}

/** One of the questions for which a person has to be asked. */
async function gatedQuestion({ port, key }: Subject, questions: readonly Question[]) {
  for (const question of questions) {
    const answer = await send(port, key, "POST", "/v1/permissions/check", question);
    if (answer["permission"] === "requires_approval") return question;
  }
  throw new Error("No question of the sample needs an approval");
}
