import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { StartedProcess } from "../helpers/started_process.ts";

const SECRETS = {
  COUNTERSIGN_SECRET: "0123456789abcdef".repeat(3),
  COUNTERSIGN_SECRET_PREVIOUS: "fedcba9876543210".repeat(3),
  COUNTERSIGN_BOOTSTRAP_KEY: `cs_mgmt_${"0123456789abcdef".repeat(3)}`,
  COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: `cs_appr_${"0123456789abcdef".repeat(3)}`,
  SMTP_URL: "smtp://me:a-password@127.0.0.1:1",
  DENO_KV_ACCESS_TOKEN: "an access token",
};

interface Probed {
  readonly before: Record<string, string>;
  readonly serving: Record<string, string>;
}

async function probed(folder: string, variables: Record<string, string>): Promise<Probed> {
  await using process = StartedProcess.start(folder, variables, "tests/commands/started_probe.ts");
  const { before, serving } = await process.line("probed");
  await process.seen("Countersign listens");
  return { before, serving } as unknown as Probed;
}

Deno.test("secrets: once requests are served, the process can read none of its variables", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const mail = { MAIL_FROM: "countersign@example.com" };
    const { before, serving } = await probed(folder, { ...SECRETS, ...mail });
    for (const [name, value] of Object.entries(SECRETS)) {
      // The token of a store over KV Connect is never readable beside a store that is a file.
      assert.equal(before[name], name === "DENO_KV_ACCESS_TOKEN" ? "NotCapable" : value, name);
      assert.equal(serving[name], "NotCapable", name);
    }
    for (const [name, read] of Object.entries(serving)) assert.equal(read, "NotCapable", name);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("secrets: nor can it read the file, nor list or write the folder that holds it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const first = await probed(folder, {});
    assert.equal(first.before["config/secret"], "NotFound");
    const again = await probed(folder, {});
    const secret = await Deno.readTextFile(`${folder}/config/secret`);
    assert.equal(again.before["config/secret"], secret);
    assert.equal(secret.length, 64);
    for (const { before, serving } of [first, again]) {
      assert.equal(before.config, "NotCapable");
      for (const [name, read] of Object.entries(serving)) assert.equal(read, "NotCapable", name);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("secrets: a store over KV Connect keeps the access token that nobody can read any more", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      "--allow-env=DENO_KV_ACCESS_TOKEN",
      fileURLToPath(new URL("kv_connect_probe.ts", import.meta.url)),
    ],
    env: { NO_COLOR: "1", DENO_KV_ACCESS_TOKEN: "an access token" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), {
    readable: [],
    asked: Array(3).fill("Bearer an access token"),
  });
});
