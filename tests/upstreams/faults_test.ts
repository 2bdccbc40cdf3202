import assert from "node:assert/strict";
import { memberOf } from "../../lib/base/json.ts";
import type { Connection, Network } from "../../lib/outside/connection.ts";
import { internet } from "../../lib/outside/internet.ts";
import type { CallOutcome } from "../../lib/upstreams/port.ts";
import { callEcho, connections, portOf, UpstreamServer } from "../helpers/upstream_server.ts";

/** The network fails at each step of a call in turn: what is said of the call must hold each time. */

/** What can be the matter with a step. */
type Fault = "fails" | "half" | "ends";

/** Counts the steps of all connections once it is armed, and fails at one of them. */
class FaultyNetwork implements Network {
  steps = 0;
  isArmed = false;

  constructor(readonly at: number, readonly fault: Fault) {}

  readonly resolve = internet.resolve;

  readonly connect: Network["connect"] = async (to, signal) => {
    if (this.#isNow()) throw new Error("refused");
    return this.#faulty(await internet.connect(to, signal));
  };

  #isNow(): boolean {
    return this.isArmed && this.steps++ === this.at;
  }

  #faulty(connection: Connection): Connection {
    return {
      get isQuiet() {
        return connection.isQuiet;
      },
      read: async (into) => {
        if (!this.#isNow()) return await connection.read(into);
        // A byte at a time is no fault, and must not be taken for one.
        if (this.fault === "half") return await connection.read(into.subarray(0, 1));
        connection.close();
        if (this.fault === "ends") return null;
        throw new Error("reset");
      },
      write: async (bytes) => {
        if (!this.#isNow()) return await connection.write(bytes);
        if (this.fault === "half") await connection.write(bytes.subarray(0, bytes.length - 3));
        if (this.fault === "ends") await connection.write(bytes);
        connection.close();
        throw new Error("reset");
      },
      close: () => connection.close(),
    };
  }
}

/** What was said of one call over a network. @param text its argument, which no other has */
async function calledOver(
  server: UpstreamServer,
  network: FaultyNetwork,
  text: string,
  isLost: boolean,
): Promise<CallOutcome> {
  await using ports = connections([server.host], { network });
  const port = portOf(ports, server);
  if (isLost) {
    await callEcho(port);
    server.sessions.clear();
  }
  network.isArmed = true;
  return await callEcho(port, { text });
}

for (
  const [era, isLost, expected] of [
    ["modern", false, ["not_sent", "result", "unknown"]],
    ["legacy", false, ["not_sent", "result", "unknown"]],
    // The connection stands, and a session is made again by a second one where the first fails.
    ["legacy", true, ["result", "unknown"]],
  ] as const
) {
  const name = `faults, ${era}${isLost ? " with a lost session" : ""}`;
  Deno.test(`G2, G12, ${name}: a call is said not to be sent only where nothing of it ran, and runs once at most`, async () => {
    /** How often each ran, also those that arrived when nobody waited for them any more. */
    const ran = new Map<string, number>();
    const said: { readonly text: string; readonly outcome: CallOutcome }[] = [];
    {
      await using server: UpstreamServer = new UpstreamServer({
        era,
        answer(asked) {
          const before = server.ran;
          const answer = server.usual(asked);
          const text = String(memberOf(memberOf(asked.params, "arguments"), "text"));
          if (server.ran > before) ran.set(text, (ran.get(text) ?? 0) + 1);
          return answer;
        },
      });
      for (const fault of ["fails", "half", "ends"] as const) {
        let network = new FaultyNetwork(0, fault);
        for (let at = 0; at <= network.steps; at++) {
          network = new FaultyNetwork(at, fault);
          const text = `${fault} at step ${at}`;
          said.push({ text, outcome: await calledOver(server, network, text, isLost) });
        }
      }
    }
    for (const { text, outcome } of said) {
      const times = ran.get(text) ?? 0;
      const where = `${text}: ${JSON.stringify(outcome)}`;
      assert(times <= 1, where);
      if (outcome.is === "not_sent") {
        assert.deepEqual([times, outcome.why], [0, "unreachable"], where);
      }
      if (outcome.is === "result") assert.equal(times, 1, where);
    }
    assert.deepEqual([...new Set(said.map(({ outcome }) => outcome.is))].sort(), expected);
  });
}
