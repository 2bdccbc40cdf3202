import { approvalCountKey } from "../../lib/store/keys.ts";
import { Countersign } from "../helpers/countersign.ts";
import { counting } from "./counting.ts";

/** A node in a process of its own: counts on one row as often as it is told, and says what it got. */

const [path = "", secret = "", org = "", times = ""] = Deno.args;

const kv = await Deno.openKv(path);
await using node = await Countersign.start({ kv, secret: Uint8Array.fromHex(secret) });
const key = approvalCountKey(org, "agt");
const counts = await Promise.all(
  Array.from(
    { length: Number(times) },
    () => node.services.ledgers.transact(org, counting(key)),
  ),
);
console.log(JSON.stringify(counts));
await node.server.shutdown();
kv.close();
