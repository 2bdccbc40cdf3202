import assert from "node:assert/strict";
import { rotateSecret } from "../../lib/server/rotation.ts";
import { compactStore, isCompactionDue } from "../../lib/store/compact.ts";
import { vaultSecretKey } from "../../lib/store/gateway_keys.ts";
import { logKeyKey } from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { proveSecret } from "../../lib/store/open_store.ts";
import { logKeyRecord, sealedRecord } from "../../lib/store/records/log.ts";
import { Sealer } from "../../lib/store/sealing.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { Countersign } from "../helpers/countersign.ts";
import { DeploymentFolder } from "../helpers/deployment_folder.ts";
import { SECRETS } from "./sealed_life.ts";

/** How often bytes stand in any file of a folder. */
async function copies(path: string, bytes: Uint8Array): Promise<number> {
  let count = 0;
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (!isDirectory) {
      count += (await Deno.readFile(`${path}/${name}`)).toHex().split(bytes.toHex()).length - 1;
    }
  }
  return count;
}

Deno.test("a secret that another one took the place of is in no file of a store that was rewritten", async (t) => {
  await using place = await DeploymentFolder.make({ data: true });
  const folder = `${place.path}/data`;
  const kv = await Deno.openKv(place.store);
  const now = () => Date.now();
  const gone: Record<string, Uint8Array> = {};
  try {
    const sealer = new Sealer(SECRETS.a, null, systemRandom);
    await using countersign = await Countersign.start({ kv, deps: { sealer } });
    await proveSecret(countersign.services.deps);
    const org = await countersign.org();
    const published = await org.get(`/.well-known/countersign/keys/${org.id}`);
    const { kid } = published.body.keys[0];
    const key = await readRecord(kv, logKeyKey(org.id, kid), logKeyRecord);
    const made = await org.manage("POST", "/v1/credentials", {
      ...{ name: "api", kind: "bearer", origins: ["https://api.example.com"], owner: "org" },
      secret: "upstreams-own-secret",
    });
    assert.equal(made.status, 201, made.text);
    const row = await readRecord(kv, vaultSecretKey(org.id, made.body.id), sealedRecord);
    assert.ok(key !== null && row !== null);
    assert.ok(!isCompactionDue(place.store));

    await t.step("the key of a log", async () => {
      gone.log_key = key.value.sealed_private_key;
      assert.equal((await org.manage("POST", "/v1/audit/rotate-key")).status, 201);
      assert.ok(isCompactionDue(place.store));
      await kv.delete(["erased"]);
    });
    await t.step("a credential of an upstream", async () => {
      gone.credential = row.value.sealed;
      const removed = await org.manage("DELETE", `/v1/credentials/${made.body.id}`);
      assert.equal(removed.status, 200, removed.text);
      assert.ok(isCompactionDue(place.store));
      await kv.delete(["erased"]);
    });
    await t.step("the secret of the deployment", async () => {
      const active = (await org.get(`/.well-known/countersign/keys/${org.id}`)).body.keys
        .find(({ status }: { status: string }) => status === "active");
      const next = await readRecord(kv, logKeyKey(org.id, active.kid), logKeyRecord);
      gone.secret = next?.value.sealed_private_key ?? assert.fail("no key");
      const both = new Sealer(SECRETS.b, SECRETS.a, systemRandom);
      await using after = await Countersign.start({ kv, deps: { sealer: both } });
      await proveSecret(after.services.deps);
      assert.ok(await rotateSecret(after.services, new AbortController().signal) !== null);
      assert.ok(isCompactionDue(place.store));
    });
  } finally {
    kv.close();
  }
  await compactStore(place.store, { now });
  for (const [name, bytes] of Object.entries(gone)) {
    assert.ok(bytes.length > 16, name);
    assert.equal(await copies(folder, bytes), 0, name);
  }
});
