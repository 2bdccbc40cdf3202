import { sweep } from "../../lib/server/due_worker.ts";
import { TOOL } from "../helpers/approval_org.ts";
import { Countersign } from "../helpers/countersign.ts";

/**
 * A node in a process of its own, until somebody kills it: has requests made, withdrawn and told,
 * over and over, and says a word after each step.
 */

const [path = "", secret = "", key = "", round = ""] = Deno.args;

const kv = await Deno.openKv(path);
await using node = await Countersign.start({ kv, secret: Uint8Array.fromHex(secret) });
for (let n = 0;; n++) {
  const body = { tool_name: TOOL, method: `${round}-${n}`, reason: "it is old" };
  const asked = await node.request("POST", "/v1/approvals", { key, body });
  if (asked.status !== 201) throw new Error(asked.text);
  console.log("asked");
  if (n % 3 !== 0) {
    await sweep(node.services, node.clock.now);
    console.log("told");
  }
  if (n % 3 !== 1) {
    await node.request("POST", `/v1/approvals/${asked.body.id}/cancel`, { key });
    console.log("cancelled");
  }
}
