/**
 * Opens a store over KV Connect whose server is this process, gives its secrets up as the start does,
 * and says with which credentials the store then asks. Run by `secrets_dropped_test.ts`.
 */
import { dropSecrets } from "../../lib/server/console.ts";

const asked: (string | null)[] = [];
let dropped = false;
const { promise: askedAnew, resolve } = Promise.withResolvers<void>();
const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
const server = Deno.serve(options, ({ headers, url: address }) => {
  if (dropped && asked.push(headers.get("authorization")) === 3) resolve();
  const url = new URL("/data", address).href;
  return Response.json({
    version: 3,
    databaseId: "0a2c2ef2-4c0c-4c2b-9a6e-1f1a7a5f0a3b",
    endpoints: [{ url, consistency: "strong" }],
    token: "of the metadata",
    // Over at once, so that the store asks again and again.
    expiresAt: new Date().toISOString(),
  });
});
const kv = await Deno.openKv(`http://127.0.0.1:${server.addr.port}/`);
const readable = await dropSecrets();
dropped = true;
await askedAnew;
console.log(JSON.stringify({ readable, asked: asked.slice(0, 3) }));
kv.close();
Deno.exit(0);
