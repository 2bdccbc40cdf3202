import assert from "node:assert/strict";
import type { CallerTier } from "../../lib/identity/caller.ts";
import type { GuardedRoute } from "../../routes/http/route.ts";
import { ROUTES } from "../../routes/manifest.ts";
import { Countersign } from "../helpers/countersign.ts";

const isGuarded = (route: (typeof ROUTES)[number]): route is GuardedRoute =>
  route.callers !== "open";

Deno.test("attack: a key that another node revoked reads nothing on any route of a node that knew it", async () => {
  await using countersign = await Countersign.start();
  await using other = await countersign.another();
  const org = await countersign.org();
  const read: string[] = [];
  for (const route of ROUTES.filter(isGuarded)) {
    if (route.method !== "get") continue;
    for (
      const tier of route.callers.filter((one): one is Exclude<CallerTier, "agent" | "sub_token"> =>
        one !== "agent" && one !== "sub_token"
      )
    ) {
      const key = await org.key(tier);
      const path = route.path.replaceAll(/:\w+(\{[^}]*\})?/g, "none");
      await countersign.request("GET", path, { key });
      const { data } = (await org.manage("GET", "/v1/api-keys?limit=200")).body;
      const { id } = data.at(-1);
      const revoked = await other.request("DELETE", `/v1/api-keys/${id}`, { key: org.management });
      assert.equal(revoked.status, 200, revoked.text);
      const got = await countersign.request("GET", path, { key });
      // A path or query that cannot be is refused before anything is looked for.
      if (got.status !== 401 && got.status !== 422) {
        read.push(`${route.path} as ${tier}: ${got.status}`);
      }
    }
  }
  assert.deepEqual(read, []);
});
