import assert from "node:assert/strict";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { decidedBeside, printed } from "../helpers/socket_client.ts";

Deno.test("the client in TypeScript runs as the documents print it", async () => {
  await using it = await ApprovalOrg.start();
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, await printed("ts"));
  const env = { COUNTERSIGN_URL: it.countersign.origin, COUNTERSIGN_TOKEN: await it.org.agent() };
  const args = ["run", "--no-config", "--allow-net", "--allow-env", file];
  const child = new Deno.Command(Deno.execPath(), { args, env, stdout: "piped", stderr: "piped" });
  const running = child.output();
  const { id, review_url } = await decidedBeside(it, running);
  const { stdout, stderr, code } = await running;
  await Deno.remove(file);
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.equal(
    new TextDecoder().decode(stdout),
    `waiting: ${review_url}\n${id} was approved\nclosed: 1005 \n`,
  );
});
