import assert from "node:assert/strict";
import type { Connection, Network } from "../../lib/outside/guarded_fetch.ts";
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

/** What was said of one call over a network, and how often the tool ran. */
async function calledOver(
  server: UpstreamServer,
  network: FaultyNetwork,
  isLost: boolean,
): Promise<{ readonly outcome: CallOutcome; readonly ran: number }> {
  await using ports = connections([server.host], { network });
  const port = portOf(ports, server);
  if (isLost) {
    await callEcho(port);
    server.sessions.clear();
  }
  network.isArmed = true;
  const before = server.ran;
  const outcome = await callEcho(port);
  return { outcome, ran: server.ran - before };
}

for (const [era, isLost] of [["modern", false], ["legacy", false], ["legacy", true]] as const) {
  const name = `faults, ${era}${isLost ? " with a lost session" : ""}`;
  Deno.test(`G2, G12, ${name}: a call is said not to be sent only where nothing of it ran, and runs once at most`, async () => {
    await using server = new UpstreamServer({ era });
    const said = new Set<string>();
    for (const fault of ["fails", "half", "ends"] as const) {
      let network = new FaultyNetwork(0, fault);
      for (let at = 0; at <= network.steps; at++) {
        network = new FaultyNetwork(at, fault);
        const { outcome, ran } = await calledOver(server, network, isLost);
        const where = `${fault} at step ${at}: ${JSON.stringify(outcome)}`;
        said.add(outcome.is);
        assert(ran <= 1, where);
        if (outcome.is === "not_sent") {
          assert.deepEqual([ran, outcome.why], [0, "unreachable"], where);
        }
        if (outcome.is === "result") assert.equal(ran, 1, where);
      }
    }
    assert.deepEqual([...said].sort(), ["not_sent", "result", "unknown"]);
  });
}
