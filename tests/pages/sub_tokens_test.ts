import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { Countersign } from "../helpers/countersign.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

Deno.test("Sub-tokens are listed under Agents with who made them, what they reach and their uses, and revoked there", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("fine");
  const owner = await Visitor.of(org, "owner");
  assert.match((await owner.get("/sub-tokens")).text, /No sub-tokens/);

  const [night, day] = [await org.agent({ name: "night" }), await org.agent({ name: "day" })];
  const make = async (fields: JsonObject, key: string) => {
    const got = await org.post("/v1/sub-tokens", { ttl_seconds: 600, ...fields }, key);
    assert.equal(got.status, 201, got.text);
    return got.body;
  };
  const one = await make({
    name: HOSTILE.markup,
    max_uses: 9,
    tools: ["fine"],
    tags: ["t"],
    methods: ["GET"],
    resources: ["a", "b"],
  }, night);
  await make({ name: "of the day" }, day);
  await make({ name: "of a key" }, org.standard);
  await org.post("/v1/permissions/check", { tool_name: "fine" }, one.token);

  const page = await owner.get("/sub-tokens");
  assert.ok(!page.html.includes(HOSTILE.markup), "what an agent calls it is text");
  assert.ok(!page.html.includes(one.token));
  const shown = page.text;
  assert.match(shown, /In force/);
  assert.match(shown, /1 of 9/);
  assert.match(shown, /fine tag t GET and 2 more/);
  assert.match(shown, /All that its maker does/);
  for (const name of ["night", "day", "of a key"]) assert.ok(shown.includes(name), name);
  const ofNight = (await owner.get(`/sub-tokens?maker=${one.parent}`)).text;
  assert.ok(ofNight.includes("1 of 9") && !ofNight.includes("of the day"));
  assert.ok((await owner.get(`/agents/${one.parent}`)).html.includes(`maker=${one.parent}`));

  // A viewer sees the list, and has no button; an approver stops what an agent handed on.
  const viewer = await Visitor.of(org, "viewer");
  assert.doesNotMatch((await viewer.get("/sub-tokens")).text, /Revoke/);
  assert.equal((await viewer.send("/sub-tokens", "revoke", { id: one.id })).status, 403);
  const approver = await Visitor.of(org, "approver");
  const done = await approver.send(`/sub-tokens?maker=${one.parent}`, "revoke", { id: one.id });
  assert.equal(done.to, `/sub-tokens?maker=${one.parent}`);
  assert.match((await owner.get("/sub-tokens")).text, /Revoked/);
  const refused = await org.post("/v1/permissions/check", { tool_name: "fine" }, one.token);
  assert.equal(refused.status, 401);
  const strange = await owner.send("/sub-tokens", "revoke", { id: "sub_x" });
  assert.equal(strange.status, 404);
});
