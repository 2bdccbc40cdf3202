import assert from "node:assert/strict";
import { sweep } from "../../lib/server/due_worker.ts";
import { action, AllowlyOrg, policy } from "../helpers/allowly.ts";
import { Countersign, TestClock } from "../helpers/countersign.ts";
import { PythonPackages } from "./python_packages.ts";

/** The resolution webhook, as the published SDK of Allowly sets it and believes what it is sent. */

const SET = `
import asyncio, json, sys
from allowly import Allowly

given = json.load(sys.stdin)

async def main():
    async with Allowly(given["key"], base_url=given["base_url"],
                       dangerously_allow_insecure_base_url=True) as setup:
        hook = setup.resolution_webhook
        none = await hook.get()
        first = await hook.configure("https://hooks.example/first")
        made = await hook.configure(given["url"])
        read = await hook.get()
        print(json.dumps({
            "none": [none.endpoint_id, none.enabled],
            "same": first.endpoint_id == made.endpoint_id == read.endpoint_id,
            "secrets": first.signing_secret != made.signing_secret,
            "read": [read.url == given["url"], read.enabled, read.credential_version],
            "secret": made.signing_secret,
        }))

asyncio.run(main())
`;

const BELIEVE = `
import asyncio, json, sys
from allowly import Allowly
from allowly.resolution_webhook import verify_resolution_webhook

given = json.load(sys.stdin)

def believed(message, secret):
    try:
        event = verify_resolution_webhook(
            message["body"].encode(), message["headers"], signing_secret=secret,
            expected_workspace_id=given["workspace_id"])
        return [event.type, event.data.prompt_id, event.data.status,
                event.data.source_receipt_id, event.data.resolution_receipt_id]
    except Exception as error:
        return type(error).__name__

async def main():
    async with Allowly(given["key"], base_url=given["base_url"],
                       dangerously_allow_insecure_base_url=True) as setup:
        hook = setup.resolution_webhook
        deliveries = (await hook.deliveries()).items
        rotated = await hook.rotate()
        disabled = await hook.disable()
        changed = {**given["messages"][0], "body": given["messages"][0]["body"] + " "}
        print(json.dumps({
            "believed": [believed(message, given["secret"]) for message in given["messages"]],
            "changed": believed(changed, given["secret"]),
            "otherwise": believed(given["messages"][0], rotated.signing_secret),
            "deliveries": [[one.event_type, one.status, one.attempts] for one in deliveries],
            "after": [rotated.credential_version, disabled.enabled],
        }))

asyncio.run(main())
`;

Deno.test("the SDK of Allowly sets the resolution webhook, and believes what it is sent", async () => {
  const messages: { body: string; headers: Record<string, string> }[] = [];
  await using receiver = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      messages.push({ body: await request.text(), headers: Object.fromEntries(request.headers) });
      return new Response(null, { status: 204 });
    },
  );
  const host = `127.0.0.1:${receiver.addr.port}`;
  await using countersign = await Countersign.start({
    // Receivers go by the time of this computer.
    clock: new TestClock(Date.now()),
    variables: { COUNTERSIGN_PRIVATE_HOSTS: host },
  });
  const it = await AllowlyOrg.over(await countersign.org());
  const { org } = it;
  const ann = await org.member("ann@example.com");
  await using python = await PythonPackages.installed("allowly==0.8.0");
  const given = { key: org.management, base_url: `${countersign.origin}/allowly` };
  const { secret, ...set } = await python.run(SET, { ...given, url: `http://${host}/told` });
  assert.deepEqual(set, {
    none: [null, false],
    same: true,
    secrets: true,
    read: [true, true, 2],
  });

  await org.tool("bare", { default_permission: "requires_approval" });
  await it.published(
    "shop",
    policy(action("mail", { decision: "confirm" }), action("wire", { decision: "escalate" })),
  );
  const id = await it.granted("shop");
  const [yes, no] = [
    await it.checked(id, "mail", { context: { to: "a" } }),
    await it.checked(id, "mail", { context: { to: "b" } }),
  ];
  const wire = await it.checked(id, "wire");
  const answered = [
    await it.ask(
      "POST",
      `/v1/confirmations/${yes.confirm_nonce}`,
      { approved: true },
      org.approver,
    ),
    await it.ask(
      "POST",
      `/v1/confirmations/${no.confirm_nonce}`,
      { approved: false },
      org.approver,
    ),
    await it.ask("POST", `/v1/escalations/${wire.escalation_id}/resolve`, {
      resolution: "rejected",
      resolved_by: `member:${ann.id}`,
    }, org.approver),
  ];
  // What is under no authorization is nothing that they know.
  const bare = await org.post("/v1/approvals", { tool_name: "bare", reason: "please" });
  const decide = `/v1/approvals/${bare.body.id}/decide`;
  const by = { decision: "approve", decided_by: "ann@example.com" };
  assert.equal((await org.post(decide, by, org.approver)).status, 200);
  for (let turn = 0; turn < 3; turn++) await sweep(countersign.services, countersign.clock.now);

  const said = await python.run(BELIEVE, { ...given, secret, workspace_id: org.id, messages });
  const receipts = answered.map(({ body }) => body.receipt.receipt_id);
  assert.deepEqual(
    said.believed.toSorted(),
    [
      [
        "confirmation.resolved",
        yes.confirmation_id,
        "approved",
        yes.receipt.receipt_id,
        receipts[0],
      ],
      ["confirmation.resolved", no.confirmation_id, "rejected", no.receipt.receipt_id, receipts[1]],
      ["escalation.resolved", wire.escalation_id, "rejected", wire.receipt.receipt_id, receipts[2]],
    ].toSorted(),
  );
  assert.equal(said.changed, "AllowlyProtocolError");
  assert.equal(said.otherwise, "AllowlyProtocolError");
  assert.deepEqual(said.deliveries.toSorted(), [
    ["confirmation.resolved", "delivered", 1],
    ["confirmation.resolved", "delivered", 1],
    ["escalation.resolved", "delivered", 1],
  ]);
  assert.deepEqual(said.after, [3, false]);
});
