import assert from "node:assert/strict";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { decidedBeside, printed } from "../helpers/socket_client.ts";
import { PythonPackages } from "./python_packages.ts";

Deno.test("the client in Python runs as the documents print it, with the package as published", async () => {
  await using packages = await PythonPackages.installed("websockets==17.1");
  await using it = await ApprovalOrg.start();
  const env = { COUNTERSIGN_URL: it.countersign.origin, COUNTERSIGN_TOKEN: await it.org.agent() };
  const running = packages.output(await printed("python"), env);
  const { id, review_url } = await decidedBeside(it, running);
  const { text, code } = await running;
  assert.equal(code, 0, text);
  assert.equal(text, `waiting: ${review_url}\n${id} was approved\n`);
});
