import assert from "node:assert/strict";
import { DeploymentFolder } from "../helpers/deployment_folder.ts";
import { StartedProcess } from "../helpers/started_process.ts";

const SECRET = "0123456789abcdef".repeat(3);

/** How a start ends that is refused: its exit code and what it says. */
async function refused(folder: string, variables: Record<string, string>) {
  await using process = StartedProcess.start(folder, variables);
  const { code, output } = await process.ended();
  assert.equal(code, 2, output);
  assert.doesNotMatch(output, /\n\s+at |Uncaught/, "a message, not a stack");
  return output;
}

Deno.test("start: the first one works with the task's permissions and makes its folders private", async () => {
  await using place = await DeploymentFolder.make();
  const { process, port } = await StartedProcess.listening(place.path, {
    COUNTERSIGN_URL: "http://localhost",
  });
  await using _ = process;
  await process.seen("COUNTERSIGN_BOOTSTRAP_KEY=");
  const response = await fetch(`http://127.0.0.1:${port}/readyz`);
  assert.equal((await response.json()).status, "ready");
  for (const file of ["data/countersign.kv", "data/countersign.kv.lock", "config/secret"]) {
    const { mode } = await Deno.stat(`${place.path}/${file}`);
    assert.equal((mode ?? 0) & 0o777, 0o600, file);
  }
});

Deno.test("start: hosts that may be private are said in one line, and a wrong one is refused", async () => {
  await using place = await DeploymentFolder.make();
  const named = { COUNTERSIGN_PRIVATE_HOSTS: "grafana:3000, 10.0.0.7:8080" };
  const { process } = await StartedProcess.listening(place.path, named);
  await using _ = process;
  const line = await process.line("Hosts that may be asked although they are private");
  assert.equal(line.hosts, "grafana:3000, 10.0.0.7:8080");
  await using other = await DeploymentFolder.make();
  const wrong = await refused(other.path, { COUNTERSIGN_PRIVATE_HOSTS: "http://grafana" });
  assert.match(wrong, /^COUNTERSIGN_PRIVATE_HOSTS names "http:\/\/grafana", which is not host/);
});

Deno.test("start: a store that another process holds is refused", async () => {
  await using place = await DeploymentFolder.make();
  const { process } = await StartedProcess.listening(place.path, {});
  await using _ = process;
  assert.match(await refused(place.path, {}), /another process holds the store data\/countersign/);
});

Deno.test("start: another secret than the store was written under is refused", async () => {
  await using place = await DeploymentFolder.make();
  const { process } = await StartedProcess.listening(place.path, { COUNTERSIGN_SECRET: SECRET });
  process.signal("SIGTERM");
  assert.equal((await process.ended()).code, 0);
  const other = { COUNTERSIGN_SECRET: "fedcba9876543210".repeat(3) };
  const said = await refused(place.path, other);
  assert.match(said, /^COUNTERSIGN_SECRET: the store was written under another secret/m);
  assert.ok(!said.includes(SECRET) && !said.includes(other.COUNTERSIGN_SECRET));

  const rotated = { ...other, COUNTERSIGN_SECRET_PREVIOUS: SECRET };
  const again = await StartedProcess.listening(place.path, rotated);
  again.process.signal("SIGTERM");
  assert.equal((await again.process.ended()).code, 0);
});

Deno.test("start: a port in use is refused", async () => {
  await using place = await DeploymentFolder.make();
  using taken = Deno.listen({ port: 0 });
  const port = String((taken.addr as Deno.NetAddr).port);
  const said = await refused(place.path, { PORT: port });
  assert.match(said, new RegExp(`^PORT ${port} is in use`, "m"));
  assert.doesNotMatch(said, /set-up/, "a link that leads to what else listens there");
});

Deno.test("start: folders that cannot be made or read are refused by name", async () => {
  await using place = await DeploymentFolder.make();
  await Deno.writeTextFile(`${place.path}/config`, "a file");
  assert.match(
    await refused(place.path, {}),
    /^COUNTERSIGN_SECRET is to come from config\/secret/m,
  );
  await Deno.writeTextFile(`${place.path}/data`, "a file");
  const said = await refused(place.path, { COUNTERSIGN_SECRET: SECRET });
  assert.match(said, /^COUNTERSIGN_KV: the store data\/countersign\.kv does not open/m);
});

Deno.test("start: a file that is no database is refused", async () => {
  await using place = await DeploymentFolder.make();
  await Deno.mkdir(`${place.path}/data`);
  await Deno.writeTextFile(
    `${place.path}/data/countersign.kv`,
    "notes, not a database\n".repeat(99),
  );
  const said = await refused(place.path, { COUNTERSIGN_SECRET: SECRET });
  assert.match(said, /does not open/);
});

Deno.test("start: a setting of the wrong shape is refused by name", async () => {
  await using place = await DeploymentFolder.make();
  assert.match(await refused(place.path, { PORT: "http" }), /^PORT is "http"/m);
  const said = await refused(place.path, { COUNTERSIGN_BOOTSTRAP_KEY: "cs_live_short" });
  assert.match(said, /^COUNTERSIGN_BOOTSTRAP_KEY must begin with cs_mgmt_/m);
  assert.ok(!said.includes("cs_live_short"));
});
