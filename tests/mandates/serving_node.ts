import { Countersign } from "../helpers/countersign.ts";

/** A node in a process of its own: says where it answers, and does so until somebody kills it. */

const [path = "", secret = ""] = Deno.args;

const kv = await Deno.openKv(path);
await using node = await Countersign.start({ kv, secret: Uint8Array.fromHex(secret) });
console.log(node.origin);
await new Promise<never>(() => {});
