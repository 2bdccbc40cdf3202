import assert from "node:assert/strict";
import { systemTimer } from "../../lib/store/system.ts";
import { connections, NEVER, portOf } from "../helpers/upstream_server.ts";
import { HOSTILE_ANSWERS } from "./hostile_answers.ts";

/**
 * Others get their turn while a hostile answer is read: it is read in steps. How long the longest of
 * them takes is for `deno task bench:turns` to say.
 */

/** Of a reader that takes all of it at once others would get one. */
const LEAST_TURNS = 1;

for (const { name, hosts, is, act } of HOSTILE_ANSWERS) {
  Deno.test(`turns: others get theirs while ${name} is read`, async () => {
    await using ports = connections([], { keeping: () => ({ ask: hosts, close: () => {} }) });
    const port = portOf(ports, { url: "http://stand-in.example/mcp" });
    await port.connect(NEVER);
    let isOver = false;
    const acted = act(port).finally(() => isOver = true);
    let turns = 0;
    while (!isOver) {
      await systemTimer(0).elapsed;
      turns++;
    }
    assert.equal((await acted).is, is);
    assert.ok(turns > LEAST_TURNS, `${turns} turns`);
  });
}
