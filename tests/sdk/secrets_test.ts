import assert from "node:assert/strict";
import { type Machine, thisMachine } from "../../clients/typescript/src/cli/machine.ts";
import {
  forgetSecret,
  keepSecret,
  storedSecret,
} from "../../clients/typescript/src/cli/secrets.ts";
import {
  credentialOf,
  keepSettings,
  serviceOf,
} from "../../clients/typescript/src/cli/settings.ts";
import { Terminal } from "./terminal.ts";

/** Where secrets live: in a keychain, or in a file that nobody else reads. */

const ORIGIN = "https://countersign.example";
const SECRET = `cs_agent_${"a1".repeat(20)}`;

function machine(home: string, changes: Partial<Machine> = {}): Machine {
  return { ...thisMachine(), platform: "linux", env: {}, home, ...changes };
}

const mode = async (path: string) => ((await Deno.stat(path)).mode ?? 0) & 0o777;

Deno.test("a secret is kept in a file of the user's own, for its service alone, and forgotten", async () => {
  await using terminal = await Terminal.at();
  const here = machine(terminal.home);
  const folder = `${terminal.home}/.config/countersign`;
  assert.equal(await storedSecret(here, ORIGIN), null);
  assert.equal(await keepSecret(here, ORIGIN, SECRET), "file");
  assert.equal(await mode(folder), 0o700);
  assert.equal(await mode(`${folder}/secrets.json`), 0o600);
  assert.deepEqual(await storedSecret(here, ORIGIN), { secret: SECRET, place: "file" });
  assert.equal(await storedSecret(here, "https://countersign.example.evil"), null);
  assert.equal(await storedSecret(here, "http://countersign.example"), null);

  await keepSecret(here, "https://other.example", "cs_live_b");
  assert.equal((await storedSecret(here, ORIGIN))?.secret, SECRET);
  await forgetSecret(here, "https://other.example");
  await forgetSecret(here, ORIGIN);
  assert.deepEqual((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name), []);

  await assert.rejects(keepSecret(here, ORIGIN, "a\nb"), /no secret/);
});

Deno.test("a file of secrets that others can read, or that is none, is not used", async () => {
  await using terminal = await Terminal.at();
  const here = machine(terminal.home);
  const path = `${terminal.home}/.config/countersign/secrets.json`;
  await keepSecret(here, ORIGIN, SECRET);
  await Deno.chmod(path, 0o644);
  await assert.rejects(storedSecret(here, ORIGIN), /can be read by others.*chmod 600/);
  await Deno.chmod(path, 0o600);
  await Deno.writeTextFile(path, "nothing");
  await assert.rejects(storedSecret(here, ORIGIN), /cannot be read/);
});

/** A keychain as `secret-tool` offers it, in a folder. */
const KEYCHAIN = `#!/bin/sh
echo "$@" >> "$0.calls"
case "$1" in
  store) cat > "$0.kept" ;;
  lookup) cat "$0.kept" 2>/dev/null ;;
  clear) rm -f "$0.kept" ;;
esac
`;

Deno.test("a secret is kept in the keychain where there is one that answers, never as an argument", async () => {
  await using terminal = await Terminal.at();
  const program = `${terminal.home}/secret-tool`;
  const { run } = thisMachine();
  const env = { DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/1/bus" };
  const here = machine(terminal.home, {
    env,
    run: (_, args, how) => run(program, args, how),
  });
  // None is installed: the file has it.
  assert.equal(await keepSecret(here, ORIGIN, "cs_live_before"), "file");
  await Deno.writeTextFile(program, KEYCHAIN, { mode: 0o700 });
  assert.equal(await keepSecret(here, ORIGIN, SECRET), "keychain");
  assert.deepEqual(await storedSecret(here, ORIGIN), { secret: SECRET, place: "keychain" });
  const file = machine(terminal.home, { env: { ...env, COUNTERSIGN_SECRETS: "file" } });
  assert.equal(await storedSecret(file, ORIGIN), null);
  assert.ok(!(await Deno.readTextFile(`${program}.calls`)).includes("cs_"));
  await forgetSecret(here, ORIGIN);
  assert.equal(await storedSecret(here, ORIGIN), null);
  // One that says that it keeps a secret, and does not.
  await Deno.writeTextFile(program, "#!/bin/sh\n", { mode: 0o700 });
  assert.equal(await keepSecret(here, ORIGIN, SECRET), "file");
});

Deno.test("on macOS the secret goes in by the input of `security`", async () => {
  await using terminal = await Terminal.at();
  const calls: (readonly [readonly string[], string])[] = [];
  const here = machine(terminal.home, {
    platform: "darwin",
    run: (program, args, { input = "" }) => {
      assert.equal(program, "security");
      calls.push([args, input]);
      return Promise.resolve({ code: 0, out: args[0] === "find-generic-password" ? SECRET : "" });
    },
  });
  assert.equal(await keepSecret(here, ORIGIN, SECRET), "keychain");
  assert.ok(calls.every(([args]) => !args.join(" ").includes(SECRET)));
  const kept = calls.find(([args]) => args[0] === "-i");
  assert.equal(
    kept?.[1],
    `add-generic-password -U -s countersign -a ${ORIGIN} -w ${SECRET}\n`,
  );
});

Deno.test("what is said with the call comes first, then the environment, then what was kept", async () => {
  await using terminal = await Terminal.at();
  const here = machine(terminal.home);
  await assert.rejects(serviceOf(here, undefined), /Nobody said where Countersign is/);
  await keepSettings(here, { url: ORIGIN });
  await keepSecret(here, ORIGIN, SECRET);
  const url = await serviceOf(here, undefined);
  assert.equal(url.origin, ORIGIN);
  assert.deepEqual(await credentialOf(here, url, undefined), { key: SECRET, from: "file" });
  const env = { COUNTERSIGN_URL: "http://localhost:8000", COUNTERSIGN_AGENT_TOKEN: "cs_agent_b" };
  const told = machine(terminal.home, { env });
  assert.equal((await serviceOf(told, undefined)).origin, "http://localhost:8000");
  assert.equal((await serviceOf(told, ORIGIN)).origin, ORIGIN);
  assert.equal((await credentialOf(told, url, undefined))?.from, "COUNTERSIGN_AGENT_TOKEN");
  const both = machine(terminal.home, { env: { ...env, COUNTERSIGN_KEY: "cs_live_c" } });
  assert.equal((await credentialOf(both, url, undefined))?.from, "COUNTERSIGN_KEY");
  assert.equal((await credentialOf(both, url, "cs_live_d"))?.key, "cs_live_d");
});
