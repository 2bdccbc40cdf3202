import { Countersign } from "../helpers/countersign.ts";
import { addOne } from "./sharing.ts";

/** A node in a process of its own: has each org add to the same row as often as it is told. */

const [path = "", secret = "", times = "", ...orgs] = Deno.args;

const kv = await Deno.openKv(path);
await using node = await Countersign.start({ kv, secret: Uint8Array.fromHex(secret) });
const counts: number[] = [];
for (let time = 0; time < Number(times); time++) {
  counts.push(...await Promise.all(orgs.map((org) => node.services.ledgers.transact(org, addOne))));
}
console.log(JSON.stringify(counts));
await node.server.shutdown();
kv.close();
