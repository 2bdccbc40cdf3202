import assert from "node:assert/strict";
import { decodeLeaf } from "../../lib/ledger/entry.ts";
import { leavesFrom } from "../../lib/ledger/log_tail.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { Countersign } from "../helpers/countersign.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { RawRequest } from "../helpers/raw_request.ts";
import { freePort, StartedProcess } from "../helpers/started_process.ts";
import { SELF_SIGNED } from "../helpers/self_signed.ts";
import { SocketClient } from "../helpers/socket_client.ts";

/** nginx as the operations document has it, but for its ports, its certificate and TLS. */
const CONFIGURATION = new URL("deploy/nginx.conf", PROJECT);
const NGINX = Deno.env.get("NGINX_PATH") ?? "/usr/sbin/nginx";

const isThere = await Deno.stat(NGINX).then(() => true, () => false);

/** nginx before a port on which a service listens or will. */
class Nginx implements AsyncDisposable {
  private constructor(readonly child: Deno.ChildProcess, readonly port: number) {}

  static async start(folder: string, service: number): Promise<Nginx> {
    const [port, plain, room] = [freePort(), freePort(), freePort()];
    await Deno.writeTextFile(`${folder}/cert.pem`, SELF_SIGNED.cert);
    await Deno.writeTextFile(`${folder}/key.pem`, SELF_SIGNED.key);
    const changes = [
      ["listen 80;", `listen 127.0.0.1:${plain};`],
      ["listen 443 ssl http2;", `listen 127.0.0.1:${port};`],
      ["127.0.0.1:8000", `127.0.0.1:${service}`],
      ["127.0.0.1:8001", `127.0.0.1:${room}`],
      ["/etc/ssl/countersign/fullchain.pem", `${folder}/cert.pem`],
      ["/etc/ssl/countersign/key.pem", `${folder}/key.pem`],
      ["client_body_timeout 10s;", "client_body_timeout 1s;"],
    ] as const;
    let included = await Deno.readTextFile(CONFIGURATION);
    for (const [from, to] of changes) {
      assert.ok(included.includes(from), from);
      included = included.replaceAll(from, to);
    }
    const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`).join(" ");
    await Deno.writeTextFile(
      `${folder}/nginx.conf`,
      `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr;\n` +
        `events {}\nhttp { access_log off; ${folders}\n${included}}\n`,
    );
    const child = new Deno.Command(NGINX, {
      args: ["-p", folder, "-c", `${folder}/nginx.conf`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    return new Nginx(child, port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGTERM");
    await this.child.status;
  }
}

/** Clients that ask one request after the other, and how often each was answered how. */
class Load {
  readonly answers: Record<string, number> = {};
  #isOver = false;
  readonly #clients: readonly Promise<void>[];

  constructor(origin: string, key: string) {
    const headers = { "x-api-key": key, "content-type": "application/json" };
    const body = `{"tool_name":"restart_service"}`;
    const read = () => fetch(`${origin}/v1/tools`, { headers });
    const check = () => fetch(`${origin}/v1/permissions/check`, { method: "POST", headers, body });
    this.#clients = [read, read, read, read, check, check].map((ask) =>
      this.#repeat(ask === read ? "GET" : "POST", ask)
    );
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  async #repeat(method: string, ask: () => Promise<Response>): Promise<void> {
    while (!this.#isOver) {
      const response = await ask();
      await response.text();
      const answer = `${method} ${response.status}`;
      this.answers[answer] = (this.answers[answer] ?? 0) + 1;
    }
  }
}

/** The checks that a log of a stored file has. */
async function checksIn(folder: string, org: string): Promise<number> {
  using kv = await Deno.openKv(`${folder}/data/countersign.kv`);
  let checks = 0;
  for await (const { leaf } of leavesFrom(kv, org, 0, Number.MAX_SAFE_INTEGER)) {
    if (decodeLeaf(leaf).type === "permission.checked") checks++;
  }
  return checks;
}

Deno.test({
  name:
    "behind nginx as documented: restarts under load lose no GET, and what is refused did nothing",
  ignore: !isThere,
  async fn() {
    const folder = await Deno.makeTempDir();
    const secret = systemRandom(48).toBase64();
    await Deno.mkdir(`${folder}/data`);
    const kv = await Deno.openKv(`${folder}/data/countersign.kv`);
    const made = await Countersign.start({ kv, secret: new TextEncoder().encode(secret) });
    const org = await made.org();
    await made[Symbol.asyncDispose]();
    kv.close();
    const service = freePort();
    {
      await using nginx = await Nginx.start(folder, service);
      const origin = `http://127.0.0.1:${nginx.port}`;
      const variables = {
        PORT: String(service),
        COUNTERSIGN_SECRET: secret,
        COUNTERSIGN_URL: origin,
        COUNTERSIGN_TRUSTED_PROXY: "1",
        COUNTERSIGN_DRAIN_SECONDS: "1",
      };
      let { process } = await StartedProcess.listening(folder, variables);
      const ready = await (await fetch(`${origin}/readyz`)).json();
      assert.deepEqual([ready.status, ready.forwarded_for], ["ready", "ok"]);
      // A socket passes, and ends when its process does.
      const socket = await SocketClient.open({ origin }, org.standard);
      assert.equal((await socket.ask("GET", "/v1/tools?limit=1")).status, 200);
      const load = new Load(origin, org.standard);
      for (let restart = 0; restart < 2; restart++) {
        const next = await StartedProcess.start(folder, variables);
        await next.line("Waiting for the process that holds the store");
        process.signal("SIGTERM");
        await next.line("Countersign listens");
        assert.equal((await process.ended()).code, 0);
        process = next;
      }
      assert.deepEqual(await socket.closed, { code: 1001, reason: "stopping" });
      await using again = await SocketClient.open({ origin }, org.standard);
      assert.equal((await again.ask("GET", "/v1/tools?limit=1")).status, 200);
      // A slow body is nginx's to end: the service never hears of it.
      using slow = await RawRequest.open(nginx.port);
      await slow.send(
        `POST /v1/permissions/check HTTP/1.1\r\nhost: 127.0.0.1:${nginx.port}\r\n` +
          `x-api-key: ${org.standard}\r\ncontent-length: 100\r\n\r\n{`,
      );
      assert.doesNotMatch(await slow.received(), /^HTTP\/1\.1 [23]/);
      await load.end();
      process.signal("SIGTERM");
      assert.equal((await process.ended()).code, 0);
      const { "GET 200": read, "POST 200": checked = 0, ...others } = load.answers;
      assert.ok(read !== undefined && read > 0);
      // 502 is a request that came in the moment in which the old process let go of its port.
      for (const other of Object.keys(others)) assert.match(other, /^POST 50[23]$/);
      assert.equal(await checksIn(folder, org.id), checked);
    }
    await Deno.remove(folder, { recursive: true });
  },
});
