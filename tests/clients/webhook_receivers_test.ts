import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { sweep } from "../../lib/server/due_worker.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { INVITED, TestClock } from "../helpers/countersign.ts";

/** What receivers of others verify by, each in its language, as it is published. */
const PYTHON_PACKAGE = "standardwebhooks==1.1.0";

/** Reads messages as JSON, and says of each whether it is to be believed. */
const PYTHON_RECEIVER = `
import json, sys
from standardwebhooks import Webhook

def believed(message):
    try:
        Webhook(message["secret"]).verify(message["body"], message["headers"])
        return True
    except Exception:
        return False

print(json.dumps([believed(message) for message in json.load(sys.stdin)]))
`;

interface Message {
  readonly secret: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a webhook was sent over HTTP, and its secret. */
async function received(): Promise<Message> {
  const { promise, resolve } = Promise.withResolvers<Omit<Message, "secret">>();
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      resolve({ body: await request.text(), headers: Object.fromEntries(request.headers) });
      return new Response(null, { status: 204 });
    },
  );
  const host = `127.0.0.1:${server.addr.port}`;
  await using it = await ApprovalOrg.start({
    // Receivers go by the time of this computer.
    clock: new TestClock(Date.now()),
    variables: { COUNTERSIGN_PRIVATE_HOSTS: host },
  }, INVITED);
  const { countersign: { services, clock }, org } = it;
  const hook = { url: `http://${host}/events`, events: ["approval.created"] };
  const made = await org.manage("POST", "/v1/webhooks", hook);
  assert.equal(made.status, 201, made.text);
  await it.pending({ reason: "Zürich — ☃" });
  for (let turn = 0; turn < 3; turn++) await sweep(services, clock.now);
  const path = `/v1/webhooks/${made.body.id}/deliveries`;
  const [{ event_id, state }] = (await org.manage("GET", path)).body.data;
  const message = await promise;
  assert.equal(state, "sent");
  assert.equal(message.headers["webhook-id"], event_id);
  return { secret: made.body.secret, ...message };
}

/** One message as it came, and each way in which it must not be believed. */
function tampered(message: Message): Message[] {
  const { body, headers } = message;
  const at = Number(headers["webhook-timestamp"]);
  const other = (name: string, value: string) => ({
    ...message,
    headers: { ...headers, [name]: value },
  });
  return [
    message,
    { ...message, body: body.replace("delete", "Delete") },
    { ...message, body: `${body}\n` },
    other("webhook-id", "evt_another"),
    other("webhook-timestamp", String(at + 1)),
    other("webhook-timestamp", String(at - 301)),
    other("webhook-signature", headers["webhook-signature"]?.replace("v1,", "v2,") ?? ""),
    { ...message, secret: `whsec_${btoa("0".repeat(32))}` },
  ];
}

const BELIEVED = [true, ...Array(7).fill(false)];

Deno.test("receivers of others: the npm package standardwebhooks believes what was sent, and nothing else", async () => {
  const verdicts = tampered(await received()).map(({ secret, body, headers }) => {
    try {
      new Webhook(secret).verify(body, { ...headers });
      return true;
    } catch {
      return false;
    }
  });
  assert.deepEqual(verdicts, BELIEVED);
});

Deno.test("receivers of others: so does the Python package standardwebhooks", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const installed = await new Deno.Command("python3", {
      args: ["-m", "pip", "install", "--quiet", "--target", folder, PYTHON_PACKAGE],
      stdout: "null",
      stderr: "piped",
    }).output();
    assert(installed.success, new TextDecoder().decode(installed.stderr));
    const python = new Deno.Command("python3", {
      args: ["-c", PYTHON_RECEIVER],
      env: { PYTHONPATH: folder },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = python.stdin.getWriter();
    await writer.write(new TextEncoder().encode(JSON.stringify(tampered(await received()))));
    await writer.close();
    const { stdout, stderr } = await python.output();
    const said = new TextDecoder().decode(stdout);
    assert.deepEqual(
      JSON.parse(said === "" ? "null" : said),
      BELIEVED,
      new TextDecoder().decode(stderr),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
