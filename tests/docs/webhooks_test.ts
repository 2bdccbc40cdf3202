import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { HEARD_TYPES } from "../../lib/store/records/event.ts";
import { projectText } from "../helpers/project_files.ts";
import { freePort, StartedProcess } from "../helpers/started_process.ts";

/** What the page of webhooks says is so: all that is told, and receivers that are run as they stand there. */

/** Named so that an endpoint may ask for it before there is anything to tell. */
const NEVER_SENT = ["credits.low"];

Deno.test("every event that an endpoint can hear stands on the page of webhooks, once", async () => {
  const text = await projectText("docs/webhooks.md");
  const types = [...text.matchAll(/^\| (`\w+\.\w+`(?:, `\w+\.\w+`)*) /gm)]
    .flatMap(([, cell = ""]) => cell.split(", ").map((type) => type.slice(1, -1)));
  const sent = HEARD_TYPES.filter((type) => !NEVER_SENT.includes(type));
  assert.deepEqual(types.sort(), [...sent].sort());
});

const SECRET = `whsec_${new Uint8Array(32).fill(7).toBase64()}`;

const BODY = `{"type":"approval.created","data":{"reason":"Größe ✓"}}`;

/** How each is started; what it says of itself once it listens. */
const RECEIVERS = {
  ts: {
    file: "receive.ts",
    run: `${Deno.execPath()} run --no-config --allow-net --allow-env ` +
      "receive.ts",
    listens: "Listening",
  },
  python: {
    file: "receive.py",
    // The server of the library is silent: it says here when it begins to serve.
    run: `python3 -c 'import socketserver
serve = socketserver.BaseServer.serve_forever
def say(self, *rest): print("Listening", flush=True); serve(self, *rest)
socketserver.BaseServer.serve_forever = say
exec(open("receive.py").read())'`,
    listens: "Listening",
  },
} as const;

/** The one block of a language in the page. */
async function printed(language: string): Promise<string> {
  const text = await projectText("docs/webhooks.md");
  const blocks = [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))];
  assert.equal(blocks.length, 1, `blocks of ${language}`);
  return blocks[0]?.[1] ?? "";
}

/** A message as it is sent, but for what is changed on its way. */
function message(
  { at = new Date(), body = BODY, id = "evt_1", also = "" }: {
    readonly at?: Date;
    readonly body?: string;
    readonly id?: string;
    /** Another signature before ours. */
    readonly also?: string;
  } = {},
) {
  return {
    body,
    headers: {
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": also + new Webhook(SECRET).sign("evt_1", at, BODY),
    },
  };
}

for (const [language, { file, run, listens }] of Object.entries(RECEIVERS)) {
  Deno.test(`the receiver in ${language} takes what is signed, and nothing else`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/${file}`, await printed(language));
      const port = freePort();
      const env = { PORT: String(port), WEBHOOK_SECRET: SECRET };
      await using receiver = StartedProcess.inTerminal(folder, run, env);
      await receiver.seen(listens);
      const send = async (sent: ReturnType<typeof message>) => {
        const response = await fetch(`http://localhost:${port}`, { method: "POST", ...sent });
        await response.body?.cancel();
        return response.status;
      };
      assert.equal(await send(message()), 204);
      await receiver.seen("evt_1");
      const other = new Webhook("whsec_AAAA").sign("evt_1", new Date(), BODY);
      assert.equal(await send(message({ also: `${other} ` })), 204, "two secrets sign");
      assert.equal(await send(message({ body: `${BODY} ` })), 400, "another body");
      assert.equal(await send(message({ id: "evt_2" })), 400, "another id");
      assert.equal(await send(message({ at: new Date(Date.now() - 301_000) })), 400, "old");
      assert.equal(await send(message({ at: new Date(Date.now() + 330_000) })), 400, "early");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
