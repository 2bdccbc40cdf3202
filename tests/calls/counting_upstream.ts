import { memberOf } from "../../lib/base/json.ts";
import { type Asked, events, UpstreamServer } from "../helpers/upstream_server.ts";

/**
 * An upstream in a process of its own, which outlives whoever calls it: `counting_upstream.ts ERA`.
 * It says where it is, and then of each run the `id` of its arguments, as soon as it has run. How it
 * answers is up to the argument `answer`: not at all, by a half, or as it should.
 */

const era = Deno.args[0] === "legacy" ? "legacy" : "modern";

const SCHEMA = {
  type: "object",
  properties: { id: { type: "string" }, answer: { enum: ["never", "half", "whole"] } },
  required: ["id", "answer"],
};

function answer(asked: Asked): Response | Promise<Response> | null {
  if (asked.method !== "tools/call") return null;
  const args = memberOf(asked.params, "arguments");
  console.log(`ran ${String(memberOf(args, "id"))}`);
  switch (memberOf(args, "answer")) {
    case "never":
      return new Promise(() => {});
    case "half":
      return events([`data: {"jsonrpc":"2.0","id":${String(asked.id)},"result":{"cont`], "hang");
    default:
      return null;
  }
}

const server = new UpstreamServer({
  era,
  answer,
  tools: ["read", "wipe"].map((name) => ({ name, inputSchema: SCHEMA })),
});
console.log(`at ${server.url}`);
